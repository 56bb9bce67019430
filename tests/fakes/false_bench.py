"""What a command of an agent could put in the place of its workbench: it takes every request, and lies."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeAlias

import anyio
from anyio.abc import SocketStream

Lie: TypeAlias = Callable[[], AsyncIterator[bytes]]
"""What is said to a request, until there is no more or nobody reads it."""

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"
BLOCK = 1 << 18


def whole(body: bytes, status: bytes = b"200 OK") -> Lie:
    async def said() -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n" % (status, len(body)) + body

    return said


def endless(block: bytes, before: bytes = b"", *, head: bytes = b"") -> Lie:
    """``block`` again and again, as the body of one answer. ``head``: of a file."""

    async def said() -> AsyncIterator[bytes]:
        opened = b"x-opened: %s\r\n" % head if head else b""
        yield HEAD + opened + CHUNKED + (_chunk(before) if before else b"")
        while True:
            yield _chunk(block)

    return said


def silent(before: bytes = b"") -> Lie:
    async def said() -> AsyncIterator[bytes]:
        yield before
        await anyio.sleep(3_600)

    return said


async def never_begins() -> AsyncIterator[bytes]:
    """Answers that announce another one, without end."""
    while True:
        yield b"HTTP/1.1 103 Early Hints\r\n\r\n"
        await anyio.sleep(0.001)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _result(**fields: object) -> bytes:
    known = {"code": 0, "ended": "exit", "output": "", "total_bytes": 0, "total_lines": 0, "full_output": None}
    return json.dumps({"result": known | fields}).encode() + b"\n"


LIES: dict[str, Lie] = {
    "closes": whole(b"", b""),
    "no JSON": whole(b"not json\n"),
    "another shape": whole(b"[1]\n"),
    "nested JSON": whole(b"[" * 1_000_000),
    "half a character": whole(b'{"output": "\\ud800"}\n'),
    "a result of nothing": whole(b'{"result": {}}\n'),
    "a number without end": whole(_result(code=0).replace(b'"code": 0', b'"code": ' + b"9" * 5_000)),
    "an error without a text": whole(b'{"error": 5}', b"400 Bad Request"),
    "an error that does not end": endless(b"a" * BLOCK, b'{"error": "Invalid", "text": "'),
    "a code of nobody": whole(b"nothing", b"777 Hello"),
    "an answer that does not end": endless(b"a" * BLOCK),
    "a line that does not end": endless(b"a" * BLOCK, b'{"output": "'),
    "a frame of 4 GiB": endless(b"\xff" * BLOCK),
    "a redirection": whole(b"", b"302 Found\r\nlocation: :https:xn--"),
    "a redirection of another kind": whole(b"", b"307 Found\r\nlocation: //0xn--%zz"),
    "a packed answer": whole(b"", b"200 OK\r\ncontent-encoding: gzip"),
    "headers without end": silent(b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 500_000),
}
"""By what is wrong. Each ends by itself as soon as who reads it is wary."""

SILENCES: dict[str, Lie] = {
    "nothing": silent(),
    "half an answer": silent(HEAD + b"content-length: 1000\r\n\r\n{"),
    "hints": never_begins,
}

FLOOD: Lie = endless(b'{"output": "%s"}\n' % (b"x" * 1_000) * 100)
"""Lines of a command that shows more than anybody can see."""


class FalseBench:
    """``asked``: the first lines of all requests."""

    def __init__(self, lie: Lie) -> None:
        self.lie = lie
        self.asked: list[str] = []

    async def _answer(self, stream: SocketStream) -> None:
        async with stream:
            with suppress(anyio.BrokenResourceError, anyio.EndOfStream):
                self.asked.append((await stream.receive()).split(b"\r\n", 1)[0].decode())
                async for part in self.lie():
                    await stream.send(part)

    @asynccontextmanager
    async def serving(self, socket: Path) -> AsyncIterator[None]:
        await anyio.Path(socket).unlink(missing_ok=True)
        async with await anyio.create_unix_listener(socket) as listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, self._answer)
            yield
            tasks.cancel_scope.cancel()
