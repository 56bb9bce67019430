"""The resolver over real sockets: many questions at once, by datagrams and by a stream, and what is handed on."""

import json
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import anyio
import dns.message
import dns.rcode
import pytest

from appx.domain.egress import Egress
from appx.egress import policies, resolver
from appx.egress.policies import Policies
from appx.egress.refused import RefusedNames, read
from appx.egress.resolver import Resolver
from appx.kit.peers import Whose
from tests.ports import free_port

pytestmark = pytest.mark.anyio

WHO, OTHER = 2_001, 2_002


@asynccontextmanager
async def running(
    tmp_path: Path, egress: Egress, whose: Whose = lambda protocol, peer, here: WHO
) -> AsyncIterator[tuple[int, RefusedNames]]:
    policies.write(tmp_path / "egress.json", {WHO: egress, OTHER: egress})
    (tmp_path / "resolv.conf").write_text("")
    (tmp_path / "hosts").write_text("203.0.113.10 web.example\n")
    port, refused = free_port(), RefusedNames(tmp_path / "refused.json")
    service = Resolver(
        policies=Policies(tmp_path / "egress.json"),
        refused=refused,
        upstream=tmp_path / "resolv.conf",
        hosts=tmp_path / "hosts",
        port=port,
        whose=whose,
    )
    async with anyio.create_task_group() as tasks:
        await tasks.start(service.run)
        yield port, refused
        tasks.cancel_scope.cancel()


async def code(port: int, name: str) -> str:
    async with await anyio.create_connected_udp_socket("127.0.0.1", port) as asking:
        await asking.send(dns.message.make_query(name, "A").to_wire())
        with anyio.fail_after(10):
            return dns.rcode.to_text(dns.message.from_wire(await asking.receive()).rcode())


async def test_many_questions_at_once_are_all_answered(tmp_path: Path) -> None:
    answers: list[str] = []

    async def ask(number: int) -> None:
        answers.append(await code(port, f"h{number}.example.com"))

    listed = Egress(policy="list", hosts=("*.example.com",))
    async with running(tmp_path, listed) as (port, _), anyio.create_task_group() as tasks:
        for number in range(100):
            tasks.start_soon(ask, number)
    assert answers == ["NOERROR"] * 100


async def test_a_stream_carries_more_than_one_question(tmp_path: Path) -> None:
    question = dns.message.make_query("web.example", "A").to_wire()
    framed = struct.pack("!H", len(question)) + question
    async with (
        running(tmp_path, Egress(policy="open")) as (port, _),
        await anyio.connect_tcp("127.0.0.1", port) as stream,
    ):
        for _ in range(2):
            await stream.send(framed)
            (length,) = struct.unpack("!H", await stream.receive(2))
            assert "203.0.113.10" in dns.message.from_wire(await stream.receive(length)).to_text()


async def test_one_account_takes_no_places_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By questions whose name server stays silent, and by connections that ask nothing."""

    async def silent(_question: bytes, _server: str) -> bytes:
        await anyio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(resolver, "_by_datagram", silent)
    monkeypatch.setattr(resolver, "AT_ONCE", 12)
    monkeypatch.setattr(resolver, "OF_ONE", 8)
    async with AsyncExitStack() as stack:
        evil = await stack.enter_async_context(await anyio.create_udp_socket(local_host="127.0.0.1"))
        mine = evil.extra(anyio.abc.SocketAttribute.local_port)
        port, _ = await stack.enter_async_context(
            running(
                tmp_path,
                Egress(policy="open"),
                lambda protocol, peer, here: WHO if protocol == "tcp" or peer[1] == mine else OTHER,
            )
        )
        (tmp_path / "resolv.conf").write_text("nameserver 192.0.2.1\n")
        for number in range(50):
            await evil.sendto(dns.message.make_query(f"x{number}.evil.example", "A").to_wire(), "127.0.0.1", port)
        for _ in range(8):
            await stack.enter_async_context(await anyio.connect_tcp("127.0.0.1", port))
        last = await stack.enter_async_context(await anyio.connect_tcp("127.0.0.1", port))
        with anyio.fail_after(5), suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            await last.receive()
        assert await code(port, "web.example") == "NOERROR"


async def test_what_is_refused_is_in_the_log(tmp_path: Path) -> None:
    async with running(tmp_path, Egress(policy="none")) as (port, refused):
        assert await code(port, "evil.example") == "NXDOMAIN"
        refused.save()
    assert [(each.to, each.count) for each in read(tmp_path / "refused.json", WHO)] == [("evil.example", 1)]


async def test_without_anybody_to_ask_the_answer_is_a_failure(tmp_path: Path) -> None:
    async with running(tmp_path, Egress(policy="open")) as (port, _):
        assert await code(port, "far.example") == "SERVFAIL"


async def test_whoever_is_in_no_policy_reaches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "egress.json"
    for text in (
        "",
        "[]",
        '{"2001": {"policy": "all", "hosts": []}}',
        json.dumps({"7": {"policy": "open", "hosts": []}}),
    ):
        path.write_text(text)
        assert Policies(path).of(WHO) == Egress(policy="none")
