"""What a question for a name gets, by the policy."""

import dns.message
import dns.rcode
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.egress import Egress
from appx.egress.names import MODELS, MODELS_ADDRESS, PROXY_ADDRESS, Answered, AskOthers, answer, failed, table
from appx.egress.resolver import upstream

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


def test_at_most_three_resolvers_are_asked() -> None:
    servers = ["10.0.0.1", "fd00::1", "3.3.3.3", "4.4.4.4"]
    text = "search home\n# nameserver 1.1.1.1\n" + "".join(f"nameserver {each}\n" for each in servers)
    assert upstream(text) == ["10.0.0.1", "fd00::1", "3.3.3.3"]
