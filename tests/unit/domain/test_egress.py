"""Policies, hosts, and what counts for those who share an account."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.egress import STRICT, Egress, checked_hosts, shared
from appx.domain.errors import Invalid

HOSTS = st.lists(st.sampled_from(["a.example", "b.example", "*.c.example"]), unique=True).map(tuple)
EGRESSES = st.builds(Egress, policy=st.sampled_from(STRICT), hosts=HOSTS)
NAMES = st.sampled_from(["a.example", "b.example", "x.c.example", "c.example", "evil.example"])


@given(st.lists(EGRESSES, min_size=1), NAMES)
def test_those_who_share_reach_what_each_of_them_may(wanted: list[Egress], name: str) -> None:
    assert shared(wanted).allows(name) == all(each.allows(name) for each in wanted)


def test_nobody_reaches_nothing() -> None:
    assert shared([]) == Egress(policy="none")


def test_hosts_are_written_in_one_way() -> None:
    assert checked_hosts([" PyPI.org.", "pypi.org", "*.Example.com"]) == ("pypi.org", "*.example.com")


@pytest.mark.parametrize(
    "host", ["", "*", "*.", "com", "a b.c", "a.*.c", "http://a.b", "a.b/c", "a.b:80", "10.0.0.1", "ä.de", "-a.b"]
)
def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(Invalid):
        checked_hosts([host])


def test_too_many_hosts_are_refused() -> None:
    with pytest.raises(Invalid):
        checked_hosts([f"h{number}.example" for number in range(201)])
