"""Connections of apps that ask nothing, or are too many, are broken off."""

import contextlib
import json
import socket
from asyncio import Protocol
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
import uvicorn
from anyio.abc import SocketStream
from starlette.types import Receive, Scope, Send

from appx.http import connections as api
from appx.http.heads import WAITING
from appx.http.llm import connections
from appx.wiring.stopping import Uvicorn

pytestmark = pytest.mark.anyio


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    await anyio.sleep(0.5)
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while (await _left(receive)) is False:
        await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})


async def _left(receive: Receive) -> bool:
    with anyio.move_on_after(0.001):
        while (await receive())["type"] != "http.disconnect":
            pass
        return True
    return False


@asynccontextmanager
async def serving(app: object, protocol: type[Protocol] = connections.Watched) -> AsyncIterator[tuple[int, Uvicorn]]:
    config = uvicorn.Config(app, http=protocol, ws="none", log_config=None, lifespan="off")  # type: ignore[arg-type]
    server = Uvicorn(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [listener])
            yield listener.getsockname()[1], server
            server.should_exit = True


async def ended(stream: SocketStream) -> bool:
    with anyio.move_on_after(3):
        try:
            await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return True
    return False


async def test_a_connection_that_asks_nothing_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LOOK_SECONDS", 0.2)
    async with serving(slow) as (port, _), await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(b"GET / HT")
        assert await ended(stream)


async def test_one_that_waits_for_its_answer_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LOOK_SECONDS", 0.2)
    async with serving(slow) as (port, _), await anyio.connect_tcp("127.0.0.1", port) as stream:
        for _ in range(2):
            await stream.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await stream.receive()).startswith(b"HTTP/1.1 204")


async def test_one_whose_reader_takes_nothing_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LOOK_SECONDS", 0.2)
    async with serving(endless) as (port, server), await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        with anyio.fail_after(5):
            while not server.server_state.tasks:  # noqa: ASYNC110
                await anyio.sleep(0.01)
            while server.server_state.connections:  # noqa: ASYNC110
                await anyio.sleep(0.05)


async def test_those_of_one_project_are_not_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    uids = iter([2_001, 2_001, 2_002, 2_001])
    monkeypatch.setattr(connections, "owner", lambda *_: next(uids))
    monkeypatch.setattr(connections, "OF_ONE", 1)
    async with (
        serving(slow) as (port, _),
        await anyio.connect_tcp("127.0.0.1", port) as first,
        await anyio.connect_tcp("127.0.0.1", port) as second,
    ):
        assert await ended(second)
        async with await anyio.connect_tcp("127.0.0.1", port) as other:
            for each in (first, other):
                await each.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert (await each.receive()).startswith(b"HTTP/1.1 204")
        async with await anyio.connect_tcp("127.0.0.1", port) as third:
            assert await ended(third)


async def test_one_too_many_is_broken_off_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    async with (
        serving(slow) as (port, _),
        await anyio.connect_tcp("127.0.0.1", port) as first,
        await anyio.connect_tcp("127.0.0.1", port),
        await anyio.connect_tcp("127.0.0.1", port) as third,
    ):
        assert await ended(third)
        await first.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await first.receive()).startswith(b"HTTP/1.1 204")


@pytest.mark.parametrize("protocol", [connections.Watched, api.protocol(100)], ids=["apps", "api"])
async def test_few_requests_wait_for_the_answer_to_an_earlier_one(protocol: type[Protocol]) -> None:
    """Each held two kilobytes, and every answer made room for more: without end, and before anybody knew who it was."""
    begun = 0

    async def quick(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal begun
        begun += 1
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    async with serving(quick, protocol) as (port, _), await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(request * (1 + WAITING))
        answers = b""
        while answers.count(b"204") < 1 + WAITING:
            answers += await stream.receive()
        with contextlib.suppress(anyio.BrokenResourceError):
            await stream.send(request * 20_000)
        with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError), anyio.fail_after(20):
            while True:
                await stream.receive()
    assert begun <= 2 * (1 + WAITING)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST / HTTP/1.1\r\n" + b"0: 1\r\n" * 20_000, b"431"),
        (b"POST / HTTP/1.1\r\nx: " + b"1" * 200_000, b"431"),
        (b"POST /" + b"1" * 20_000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 200_000, b""),
        (b"nonsense\r\n\r\n", b"400"),
    ],
)
async def test_a_head_without_end_is_refused_before_anybody_knows_who_it_is(
    sent: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(slow) as (port, _), await anyio.connect_tcp("127.0.0.1", port) as stream:
        with contextlib.suppress(anyio.BrokenResourceError):
            await stream.send(sent)
        answer = b""
        with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError), anyio.fail_after(20):
            while True:
                answer += await stream.receive()
    head, _, body = answer.partition(b"\r\n\r\n")
    if status:
        assert head.split()[1] == status
        assert json.loads(body)["error"]["type"] == "invalid_request_error"
    assert not caplog.records, "an app fills no log"
