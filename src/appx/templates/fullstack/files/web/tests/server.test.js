// The server as a browser sees it, before an API of the test's own.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { makeServer } from "../server.js";

async function listening(server, context) {
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

async function web(context, answer) {
  const api = await listening(createServer(answer), context);
  return listening(makeServer({ api, pages: "site" }), context);
}

test("the page is there, and nothing above it", async (context) => {
  const at = await web(context, (_, response) => response.end());
  const page = await fetch(`${at}/`);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /<script src="script.js"/);
  assert.match((await fetch(`${at}/script.js`)).headers.get("content-type"), /javascript/);
  for (const path of ["/nothing", "/..%2fserver.js", "/%2e%2e/server.js", "/%00"]) {
    assert.equal((await fetch(at + path)).status, 404, path);
  }
  assert.equal((await fetch(`${at}/%E0%A4%A`)).status, 400);
});

test("what is sent reaches the API, and its answer comes back", async (context) => {
  const at = await web(context, async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    response.writeHead(201, { "content-type": "application/json" });
    response.end(JSON.stringify([request.method, request.url, body]));
  });
  const answer = await fetch(`${at}/api/tasks?a=b`, { method: "POST", body: "Tea" });
  assert.equal(answer.status, 201);
  assert.deepEqual(await answer.json(), ["POST", "/api/tasks?a=b", "Tea"]);
  assert.equal((await fetch(`${at}/health`)).status, 201);
});

test("an API that ends idle connections is reached all the same", async (context) => {
  const used = new Set();
  const at = await web(context, (request, response) => {
    if (used.has(request.socket)) return request.socket.destroy();
    used.add(request.socket);
    response.end("ok");
  });
  for (const _ of [1, 2, 3]) assert.equal((await fetch(`${at}/api/tasks`)).status, 200);
});

test("without an API it says so", async (context) => {
  const at = await listening(makeServer({ api: "http://127.0.0.1:9", pages: "site" }), context);
  const answer = await fetch(`${at}/api/tasks`);
  assert.equal(answer.status, 502);
  assert.match((await answer.json()).error, /does not answer/);
});
