"""The proxy over real sockets: a listed host is reached, another is not, and a changed list ends what is open."""

import asyncio
import errno
import socket
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketStream

from appx.domain.egress import Egress
from appx.egress import guarded, hello, lookups, policies
from appx.egress.addresses import networks
from appx.egress.lookups import Lookups
from appx.egress.policies import Policies
from appx.egress.proxy import Proxy, Way
from appx.egress.refused import RefusedNames, read
from tests.ports import free_port

pytestmark = pytest.mark.anyio

WHO, OTHER = 2_001, 2_002
OTHERS_ADDRESS = "127.0.0.3"
"""From here the other account connects."""

SLOW = "slow.example"
MANY = 50
"""More than the loop's own threads, on any machine."""

OPEN = "127.0.0.2/32"
"""Not among the addresses that the kernel lists, so it stands for a private one of the operator's."""


async def echo(stream: SocketStream) -> None:
    async with stream:
        async for chunk in stream:
            await stream.send(chunk)


@asynccontextmanager
async def running(tmp_path: Path, hosts: tuple[str, ...], opened: str) -> AsyncIterator[tuple[int, RefusedNames]]:
    policies.write(tmp_path / "egress.json", {uid: Egress(policy="list", hosts=hosts) for uid in (WHO, OTHER)})
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
            lookups=Lookups(),
            whose=lambda protocol, peer, here: OTHER if peer[0] == OTHERS_ADDRESS else WHO,
        )
        tasks.start_soon(host.serve, echo)
        tasks.start_soon(proxy.run)
        yield way.port, refused
        tasks.cancel_scope.cancel()


async def connected(port: int, here: str = "127.0.0.1") -> SocketStream:
    """As soon as somebody listens."""
    with anyio.fail_after(10):
        while True:
            try:
                return await anyio.connect_tcp("127.0.0.1", port, local_host=here)
            except OSError:
                await anyio.sleep(0.02)


async def begun(port: int, name: str) -> tuple[SocketStream, bytes]:
    """A connection on which a request for ``name`` was sent, and the answer; empty when it was closed."""
    stream = await connected(port)
    await ask(stream, name)
    return stream, await answer_on(stream)


async def ask(stream: SocketStream, name: str) -> None:
    await stream.send(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())


async def answer_on(stream: SocketStream) -> bytes:
    try:
        with anyio.fail_after(10):
            return await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        return b""


class SlowNames:
    """Lookups of hosts below ``SLOW`` wait until the test lets them end; then each has the address of ``running``."""

    def __init__(self) -> None:
        self.end = threading.Event()
        self.begun: list[str] = []
        self._original = socket.getaddrinfo

    def __call__(self, host: str | bytes, *rest: object, **named: object) -> object:
        name = host.decode() if isinstance(host, bytes) else host
        if not name.endswith(SLOW):
            return self._original(host, *rest, **named)  # type: ignore[arg-type]
        self.begun.append(name)
        assert self.end.wait(60)
        return self._original("127.0.0.2", *rest, **named)  # type: ignore[arg-type]

    async def wait_for(self, count: int) -> None:
        with anyio.fail_after(10):
            while len(self.begun) < count:  # noqa: ASYNC110  threads call nobody back
                await anyio.sleep(0.01)
        await anyio.wait_all_tasks_blocked()


@pytest.fixture
def slow_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowNames]:
    names = SlowNames()
    monkeypatch.setattr(socket, "getaddrinfo", names)
    yield names
    names.end.set()


async def flood(port: int, count: int, streams: AsyncExitStack) -> list[SocketStream]:
    """Connections to slow names, each to another one."""
    found = [await streams.enter_async_context(await connected(port)) for _ in range(count)]
    for number, stream in enumerate(found):
        await ask(stream, f"{number}.{SLOW}")
    return found


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


async def test_slow_names_of_one_account_hold_up_no_other(tmp_path: Path, slow_names: SlowNames) -> None:
    async with running(tmp_path, ("127.0.0.2", f"*.{SLOW}"), OPEN) as (port, _), AsyncExitStack() as streams:
        streams.callback(slow_names.end.set)
        others = await streams.enter_async_context(await connected(port, OTHERS_ADDRESS))
        await flood(port, MANY, streams)
        await slow_names.wait_for(lookups.AT_ONCE)
        await ask(others, "127.0.0.2")
        assert (await answer_on(others)).startswith(b"GET / ")
        assert len(slow_names.begun) == lookups.AT_ONCE


async def test_who_waits_too_long_for_a_place_gives_up_and_who_has_one_gets_its_answer(
    tmp_path: Path, slow_names: SlowNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However late it is: a place is taken until the lookup has ended."""
    monkeypatch.setattr(lookups, "PLACE_SECONDS", 0.3)
    async with running(tmp_path, (f"*.{SLOW}",), OPEN) as (port, _), AsyncExitStack() as streams:
        streams.callback(slow_names.end.set)
        first = await flood(port, lookups.AT_ONCE, streams)
        await slow_names.wait_for(lookups.AT_ONCE)
        for late in await flood(port, 3, streams):
            assert await answer_on(late) == b""
        assert len(slow_names.begun) == lookups.AT_ONCE
        slow_names.end.set()
        for each in first:
            assert (await answer_on(each)).startswith(b"GET / ")


async def test_a_host_that_is_taken_from_the_list_while_it_is_looked_up_is_told_nothing(
    tmp_path: Path, slow_names: SlowNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bytes] = []

    async def listen(stream: SocketStream) -> None:
        async with stream:
            with suppress(anyio.EndOfStream):
                told.append(await stream.receive())

    monkeypatch.setitem(globals(), "echo", listen)
    async with running(tmp_path, (f"*.{SLOW}",), OPEN) as (port, _), AsyncExitStack() as streams:
        streams.callback(slow_names.end.set)
        (stream,) = await flood(port, 1, streams)
        await slow_names.wait_for(1)
        policies.write(tmp_path / "egress.json", {WHO: Egress(policy="list", hosts=())})
        slow_names.end.set()
        assert await answer_on(stream) == b""
        await anyio.wait_all_tasks_blocked()
    assert told == []


async def test_of_an_account_that_looks_nothing_up_nothing_is_kept(slow_names: SlowNames) -> None:
    looking = Lookups()
    async with anyio.create_task_group() as tasks:
        for number in range(lookups.AT_ONCE + 2):
            tasks.start_soon(looking.addresses, WHO, f"{number}.{SLOW}", 80)
        await slow_names.wait_for(lookups.AT_ONCE)
        assert await looking.addresses(OTHER, "127.0.0.2", 80) == ["127.0.0.2"]
        assert set(looking._places) == {WHO}
        slow_names.end.set()
    assert (looking._places, looking._asking) == ({}, {})


@pytest.mark.parametrize("name", ["a..b", f"{'a' * 64}.example"])
async def test_what_is_no_name_has_no_address(name: str) -> None:
    """By the error of the machine: Python's own, of such a text, is no OSError."""
    with pytest.raises(OSError, match="not known"):
        await Lookups().addresses(WHO, name, 80)
