"""A git repository for ``54-import.sh``: ``git.py REPOSITORY ADDRESS:PORT…`` serves it at ``/there.git``, to read.

Only what a clone asks (git's smart HTTP protocol). An address that is none of this host's is left out.
"""

import gzip
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADVERTISED = "/there.git/info/refs?service=git-upload-pack"
ASKED = "/there.git/git-upload-pack"


class Repository(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path != ADVERTISED:
            self.send_error(404)
            return
        told = upload_pack(b"", "--http-backend-info-refs")
        self.answer("advertisement", b"001e# service=git-upload-pack\n0000" + told)

    def do_POST(self) -> None:
        if self.path != ASKED:
            self.send_error(404)
            return
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            asked = gzip.decompress(asked)
        self.answer("result", upload_pack(asked))

    def answer(self, kind: str, data: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"application/x-git-upload-pack-{kind}")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def upload_pack(given: bytes, *words: str) -> bytes:
    command = ["git", "upload-pack", "--stateless-rpc", *words, sys.argv[1]]
    return subprocess.run(command, input=given, capture_output=True, check=False).stdout  # noqa: S603


def main() -> None:
    threads = []
    for place in sys.argv[2:]:
        address, _, port = place.rpartition(":")
        try:
            server = ThreadingHTTPServer((address, int(port)), Repository)
        except OSError as error:
            print(f"{place}: {error}", file=sys.stderr)
            continue
        threads.append(threading.Thread(target=server.serve_forever))
    for thread in threads:
        thread.start()


main()
