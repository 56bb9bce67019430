"""An index for pip and npm on a port of the loopback, with one package for each, and a log of what is fetched.

    index.py PORT LOG

The headers about caches are those of PyPI and of npm's registry.
"""

import base64
import hashlib
import io
import json
import sys
import tarfile
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, LOG = int(sys.argv[1]), sys.argv[2]
WHEEL = "/files/verify_cached-1.0-py3-none-any.whl"
TARBALL = "/verify-cached/-/verify-cached-1.0.0.tgz"
FOREVER, A_WHILE = "max-age=365000000, immutable, public", "max-age=300, public"


def wheel() -> bytes:
    files = {
        "verify_cached.py": "",
        "verify_cached-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: verify-cached\nVersion: 1.0\n",
        "verify_cached-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "verify_cached-1.0.dist-info/RECORD": "",
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


def tarball() -> bytes:
    text = json.dumps({"name": "verify-cached", "version": "1.0.0"}).encode()
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        entry = tarfile.TarInfo("package/package.json")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    return data.getvalue()


def page(content: bytes) -> bytes:
    return f'<a href="{WHEEL}#sha256={hashlib.sha256(content).hexdigest()}">verify_cached</a>'.encode()


def package(content: bytes) -> bytes:
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    found = {"tarball": f"http://127.0.0.1:{PORT}{TARBALL}", "integrity": f"sha512-{digest}"}
    version = {"name": "verify-cached", "version": "1.0.0", "dist": found}
    return json.dumps(
        {"name": "verify-cached", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    ).encode()


def answers() -> dict[str, tuple[str, str, bytes]]:
    """Type, how long it is good, content."""
    python, node = wheel(), tarball()
    return {
        "/simple/verify-cached/": ("text/html", A_WHILE, page(python)),
        WHEEL: ("application/octet-stream", FOREVER, python),
        "/verify-cached": ("application/json", A_WHILE, package(node)),
        TARBALL: ("application/octet-stream", FOREVER, node),
    }


ANSWERS = answers()


class Index(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kind, good, content = ANSWERS.get(self.path, ("text/plain", "no-store", b""))
        self.send_response(200 if content else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", good)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        with open(LOG, "a") as log:
            print(self.path, file=log)


ThreadingHTTPServer(("127.0.0.1", PORT), Index).serve_forever()
