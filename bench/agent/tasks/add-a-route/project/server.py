"""Notes over HTTP. The port is the first argument, 0 for any free one; it is printed."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """``notes`` are those of its server."""

    def do_GET(self):
        if self.path == "/notes":
            self.answer(200, {"notes": self.server.notes})
        else:
            self.answer(404, {"error": "not found"})

    def do_POST(self):
        if self.path != "/notes":
            self.answer(404, {"error": "not found"})
            return
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.notes.append(body["text"])
        self.answer(201, {"number": len(self.server.notes)})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Quiet."""


def make_server(port):
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.notes = []
    return server


if __name__ == "__main__":
    server = make_server(int(sys.argv[1]))
    print(server.server_address[1], flush=True)
    server.serve_forever()
