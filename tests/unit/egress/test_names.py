"""What a question for a name gets, by the policy."""

import struct

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.egress import Egress
from appx.egress.names import (
    MAX_QUESTION,
    MODELS,
    MODELS_ADDRESS,
    PROXY_ADDRESS,
    Answered,
    AskOthers,
    again_by_stream,
    answer,
    failed,
    table,
)
from appx.egress.resolver import servers

LIST = Egress(policy="list", hosts=("pypi.org", "*.example.com"))
NONE = Egress(policy="none")


def asked(name: str, kind: str, egress: Egress) -> tuple[str, list[str], str | None]:
    """The code, the addresses, and what was refused."""
    found = answer(dns.message.make_query(name, kind).to_wire(), egress)
    assert isinstance(found, Answered)
    reply = dns.message.from_wire(found.data)
    return dns.rcode.to_text(reply.rcode()), [str(item) for each in reply.answer for item in each], found.refused


def test_under_open_others_are_asked() -> None:
    assert isinstance(answer(dns.message.make_query("a.b", "A").to_wire(), Egress(policy="open")), AskOthers)


@pytest.mark.parametrize("name", ["pypi.org", "PyPI.org", "a.example.com", "b.a.example.com"])
def test_a_name_of_the_list_leads_to_the_proxy(name: str) -> None:
    assert asked(name, "A", LIST) == ("NOERROR", [PROXY_ADDRESS], None)


@pytest.mark.parametrize("kind", ["AAAA", "HTTPS", "TXT", "MX"])
def test_it_has_no_other_records(kind: str) -> None:
    assert asked("pypi.org", kind, LIST) == ("NOERROR", [], None)


@pytest.mark.parametrize("name", ["example.com", "pypi.org.evil.net", "xpypi.org", "evilexample.com"])
def test_another_name_is_not_there_and_is_noted(name: str) -> None:
    assert asked(name, "A", LIST) == ("NXDOMAIN", [], name)


def test_the_names_of_the_container_are_answered_under_open_only() -> None:
    hosts = table("127.0.0.1 localhost\n203.0.113.10 Web.example web # ours\nfd00::9 web.example\n")
    question = dns.message.make_query("web.example", "A").to_wire()
    found = answer(question, Egress(policy="open"), hosts)
    assert isinstance(found, Answered)
    assert [str(item) for each in dns.message.from_wire(found.data).answer for item in each] == ["203.0.113.10"]
    assert answer(question, NONE, hosts) != found


def test_under_none_no_name_is_there() -> None:
    assert asked("pypi.org", "A", NONE) == ("NXDOMAIN", [], "pypi.org")


@pytest.mark.parametrize("egress", [LIST, NONE, Egress(policy="open")])
def test_the_models_for_apps_are_there_under_each_policy(egress: Egress) -> None:
    assert asked(MODELS, "A", egress) == ("NOERROR", [MODELS_ADDRESS], None)


@given(st.binary(max_size=200))
def test_under_a_list_nothing_at_all_is_handed_on(data: bytes) -> None:
    assert not isinstance(answer(data, LIST), AskOthers)
    failed(data)


LONG_NAME = b"\x01a" * 126 + b"\0"
POINTER = b"\xc0\x0c"


def counted(*counts: int, records: int = 0, flags: int = 0x0100) -> bytes:
    """A question with a long name, and records whose owner is a pointer to it: each costs a walk over all its parts."""
    record = POINTER + struct.pack("!HHIHH", 1_000, 1, 0, 2, 0)
    return struct.pack("!6H", 7, flags, *counts) + LONG_NAME + struct.pack("!HH", 1, 1) + record * records


