// The pages, and the way to the API.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, request as ask } from "node:http";
import { extname, join, normalize, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
};
// They are of one connection, so each side has its own.
const HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

export function makeServer({ api, pages }) {
  const top = resolve(pages);

  return createServer(async (request, response) => {
    try {
      const { pathname } = new URL(request.url, "http://web");
      if (pathname === "/health" || pathname.startsWith("/api/")) await handOn(api, request, response);
      else await file(top, pathname, response);
    } catch (error) {
      if (error.code === "ERR_STREAM_PREMATURE_CLOSE") return; // the browser left
      console.error(error);
      if (response.headersSent) response.destroy();
      else json(response, 502, { error: "The API does not answer. Try again." });
    }
  });
}

// The name of the API is looked up each time: after a restart it may have another address. And each request has its own
// connection: one that is kept may be ended by the API just when the next request is on its way.
async function handOn(api, request, response) {
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !HOP.includes(name)));
  const asking = ask(new URL(request.url, api), { method: request.method, headers, timeout: 30_000, agent: false });
  asking.on("timeout", () => asking.destroy(new Error("The API took too long.")));
  const answered = new Promise((done, fail) => asking.on("response", done).on("error", fail));
  await Promise.all([pipeline(request, asking), answered]);
  const answer = await answered;
  const told = Object.entries(answer.headers).filter(([name]) => !HOP.includes(name));
  response.writeHead(answer.statusCode, Object.fromEntries(told));
  await pipeline(answer, response);
}

async function file(top, pathname, response) {
  let wanted;
  try {
    wanted = join(top, normalize(decodeURIComponent(pathname)), pathname.endsWith("/") ? "index.html" : "");
  } catch {
    return json(response, 400, { error: "This is no path." });
  }
  if (!wanted.startsWith(top + sep) || wanted.includes("\0") || !(await isFile(wanted))) {
    return json(response, 404, { error: "There is no such page." });
  }
  response.writeHead(200, {
    "Content-Type": TYPES[extname(wanted)] ?? "application/octet-stream",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
  });
  await pipeline(createReadStream(wanted), response);
}

async function isFile(path) {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

function json(response, status, body) {
  response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  response.end(JSON.stringify(body));
}
