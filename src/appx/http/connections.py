"""One connection of a client: how many there may be, and how long and how large the head of a request."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

import httptools
import orjson
from typing_extensions import override
from uvicorn._types import ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from appx.http.throttle import neighbourhood
from appx.http.walls import WALLS

HEAD_BYTES = 32 * 1024
"""Of a request's line and headers together. The parser has no limit of its own."""

URL_BYTES = 16 * 1024
HEADERS = 100
HEAD_SECONDS = 20.0
"""In which a request's head has to come, from its first byte on, and the first one from the connection on."""

KEPT_SECONDS = 125
"""How long a connection without a request stays open. Clients and proxies keep theirs for 5 to 120 seconds: who closes
first loses no request."""

SOCKETS = re.compile(rb"/v1/projects/[^/?]+/(?:apps/[^/?]+/)?shell(?:\?.*)?")
"""Where a WebSocket is opened. Elsewhere a request that asks for one is answered as if it had not."""

SOCKET_LINE = 8_000
"""Bytes of one header. The parser of WebSockets takes no longer ones."""

MESSAGE_BYTES = 256 * 1024
PING_SECONDS = 60.0
"""In which the other end of a WebSocket has to answer, also when much is on its way to it."""

LATE = 64
"""So many connections beyond those that there may be get an answer; further ones are closed at once."""

FULL = (503, "Too many connections are open. Close some, or try again later; the operator sets APPX_MAX_CONNECTIONS.")
BAD = (400, "This is no request of HTTP/1.1.")
LONG = (414, f"The address of the request is longer than {URL_BYTES} bytes.")
LARGE = (431, f"The request has more than {HEADERS} headers, or {HEAD_BYTES} bytes of them.")
SLOW = (408, "The request did not come to an end in time. Send it again.")


class Places:
    """How many connections are open: ``most`` in all, and three of four of these from one address."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._each = max(1, most * 3 // 4)
        self._taken: Counter[str] = Counter()

    def take(self, address: str) -> bool:
        """Whether there was one; if so, ``give_back`` it."""
        if self._taken.total() >= self._most or self._taken[neighbourhood(address)] >= self._each:
            return False
        self._taken[neighbourhood(address)] += 1
        return True

    def give_back(self, address: str) -> None:
        key = neighbourhood(address)
        self._taken[key] -= 1
        if not self._taken[key]:
            del self._taken[key]


def protocol(most: int, *, head_seconds: float = HEAD_SECONDS) -> Callable[..., asyncio.Protocol]:
    """What uvicorn makes for each connection of a server that has at most ``most``."""
    return partial(Connection, places=Places(most), head_seconds=head_seconds)


class Connection(HttpToolsProtocol):
    """uvicorn's waits for ever for the rest of a request, and takes headers without end."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        places: Places,
        head_seconds: float,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._places = places
        self._head_seconds = head_seconds
        self._has_place = False
        self._head = 0
        """Bytes that came since the head of a request, a part of a body, or the end of one did."""
        self._went_on = False
        self._timer: asyncio.TimerHandle | None = None
        self._refusal = BAD
        self._opens = False
        """Whether the request whose head came last opens a WebSocket."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._has_place = self._places.take(self._address)
        if not self._has_place and sum(not each.has_place for each in self._others()) >= LATE:
            transport.abort()
            return
        self._wait()

    @property
    def has_place(self) -> bool:
        return self._has_place

    def _others(self) -> "list[Connection]":
        return [each for each in self.connections if isinstance(each, Connection)]

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        if self._has_place:
            self._places.give_back(self._address)
            self._has_place = False
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if not self._has_place:
            self._refuse(*FULL)
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._opens:
                self.handle_websocket_upgrade()
                return
            self.cycle.keep_alive = False  # it is answered as if nothing else were wished for
        except httptools.HttpParserError:
            self._refuse(*self._refusal)
            return
        self._head = 0 if self._went_on else self._head + len(data)
        self._went_on = False
        if self._head > HEAD_BYTES:
            self._refuse(*LARGE)
        elif self._is_busy():
            self._stop_waiting()
        elif self._timer is None:
            self._wait()

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
        else:
            self._opens = not self._is_busy() and self._asks_for_socket()
            super().on_headers_complete()
            return
        raise ValueError(self._refusal[1])

    def _asks_for_socket(self) -> bool:
        """All that the parser of WebSockets will want to see is there, so that it has nothing to refuse."""
        given = Counter(name for name, _ in self.headers)
        values = dict(self.headers)
        return (
            self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and self._get_upgrade() == b"websocket"
            and SOCKETS.fullmatch(self.url) is not None
            and all(given[each] == 1 for each in (b"host", b"connection", b"upgrade", b"sec-websocket-key"))
            and values.get(b"sec-websocket-version") == b"13"
            and not given.keys() & {b"content-length", b"transfer-encoding"}
            and max(len(self.url), *(len(name) + len(value) for name, value in self.headers)) <= SOCKET_LINE
        )

    @override
    def _should_upgrade(self) -> bool:
        return self._opens

    @override
    def handle_websocket_upgrade(self) -> None:
        """The place goes with the connection."""
        self._stop_waiting()
        self._has_place = False
        give_back = partial(self._places.give_back, self._address)
        self.ws_protocol_class = partial(Socket, give_back=give_back)  # type: ignore[assignment]  # it is only called
        super().handle_websocket_upgrade()

    def _is_busy(self) -> bool:
        """With a request whose head is whole. Its body is timed by who reads it."""
        return bool(self.cycle) and not self.cycle.response_complete

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self._head_seconds, self._gave_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _gave_up(self) -> None:
        self._timer = None
        if not self._is_busy():
            self._refuse(*SLOW)

    def _refuse(self, status: int, sentence: str) -> None:
        """Unless an answer to an earlier request is on its way."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        if not self._is_busy():
            self.transport.write(_refusal(status, sentence))
        self.transport.close()

    @override
    def send_400_response(self, msg: str) -> None:
        self._refuse(*BAD)


class Socket(WebSocketsSansIOProtocol):
    """A connection that has become a WebSocket. ``give_back``: called at its end."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        give_back: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._give_back = give_back

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._give_back()
        super().connection_lost(exc)

    @override
    async def send(self, message: ASGISendEvent) -> None:
        """uvicorn's takes an answer of HTTP for none, and logs a mistake."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True

    @override
    def handle_parser_exception(self) -> None:
        """uvicorn's knows no mistakes before the WebSocket is open."""
        if self.conn.close_sent is None:
            self.transport.close()
        else:
            super().handle_parser_exception()


def _refusal(status: int, sentence: str) -> bytes:
    body = orjson.dumps({"error": sentence})
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
