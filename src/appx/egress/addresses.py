"""Which addresses are closed: private ones, a cloud's metadata, our own. As ``egress.nft`` of the image has them."""

import re
import socket
import struct
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network
AnyAddress: TypeAlias = IPv4Address | IPv6Address

METADATA = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200", "168.63.129.16", "169.254.169.254", "169.254.170.2", "169.254.170.23", "192.0.0.192",
            "fd00:c1::a9fe:a9fe", "fd00:ec2::23", "fd00:ec2::254", "fd20:ce::254",
        ),
    )
)  # fmt: skip
"""Where clouds give out credentials. One of them looks public."""

PRIVATE: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
            "192.0.0.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3",
            "::/3", "2001::/23", "2002::/16", "4000::/2", "8000::/1",
        ),
    )
)  # fmt: skip
"""Private, shared, link-local, loopback, multicast, reserved. Of IPv6 also what carries IPv4 addresses of all kinds."""

NAT64 = IPv6Network("64:ff9b::/96")
MAPPED = IPv6Network("::ffff:0:0/96")
COMPATIBLE = IPv6Network("::/96")
"""RFC 4291, 2.5.5.1; long out of use, and still an IPv4 address to some."""


def networks(text: str) -> tuple[Network, ...]:
    """``10.1.0.0/16,fd00:1::/32``. Raises ValueError."""
    return tuple(ip_network(each.strip()) for each in text.split(",") if each.strip())


def inner(address: AnyAddress) -> IPv4Address | None:
    """Of IPv4, what an address of IPv6 stands for: written anew, or reached through a gateway. Pure."""
    if isinstance(address, IPv4Address):
        return None
    if address in MAPPED or address in COMPATIBLE or address in NAT64:
        return IPv4Address(address.packed[12:])
    return address.sixtofour


def is_metadata(address: AnyAddress) -> bool:
    """Also in its other forms."""
    return (inner(address) or address) in METADATA


def refused(address: AnyAddress, *, opened: Iterable[Network], own: Iterable[AnyAddress]) -> bool:
    """Whether nothing may connect to it. ``opened``: what the operator allows of the private ranges."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if is_metadata(address) or address in own:
        return True
    if any(address in network for network in opened):
        return False
    return any(address in network for network in PRIVATE)


def own_addresses() -> frozenset[AnyAddress]:
    """Those of this network namespace, and its gateways, which are the host."""
    found: set[AnyAddress] = set()
    last = ""
    for line in _lines("/proc/net/fib_trie"):
        words = line.split()
        if words[:3] == ["/32", "host", "LOCAL"]:
            found.add(ip_address(last))
        last = words[-1] if words else ""
    for line in _lines("/proc/net/if_inet6"):
        found.add(ip_address(socket.inet_ntop(socket.AF_INET6, bytes.fromhex(line.split()[0]))))
    return frozenset(found) | gateways4(_lines("/proc/net/route")) | gateways6(_lines("/proc/net/ipv6_route"))


def gateways4(lines: Iterable[str]) -> frozenset[IPv4Address]:
    """From a table as ``/proc/net/route``: ``name target gateway …``, addresses as words of this machine. Pure."""
    words = (line.split() for line in lines)
    found = {each[2] for each in words if len(each) > 2 and re.fullmatch("[0-9A-Fa-f]{8}", each[2])}
    return frozenset(IPv4Address(struct.pack("=I", int(each, 16))) for each in found if int(each, 16))


def gateways6(lines: Iterable[str]) -> frozenset[IPv6Address]:
    """From a table as ``/proc/net/ipv6_route``: the fifth word of a line is the next hop. Pure."""
    words = (line.split() for line in lines)
    found = {each[4] for each in words if len(each) > 4 and re.fullmatch("[0-9A-Fa-f]{32}", each[4])}
    return frozenset(IPv6Address(int(each, 16)) for each in found if int(each, 16))


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