@pytest.mark.parametrize(
    "message",
    [
        counted(1, 0, 0, 4_500, records=4_500),
        counted(1, 0, 0, 50, records=50),
        counted(1, 50, 0, 0, records=50),
        counted(1, 0, 50, 0, records=50),
        counted(1, 0, 0, 0, flags=0x8100),
        counted(1, 0, 0, 0) + b"\0" * MAX_QUESTION,
        b"\0" * 11,
        b"",
    ],
    ids=["63 kB", "added", "answers", "authorities", "an answer", "long", "short", "empty"],
)
def test_what_no_client_sends_is_not_even_read(message: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: bytes) -> None:
        raise AssertionError("it is read")

    monkeypatch.setattr(dns.message, "from_wire", read)
    assert answer(message, NONE) is None
    assert failed(message) is None
    assert again_by_stream(message) is None


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (2, 0, 0, 0), (60_000, 9, 9, 9)])
def test_no_question_and_two_are_not_done(counts: tuple[int, ...]) -> None:
    found = answer(counted(*counts), NONE)
    assert isinstance(found, Answered)
    reply = dns.message.from_wire(found.data)
    assert (reply.id, reply.rcode(), bool(reply.flags & dns.flags.QR)) == (7, dns.rcode.NOTIMP, True)


@pytest.mark.parametrize("opcode", [1, 2, 4, 5, 15])
def test_nor_is_another_kind_of_message(opcode: int) -> None:
    found = answer(counted(1, 0, 0, 0, flags=opcode << 11), NONE)
    assert isinstance(found, Answered)
    reply = dns.message.from_wire(found.data, ignore_trailing=True)
    assert (reply.opcode(), reply.rcode()) == (opcode, dns.rcode.NOTIMP)


def test_a_question_with_all_that_clients_add_is_answered() -> None:
    options = [
        dns.edns.CookieOption(b"12345678", b"x" * 32),
        dns.edns.ECSOption("203.0.113.10"),
        dns.edns.GenericOption(dns.edns.OptionType.PADDING, b"\0" * 468),
    ]
    name = ".".join(["a" * 60] * 4)
    question = dns.message.make_query(name, "A", use_edns=True, options=options)
    question.use_tsig({dns.name.from_text("key."): b"secret"})
    assert len(question.to_wire()) < MAX_QUESTION
    found = answer(dns.message.make_query(name, "A", use_edns=True, options=options).to_wire(), NONE)
    assert isinstance(found, Answered)
    assert found.refused == name


def test_an_answer_that_was_cut_off_has_the_question_and_no_more() -> None:
    question = dns.message.make_query("pypi.org", "A")
    found = again_by_stream(question.to_wire())
    assert found is not None
    reply = dns.message.from_wire(found)
    assert reply.flags & dns.flags.TC
    assert question.is_response(reply)
    assert reply.answer == []


@pytest.mark.parametrize("egress", [NONE, LIST])
def test_a_name_of_many_parts_is_not_compressed(egress: Egress, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which took the library 8 ms for each answer. Its letters stay as they were asked."""
    name = "A." * 110 + "Example.COM"
    question = dns.message.make_query(name, "A", use_edns=True)
    wire = question.to_wire()
    monkeypatch.setattr(dns.message.Message, "to_wire", None)
    found = answer(wire, egress)
    assert isinstance(found, Answered)
    reply = dns.message.from_wire(found.data)
    assert question.is_response(reply)
    assert reply.question[0].name.to_text() == f"{name}."
    assert reply.rcode() == (dns.rcode.NXDOMAIN if egress == NONE else dns.rcode.NOERROR)


@pytest.mark.parametrize(("kind", "expected"), [("A", ["203.0.113.10"]), ("AAAA", ["fd00::9"]), ("TXT", [])])
def test_an_own_name_has_the_addresses_of_the_kind_that_is_asked_for(kind: str, expected: list[str]) -> None:
    hosts = table("203.0.113.10 web.example\nfd00::9 web.example\n")
    found = answer(dns.message.make_query("web.example", kind).to_wire(), Egress(policy="open"), hosts)
    assert isinstance(found, Answered)
    assert [str(item) for each in dns.message.from_wire(found.data).answer for item in each] == expected


def test_at_most_three_resolvers_are_asked() -> None:
    each_of = ["10.0.0.1", "fd00::1", "3.3.3.3", "4.4.4.4"]
    text = "search home\n# nameserver 1.1.1.1\n" + "".join(f"nameserver {each}\n" for each in each_of)
    assert servers(text) == ["10.0.0.1", "fd00::1", "3.3.3.3"]
