"""Whose process is at the other end of a connection on this machine: the kernel knows the uid of each socket."""

import struct
from collections.abc import Callable, Iterable, Set
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TypeAlias

from appx.kit.sock_diag import Protocol, uid_at, uids_at

Address: TypeAlias = tuple[str, int]
Whose: TypeAlias = Callable[[Protocol, Address, Address], int | None]
"""As ``owner``."""

TABLES = Path("/proc/net")
GONE = 0
"""The uid of a socket that no process has any more; and root's, who asks nothing here."""


def owner(protocol: Protocol, peer: Address, here: Address) -> int | None:
    """The uid that sends from ``peer`` to ``here``, in this network namespace; None when the kernel does not tell.

    Of datagrams it is the uid that would be told an answer; another may send from the same port: see ``sole_owner``.
    """
    try:
        asked = uid_at(peer, here, protocol)
    except OSError:
        asked = None
    if asked is not None:
        return None if asked == GONE else asked
    return tabled(protocol, peer, here) if protocol == "tcp" else sole_owner(protocol, peer, here)


def sole_owner(protocol: Protocol, peer: Address, here: Address) -> int | None:
    """As ``owner``; None also when datagrams of more than one uid come from ``peer``.

    pasta keeps the port from which its account sends, and shares it: two accounts can send from the same one.
    """
    if protocol == "tcp":
        return owner(protocol, peer, here)
    try:
        return _only(uids_at(peer, here))
    except OSError:
        return tabled(protocol, peer, here)


def tabled(protocol: Protocol, peer: Address, here: Address, tables: Path = TABLES) -> int | None:
    """As ``sole_owner``, from the tables of all sockets: where the kernel answers no questions."""
    for table in (protocol, f"{protocol}6"):
        try:
            with (tables / table).open() as lines:
                found = uid_in(lines, peer, here)
        except OSError:
            continue
        if found is not None:
            return found
    return None


def uid_in(lines: Iterable[str], peer: Address, here: Address) -> int | None:
    """The uid of the socket that is bound to ``peer`` and connected to ``here``. Pure.

    A line: ``sl local_address rem_address st tx:rx tr:when retrnsmt uid …``, addresses as words of this machine.
    """
    both = [[_words(address, mapped=mapped) for address in (peer, here)] for mapped in (False, True)]
    each = (line.split(maxsplit=8) for line in lines)
    return _only({int(fields[7]) for fields in each if len(fields) > 7 and fields[1:3] in both})


def _only(uids: Set[int]) -> int | None:
    return next(iter(uids)) if len(uids) == 1 and GONE not in uids else None


def _words(address: Address, *, mapped: bool) -> str:
    """``mapped``: as the table of IPv6 shows it."""
    host: IPv4Address | IPv6Address = ip_address(address[0])
    if mapped and isinstance(host, IPv4Address):
        host = IPv6Address(f"::ffff:{host}")
    count = len(host.packed) // 4
    return "".join(f"{word:08X}" for word in struct.unpack(f"={count}I", host.packed)) + f":{address[1]:04X}"
