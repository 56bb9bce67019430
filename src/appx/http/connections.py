"""One connection of a client: how many there may be, and how long the head of a request may take."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from typing_extensions import override
from uvicorn._types import ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from appx.http.heads import FULL, SLOW, BoundedHead
from appx.http.throttle import neighbourhood

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


class Connection(BoundedHead):
    """uvicorn's waits for ever for the rest of a request."""

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
        self._timer: asyncio.TimerHandle | None = None
        self._opens = False

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
        if self._has_place:
            super().data_received(data)
        else:
            self.refuse(*FULL)

    @override
    def went_on(self) -> None:
        if self.is_busy():
            self._stop_waiting()
        elif self._timer is None:
            self._wait()

    @override
    def head_is_whole(self) -> None:
        self._opens = not self.is_busy() and self._asks_for_socket()

    @override
    def opens_socket(self) -> bool:
        return self._opens

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
    def handle_websocket_upgrade(self) -> None:
        """The place goes with the connection."""
        self._stop_waiting()
        self._has_place = False
        give_back = partial(self._places.give_back, self._address)
        self.ws_protocol_class = partial(Socket, give_back=give_back)  # type: ignore[assignment]  # it is only called
        super().handle_websocket_upgrade()

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self._head_seconds, self._gave_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _gave_up(self) -> None:
        self._timer = None
        if not self.is_busy():
            self.refuse(*SLOW)

    @override
    def refuse(self, status: int, sentence: str) -> None:
        self._stop_waiting()
        super().refuse(status, sentence)


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
