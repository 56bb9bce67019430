// The routes: the API, the health check, and the files that were built.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";

import { Count } from "./count.js";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
};

export function makeServer({ data, pages }) {
  const count = new Count(data);
  const top = resolve(pages);

  return createServer(async (request, response) => {
    try {
      const { pathname } = new URL(request.url, "http://app");
      if (pathname === "/health") text(response, 200, "ok\n");
      else if (pathname === "/api/count") await counted(count, request, response);
      else if (pathname.startsWith("/api/")) json(response, 404, { error: "There is no such route." });
      else await file(top, pathname, response);
    } catch (error) {
      if (error.code === "ERR_STREAM_PREMATURE_CLOSE") return; // the browser left
      console.error(error);
      if (response.headersSent) response.destroy();
      else json(response, 500, { error: "Something is wrong. The log tells more." });
    }
  });
}

async function counted(count, request, response) {
  request.resume();
  if (request.method === "GET") json(response, 200, { count: count.value });
  else if (request.method === "POST") json(response, 200, { count: count.addOne() });
  else json(response, 405, { error: "This route takes GET and POST." });
}

// A path that is no file is a route of the page.
async function file(top, pathname, response) {
  let wanted;
  try {
    wanted = join(top, normalize(decodeURIComponent(pathname)));
  } catch {
    return json(response, 400, { error: "This is no path." });
  }
  const found = wanted.startsWith(top + sep) && !wanted.includes("\0") && (await isFile(wanted));
  const path = found ? wanted : join(top, "index.html");
  response.writeHead(200, {
    "Content-Type": TYPES[extname(path)] ?? "application/octet-stream",
    // The names of what was built change with what is in it; index.html keeps its name.
    "Cache-Control": path.startsWith(join(top, "assets") + sep) ? "public, max-age=31536000, immutable" : "no-cache",
    "X-Content-Type-Options": "nosniff",
  });
  await pipeline(createReadStream(path), response);
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

function text(response, status, body) {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store" });
  response.end(body);
}
