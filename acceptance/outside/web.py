"""The internet of ``63-egress.sh``: a page on each address, ``web.py CERTIFICATE ADDRESS:PORT…``; port 443 has TLS.

An address that is none of this host's is left out.
"""

import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        text = b"a public page\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def main() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    threads = []
    for place in sys.argv[2:]:
        address, _, port = place.rpartition(":")
        try:
            server = ThreadingHTTPServer((address, int(port)), Page)
        except OSError as error:
            print(f"{place}: {error}", file=sys.stderr)
            continue
        if port == "443":
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threads.append(threading.Thread(target=server.serve_forever))
    for thread in threads:
        thread.start()


main()
