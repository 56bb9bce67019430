"""How long and how large the head of a request may be: for whoever may connect, before anybody knows who it is."""

from http import HTTPStatus
from typing import Any

import httptools
import orjson
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from appx.http.walls import WALLS

HEAD_BYTES = 32 * 1024
"""Of a request's line and headers together. The parser has no limit of its own."""

URL_BYTES = 16 * 1024
HEADERS = 100

WAITING = 8
"""Requests of a connection that may wait for the answer to an earlier one. Clients of today send none before it."""

FULL = (503, "Too many connections are open. Close some, or try again later; the operator sets APPX_MAX_CONNECTIONS.")
BAD = (400, "This is no request of HTTP/1.1.")
LONG = (414, f"The address of the request is longer than {URL_BYTES} bytes.")
LARGE = (
    431,
    f"The request has more than {HEADERS} headers, or {HEAD_BYTES} bytes. In a browser, delete cookies of this host.",
)
SLOW = (408, "The request did not come to an end in time. Send it again.")


class BoundedHead(HttpToolsProtocol):
    """uvicorn's takes headers and requests without end, and tells the log of each that it does not understand."""

    _head = 0
    """Bytes that came since the head of a request, a part of a body, or the end of one did."""

    _went_on = False
    _refusal = BAD

    @override
    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self.opens_socket():
                self.handle_websocket_upgrade()
                return
            self.cycle.keep_alive = False  # it is answered as if nothing else were wished for
        except httptools.HttpParserError:
            self.refuse(*self._refusal)
            return
        self._head = 0 if self._went_on else self._head + len(data)
        self._went_on = False
        if self._head > HEAD_BYTES:
            self.refuse(*LARGE)
        else:
            self.went_on()

    def opens_socket(self) -> bool:
        """Whether the request whose head came last opens a WebSocket."""
        return False

    @override
    def _should_upgrade(self) -> bool:
        return self.opens_socket()

    def went_on(self) -> None:
        """Called when something good has come."""

    @override
    def on_body(self, body: bytes) -> None:
        self._went_on = True
        super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        self._went_on = True
        super().on_message_complete()

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        """Also for those behind a body, which nobody needs."""
        if len(self.headers) > HEADERS:
            self._refusal = LARGE
            raise ValueError(LARGE[1])
        super().on_header(name, value)

    @override
    def on_headers_complete(self) -> None:
        """What is raised here is a mistake of the parser's, for ``data_received``."""
        self._went_on = True
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if len(self.url) > URL_BYTES:
            self._refusal = LONG
        elif size > HEAD_BYTES or len(self.headers) > HEADERS:
            self._refusal = LARGE
        elif len(self.pipeline) < WAITING:
            self.head_is_whole()
            super().on_headers_complete()
            return
        raise ValueError(self._refusal[1])

    def head_is_whole(self) -> None:
        """Called before the request begins."""

    def is_busy(self) -> bool:
        """With a request whose head is whole. Its body is timed by who reads it."""
        return bool(self.cycle) and not self.cycle.response_complete

    def refuse(self, status: int, sentence: str) -> None:
        """Unless an answer to an earlier request is on its way."""
        if self.transport.is_closing():
            return
        if not self.is_busy():
            self.transport.write(_refusal(status, self.said(sentence)))
        self.transport.close()

    def said(self, sentence: str) -> dict[str, Any]:
        """The body of a refusal."""
        return {"error": sentence}

    @override
    def send_400_response(self, msg: str) -> None:
        self.refuse(*BAD)


def _refusal(status: int, said: dict[str, Any]) -> bytes:
    body = orjson.dumps(said)
    headers = {
        **WALLS,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "Connection": "close",
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "5"
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
