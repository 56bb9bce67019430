"""Where a provider may be that somebody added over the API: on the internet, and where the operator allows it."""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeAlias

import anyio

from appx.domain.errors import Misconfigured
from appx.egress.addresses import inner, is_metadata

SETTING = "APPX_PROVIDER_NETWORKS"
PRIVATE = "private"

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Lookup: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host. Raises OSError."""

PRIVATE_NETWORKS: tuple[Network, ...] = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
SPECIAL: tuple[Network, ...] = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "fec0::/10")))
"""What some releases of Python take for the internet."""

LOCAL_NAT64, TEREDO = (ipaddress.IPv6Network(each) for each in ("64:ff9b:1::/48", "2001::/32"))


class OutOfReach(Exception):
    """The address of a provider is not one that it may have. The text is a sentence that says what to do."""


def networks(value: str) -> tuple[Network, ...]:
    """Of the setting. Raises Misconfigured, naming it."""
    found: list[Network] = []
    for each in filter(None, (part.strip() for part in value.split(","))):
        try:
            found += PRIVATE_NETWORKS if each == PRIVATE else (ipaddress.ip_network(each),)
        except ValueError as error:
            raise Misconfigured(f"{SETTING}: {error}. Give CIDRs with `,` between them, or {PRIVATE}.") from None
    return tuple(found)


def may_reach(address: Address, allowed: Iterable[Network] = ()) -> bool:
    """Whether ``address`` is on the internet, or in a network of ``allowed``; never where clouds give out credentials.

    An address of IPv6 that stands for one of IPv4 is judged as that.
    """
    judged = inner(address) or address
    if is_metadata(address):
        return False
    if any(judged.version == each.version and judged in each for each in allowed):
        return True
    if not judged.is_global or judged.is_multicast or judged.is_reserved or _is_a_way(judged):
        return False
    return not any(judged.version == each.version and judged in each for each in SPECIAL)


def _is_a_way(address: Address) -> bool:
    """Whether it leads through a gateway to what cannot be seen from it."""
    return isinstance(address, ipaddress.IPv6Address) and (address in TEREDO or address in LOCAL_NAT64)


async def reachable(host: str, port: int, allowed: Sequence[Network], lookup: Lookup) -> str:
    """The address to connect to: of those that ``host`` has now, the first that may be reached.

    Raises OutOfReach when none may, OSError when there is none.
    """
    found = {each: ipaddress.ip_address(each.partition("%")[0]) for each in await lookup(host, port)}
    for each, address in found.items():
        if may_reach(address, allowed):
            return each
    closed = all(map(is_metadata, found.values()))
    what_to_do = f"{SETTING} opens none of a cloud's metadata." if closed else f"The operator allows it with {SETTING}."
    raise OutOfReach(
        f"{host} has the address {', '.join(found)}, where no provider may be that is added over the API. {what_to_do}"
    )


async def look_up(host: str, port: int) -> Sequence[str]:
    """As the machine knows it: also 127.1, 2130706433 and 0x7f000001 become what they mean. Raises OSError."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]
