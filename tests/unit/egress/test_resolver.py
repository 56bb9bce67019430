"""The resolver over real sockets: many questions at once, by datagrams and by a stream, and what is handed on."""

import json
import logging
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import anyio
import dns.flags
import dns.message
import dns.rcode
import pytest

from appx.domain.egress import Egress
from appx.egress import guarded, names, policies, resolver
from appx.egress.datagrams import CROWDED, Owners
from appx.egress.policies import Policies
from appx.egress.refused import RefusedNames, read
from appx.egress.resolver import Resolver
from appx.kit.peers import Whose
from tests.ports import free_port

pytestmark = pytest.mark.anyio

WHO, OTHER = 2_001, 2_002


@asynccontextmanager
async def running(
    tmp_path: Path, egress: Egress, last: Whose = lambda protocol, peer, here: WHO, sole: Whose | None = None
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
        whose=Owners(last=last, sole=sole or last),
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


def reset_connection(port: int) -> None:
    """Before anybody can take it: nothing else of this process runs meanwhile."""
    with socket.create_connection(("127.0.0.1", port)) as stream:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def test_a_connection_that_is_reset_before_it_is_taken_ends_alone(tmp_path: Path) -> None:
    async with running(tmp_path, Egress(policy="open")) as (port, _):
        for _ in range(20):
            reset_connection(port)
        await anyio.wait_all_tasks_blocked()
        assert await code(port, "web.example") == "NOERROR"


async def test_an_error_that_nobody_expected_ends_one_question_and_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(question: bytes, egress: Egress, hosts: Mapping[str, list[str]]) -> object:
        if b"evil" in question:
            raise RecursionError("by a question")
        return original(question, egress, hosts)

    original = names.answer
    monkeypatch.setattr(names, "answer", answer)
    monkeypatch.setattr(guarded, "_said", set())
    evil = dns.message.make_query("evil.example", "A").to_wire()
    async with (
        running(tmp_path, Egress(policy="open")) as (port, _),
        await anyio.create_connected_udp_socket("127.0.0.1", port) as asking,
        await anyio.connect_tcp("127.0.0.1", port) as stream,
    ):
        for _ in range(3):
            await asking.send(evil)
        await stream.send(struct.pack("!H", len(evil)) + evil)
        with anyio.fail_after(10), pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await stream.receive()
        assert await code(port, "web.example") == "NOERROR"
    said = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert len(said) == 1
    assert "RecursionError: by a question" in caplog.text


async def test_of_a_long_message_by_a_stream_no_more_than_its_length_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "answer", None)
    async with (
        running(tmp_path, Egress(policy="open")) as (port, _),
        await anyio.connect_tcp("127.0.0.1", port) as stream,
    ):
        await stream.send(struct.pack("!H", names.MAX_QUESTION + 1))
        with anyio.fail_after(10), pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await stream.receive()


async def test_a_flood_of_one_account_leaves_another_its_answers(tmp_path: Path) -> None:
    """More datagrams than anybody could hold, which are all there before the first of another comes."""
    with socket.socket(type=socket.SOCK_DGRAM) as evil, socket.socket(type=socket.SOCK_DGRAM) as good:
        for each in (evil, good):
            each.bind(("127.0.0.1", 0))
        ports = {evil.getsockname()[1]: OTHER}
        async with running(tmp_path, Egress(policy="open"), lambda _, peer, __: ports.get(peer[1], WHO)) as (port, _):
            for _ in range(150):
                evil.sendto(dns.message.make_query("web.example", "A").to_wire(), ("127.0.0.1", port))
            question = dns.message.make_query("web.example", "A")
            good.sendto(question.to_wire(), ("127.0.0.1", port))
            with anyio.fail_after(10):
                await anyio.wait_readable(good)
        assert question.is_response(dns.message.from_wire(good.recv(999)))
        evil.settimeout(0)
        before = 0
        with suppress(BlockingIOError):
            while evil.recv(999):
                before += 1
        assert before < 20, "its turn came with the first of the other's"


async def test_of_a_port_that_two_accounts_share_the_question_is_to_be_asked_by_tcp(tmp_path: Path) -> None:
    """Nothing is handed on and nothing noted in the name of one of them."""
    async with running(tmp_path, Egress(policy="none"), sole=lambda *_: None) as (port, refused):
        async with await anyio.create_connected_udp_socket("127.0.0.1", port) as asking:
            for _ in range(2 * CROWDED):
                await asking.send(dns.message.make_query("evil.example", "A").to_wire())
            with anyio.fail_after(10):
                reply = dns.message.from_wire(await asking.receive())
        assert reply.flags & dns.flags.TC
        assert reply.rcode() == dns.rcode.NOERROR
        refused.save()
    assert read(tmp_path / "refused.json", WHO) == []


async def test_the_files_of_the_container_are_read_when_they_change(tmp_path: Path) -> None:
    async with running(tmp_path, Egress(policy="open")) as (port, _):
        assert await code(port, "new.example") == "SERVFAIL"
        with (tmp_path / "hosts").open("a") as hosts:
            hosts.write("203.0.113.11 new.example\n")
        assert await code(port, "new.example") == "NOERROR"


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
