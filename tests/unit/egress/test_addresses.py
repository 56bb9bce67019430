"""Which addresses are closed, and that the kernel's rules and the proxy have the same ones."""

import re
import sys
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.egress import addresses
from appx.egress.addresses import METADATA, PRIVATE, gateways4, gateways6, networks, own_addresses, refused

RULES = Path("image/rootfs/usr/local/share/appx-builder/egress.nft")
DOCUMENTATION = [*map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"))]


def elements(name: str) -> set[str]:
    found = re.search(rf"set {name} \{{.*?elements = \{{(.*?)\}}", RULES.read_text(), re.DOTALL)
    assert found is not None
    return {each.strip() for each in found[1].split(",") if each.strip()}


def test_the_kernel_refuses_the_same_ranges() -> None:
    assert {ip_network(each) for each in elements("private4") | elements("private6")} == set(PRIVATE)
    closed = {ip_network(each) for each in elements("metadata4") | elements("metadata6")}
    assert closed == {ip_network(each) for each in METADATA} | {
        form for each in METADATA if isinstance(each, IPv4Address) for form in forms(each)
    }


def forms(address: IPv4Address) -> tuple[IPv6Network, IPv6Network]:
    """What gateways make of it: NAT64 and 6to4."""
    return IPv6Network((0x64FF9B << 96 | int(address), 128)), IPv6Network((0x2002 << 112 | int(address) << 80, 48))


@given(st.ip_addresses())
def test_what_is_not_global_is_refused(address: object) -> None:
    """But for the ranges of documentation, in which nobody is. The reverse is no law: we refuse more."""
    parsed = ip_address(str(address))
    if not parsed.is_global and not any(parsed in network for network in DOCUMENTATION):
        assert refused(parsed, opened=(), own=())


@pytest.mark.parametrize("address", ["9.9.9.9", "203.0.113.10", "2606:4700::1", "2a00::1"])
def test_what_is_public_is_not_refused(address: str) -> None:
    assert not refused(ip_address(address), opened=(), own=())


@pytest.mark.parametrize(
    "address",
    [
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "64:ff9b::808:808",
        "2002:a00:1::",
        "2001::1",
        "::",
        "fe80::1",
    ],
)
def test_other_forms_of_private_addresses_are_refused(address: str) -> None:
    assert refused(ip_address(address), opened=(), own=())


def test_the_operator_opens_a_range_and_never_the_metadata_or_the_container_itself() -> None:
    opened = networks("10.1.0.0/16, 169.254.0.0/16")
    own = {ip_address("10.1.0.5")}
    assert not refused(ip_address("10.1.0.6"), opened=opened, own=own)
    assert refused(ip_address("10.2.0.6"), opened=opened, own=own)
    assert refused(ip_address("10.1.0.5"), opened=opened, own=own)
    assert refused(ip_address("169.254.169.254"), opened=opened, own=own)


@pytest.mark.parametrize("address", sorted(METADATA, key=str), ids=str)
def test_who_opens_everything_opens_no_form_of_the_metadata(address: IPv4Address | IPv6Address) -> None:
    every = [ip_network(address), *(forms(address) if isinstance(address, IPv4Address) else ())]
    for opened in every, networks("0.0.0.0/0, ::/0"), networks("64:ff9b::/96, 2002::/16"):
        assert all(refused(each[0], opened=opened, own=()) for each in every)
    assert not refused(ip_address("64:ff9b::a00:1"), opened=networks("64:ff9b::/96"), own=())


def test_the_loopback_is_an_address_of_ours() -> None:
    assert ip_address("127.0.0.1") in own_addresses()


ROUTE = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth1\t0000000A\tFE01000A\t0003\t0\t0\t0\t000000FF\t0\t0\t0
"""
NONE = "0" * 32
ROUTE6 = f"""\
fd000001000000000000000000000000 40 {NONE} 00 {NONE} 00000100 1 0 1 eth0
{NONE} 00 {NONE} 00 fd000001000000000000000000000001 00000400 1 0 3 eth0
"""


@pytest.mark.skipif(sys.byteorder == "big", reason="the words of this table are those of a small-endian machine")
def test_the_gateways_are_those_of_the_table_of_routes() -> None:
    assert gateways4(ROUTE.splitlines()) == {ip_address("172.17.0.1"), ip_address("10.0.1.254")}


def test_and_those_of_version_6() -> None:
    assert gateways6(ROUTE6.splitlines()) == {ip_address("fd00:1::1")}


@given(st.lists(st.text(max_size=80), max_size=5))
def test_a_table_that_makes_no_sense_has_none(lines: list[str]) -> None:
    assert gateways4(lines) == gateways6(lines) == frozenset()


def test_a_gateway_is_an_address_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for the kernel: else a name of a list could lead to the host where its range is opened."""
    tables = {"/proc/net/route": ROUTE.splitlines(), "/proc/net/ipv6_route": ROUTE6.splitlines()}
    monkeypatch.setattr(addresses, "_lines", lambda path: tables.get(path, []))
    for gateway in ("172.17.0.1", "fd00:1::1"):
        assert refused(ip_address(gateway), opened=networks("172.16.0.0/12,fd00:1::/32"), own=own_addresses())
