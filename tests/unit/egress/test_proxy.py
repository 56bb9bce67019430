"""The proxy over real sockets: a listed host is reached, another is not, and a changed list ends what is open."""

import asyncio
import errno
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketStream

from appx.domain.egress import Egress
from appx.egress import guarded, hello, policies
from appx.egress.addresses import networks
from appx.egress.policies import Policies
from appx.egress.proxy import Proxy, Way
from appx.egress.refused import RefusedNames, read
from tests.ports import free_port

pytestmark = pytest.mark.anyio

WHO = 2_001
OPEN = "127.0.0.2/32"
"""Not among the addresses that the kernel lists, so it stands for a private one of the operator's."""


async def echo(stream: SocketStream) -> None:
    async with stream:
        async for chunk in stream:
            await stream.send(chunk)


@asynccontextmanager
async def running(tmp_path: Path, hosts: tuple[str, ...], opened: str) -> AsyncIterator[tuple[int, RefusedNames]]:
    policies.write(tmp_path / "egress.json", {WHO: Egress(policy="list", hosts=hosts)})
    refused = RefusedNames(tmp_path / "refused.json")
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.2") as host,
        anyio.create_task_group() as tasks,
    ):
        way = Way(port=free_port(), target=host.extra(anyio.abc.SocketAttribute.local_port), name=hello.host)
        proxy = Proxy(
            way,
            policies=Policies(tmp_path / "egress.json"),
            refused=refused,
            opened=networks(opened),
            whose=lambda protocol, peer, here: WHO,
        )
        tasks.start_soon(host.serve, echo)
        tasks.start_soon(proxy.run)
        yield way.port, refused
        tasks.cancel_scope.cancel()


async def connected(port: int) -> SocketStream:
    """As soon as somebody listens."""
    with anyio.fail_after(10):
        while True:
            try:
                return await anyio.connect_tcp("127.0.0.1", port)
            except OSError:
                await anyio.sleep(0.02)


async def begun(port: int, name: str) -> tuple[SocketStream, bytes]:
    """A connection on which a request for ``name`` was sent, and the answer; empty when it was closed."""
    stream = await connected(port)
    await stream.send(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
    try:
        with anyio.fail_after(10):
            return stream, await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return stream, b""


async def test_a_host_of_the_list_is_reached_until_it_is_taken_from_it(tmp_path: Path) -> None:
    async with running(tmp_path, ("127.0.0.2",), OPEN) as (port, _):
        stream, answer = await begun(port, "127.0.0.2")
        async with stream:
            assert answer.startswith(b"GET / ")
            policies.write(tmp_path / "egress.json", {WHO: Egress(policy="list", hosts=())})
            with anyio.fail_after(10), pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await stream.receive()


async def test_a_host_that_is_not_on_it_is_not_and_is_noted(tmp_path: Path) -> None:
    async with running(tmp_path, ("good.example",), OPEN) as (port, refused):
        stream, answer = await begun(port, "127.0.0.2")
        async with stream:
            assert answer == b""
        refused.save()
    assert [each.to for each in read(tmp_path / "refused.json", WHO)] == ["127.0.0.2"]


async def test_a_connection_that_is_reset_before_it_is_taken_ends_alone(tmp_path: Path) -> None:
    """Nothing else of this process runs meanwhile."""
    async with running(tmp_path, ("127.0.0.2",), OPEN) as (port, _):
        stream, _ = await begun(port, "127.0.0.2")
        async with stream:
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", port)) as reset:
                    reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await anyio.wait_all_tasks_blocked()
            await stream.send(b"more")
            with anyio.fail_after(10):
                assert await stream.receive() == b"more"


async def test_an_error_that_nobody_expected_ends_one_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(guarded, "_said", set())
    monkeypatch.setattr("appx.egress.proxy.own_addresses", None)
    async with running(tmp_path, ("127.0.0.2",), OPEN) as (port, _):
        for _ in range(3):
            stream, answer = await begun(port, "127.0.0.2")
            async with stream:
                assert answer == b""
    assert caplog.text.count("unexpected, and said once") == 1


async def test_when_no_connection_could_be_taken_the_next_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when too many files are open."""
    monkeypatch.setattr(guarded, "REST_SECONDS", 0.01)
    failures = [OSError(errno.EMFILE, "Too many open files"), OSError(errno.ECONNABORTED, "aborted")]
    loop = asyncio.get_running_loop()
    original = loop.sock_accept

    async def accept(listener: socket.socket) -> tuple[socket.socket, object]:
        if failures and listener.getsockname()[0] == "127.0.0.1":
            raise failures.pop()
        return await original(listener)

    monkeypatch.setattr(loop, "sock_accept", accept)
    async with running(tmp_path, ("127.0.0.2",), OPEN) as (port, _):
        stream, answer = await begun(port, "127.0.0.2")
        async with stream:
            assert answer.startswith(b"GET / ")
    assert failures == []


async def test_a_private_address_behind_a_listed_name_is_not_reached(tmp_path: Path) -> None:
    async with running(tmp_path, ("127.0.0.2",), "") as (port, refused):
        stream, answer = await begun(port, "127.0.0.2")
        async with stream:
            assert answer == b""
        refused.save()
    assert "private" in read(tmp_path / "refused.json", WHO)[0].to
