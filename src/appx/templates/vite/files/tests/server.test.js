// The server as a browser sees it: over HTTP, with what was built, and with data of its own.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

import { makeServer } from "../server/server.js";

let folder, server, url;

async function start() {
  server = makeServer({ data: folder, pages: "dist" });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${server.address().port}`;
}

async function stop() {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "app-"));
  await start();
});

afterEach(async () => {
  await stop();
  rmSync(folder, { recursive: true });
});

const count = async (method) => (await (await fetch(`${url}/api/count`, { method })).json()).count;

test("it says that it is well", async () => {
  assert.equal(await (await fetch(`${url}/health`)).text(), "ok\n");
});

test("it counts, and knows the number after a restart", async () => {
  assert.equal(await count("GET"), 0);
  assert.equal(await count("POST"), 1);
  assert.equal(await count("POST"), 2);
  await stop();
  await start();
  assert.equal(await count("GET"), 2);
});

test("the page and its script are there", async () => {
  const page = await (await fetch(url)).text();
  assert.match(page, /<title>Counter<\/title>/);
  const script = await fetch(new URL(page.match(/src="([^"]+\.js)"/)[1], `${url}/`));
  assert.equal(script.status, 200);
  assert.match(script.headers.get("content-type"), /javascript/);
  assert.match(script.headers.get("cache-control"), /immutable/);
});

test("a path of the page is the page", async () => {
  assert.match(await (await fetch(`${url}/some/route`)).text(), /<title>Counter<\/title>/);
});

test("what is no route of the API is said to be none", async () => {
  assert.equal((await fetch(`${url}/api/nothing`)).status, 404);
  assert.equal((await fetch(`${url}/api/count`, { method: "DELETE" })).status, 405);
});

test("no path leads out of what was built", async () => {
  for (const path of ["/../package.json", "/%2e%2e/package.json", "/..%2fpackage.json", "/assets/../../package.json"]) {
    const answer = await raw(path);
    assert.doesNotMatch(answer, /"private": true/, path);
  }
  assert.match(await raw("/%zz"), /^HTTP\/1.1 400/);
});

// fetch would make the path plain before it sends it.
function raw(path) {
  return new Promise((done, failed) => {
    let answer = "";
    const socket = connect(server.address().port, "127.0.0.1");
    socket.on("data", (data) => (answer += data)).on("end", () => done(answer)).on("error", failed);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n`);
  });
}
