"""A provider that misbehaves: it answers each request with bytes that a test chose, over a real socket.

An ``Act`` is what it does with one connection; the last act is done for every further request. ``Server`` of
``openai_server`` is the one that behaves.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import anyio
from anyio.abc import SocketAttribute, SocketStream

from appx.models.catalogue import Api
from tests.fakes.openai_server import Step, pieces

Act: TypeAlias = Callable[[SocketStream], Awaitable[None]]

GONE = (anyio.BrokenResourceError, anyio.EndOfStream, anyio.ClosedResourceError)


@dataclass
class Chaos:
    """``asked``: the bodies of the requests. ``left``: set when a client went away before the act was over."""

    acts: Sequence[Act]
    port: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)
    sent: int = 0
    left: anyio.Event = field(default_factory=anyio.Event)

    def url(self, api: Api) -> str:
        return f"http://127.0.0.1:{self.port}" + ("/v1" if api.startswith("openai") else "")

    async def serve(self, stream: SocketStream) -> None:
        async with stream:
            try:
                self.asked.append(await _request(stream))
                await self.acts[min(len(self.asked), len(self.acts)) - 1](stream)
            except GONE:
                self.left.set()


@asynccontextmanager
async def misbehaving(*acts: Act) -> AsyncIterator[Chaos]:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    chaos = Chaos(acts=acts, port=listener.extra(SocketAttribute.local_port))
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, chaos.serve)
        yield chaos
        tasks.cancel_scope.cancel()


async def _request(stream: SocketStream) -> dict[str, Any]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive()
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < int(lengths[0]):
        body += await stream.receive()
    found: dict[str, Any] = json.loads(body)
    return found


def events(planned: Step) -> bytes:
    """The body of a whole stream."""
    lines = planned["chunks"] if "chunks" in planned else pieces(planned, "planned")
    return "".join(
        f"{line if line.startswith(('data:', 'event:')) else f'data: {line}'}\n\n" for line in lines
    ).encode()


def head(status: int = 200, kind: str = "text/event-stream", headers: Mapping[str, str] | None = None) -> bytes:
    """Without a length: the body ends with the connection, so that each beginning of it is good HTTP."""
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    return f"HTTP/1.1 {status} Whatever\r\nContent-Type: {kind}\r\nConnection: close\r\n{more}\r\n".encode()


def says(data: bytes) -> Act:
    """Send ``data``, and close."""

    async def act(stream: SocketStream) -> None:
        await stream.send(data)

    return act


def streams(planned: Step) -> Act:
    return says(head() + events(planned))


def refuses(status: int, body: str = "", *, kind: str = "application/json", **headers: str) -> Act:
    return says(head(status, kind, {name.replace("_", "-"): value for name, value in headers.items()}) + body.encode())


def stalls(data: bytes = b"") -> Act:
    """Send ``data``, then nothing more, until the client goes away."""

    async def act(stream: SocketStream) -> None:
        if data:
            await stream.send(data)
        await stream.receive()

    return act


def never_ends(data: bytes, piece: bytes, *, pause: float = 0.0) -> Act:
    """Send ``data``, then ``piece`` again and again, until the client goes away."""

    async def act(stream: SocketStream) -> None:
        await stream.send(data)
        while True:
            await stream.send(piece)
            await anyio.sleep(pause)

    return act
