"""Questions to the kernel about the socket at given ends: netlink's ``sock_diag``.

Measured with 280 sockets: 0.02 ms of processor, where to read ``/proc/net/tcp`` takes 4 ms, as it walks a table for all
sockets that the machine could have. With 6,000 for datagrams: 0.04 ms for one of them, 0.7 for all at the same ends,
and 6 to read ``/proc/net/udp``. Sources: ``linux/inet_diag.h``, ``linux/netlink.h``, ``net/ipv4/udp_diag.c``.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal, TypeAlias

Protocol: TypeAlias = Literal["tcp", "udp"]
Address: TypeAlias = tuple[str, int]

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLMSG_ERROR = 2
NLMSG_DONE = 3
NLM_F_REQUEST = 1
NLM_F_DUMP = 0x300
ANY_STATE = 0xFFFFFFFF
NO_COOKIE = 0xFFFFFFFF
LISTENING = 10
SECONDS = 1.0
MAX_ANSWER = 32 << 10
"""What the kernel sends at once is at most this."""

HEADER = struct.Struct("=IHHII")
"""Length, type, flags, number, process."""

REQUEST = struct.Struct("=BBBBI")
"""Family, protocol, extensions, nothing, states; then the socket."""

PORTS = struct.Struct(">HH")
ANSWER = struct.Struct("=BBBB")
"""Family, state, timer, retransmissions; then the socket, expires, two queues, the uid."""

SOCKET_SIZE = 48
SOCKET_AT = HEADER.size + ANSWER.size
UID_AT = SOCKET_AT + SOCKET_SIZE + 12


def uid_at(peer: Address, here: Address, protocol: Protocol = "tcp") -> int | None:
    """The uid of the socket that is bound to ``peer`` and connected to ``here``; None when there is none.

    Of datagrams more than one may be there, see ``uids_at``; this is the one that was bound last.
    Raises OSError when the kernel does not answer such questions.
    """
    with _link() as link:
        # Of datagrams the kernel takes the two ends the other way round, "for historical reasons".
        ends = (peer, here) if protocol == "tcp" else (here, peer)
        link.send(_question(*ends, family=_family(peer), protocol=protocol))
        return uid_in_answer(link.recv(MAX_ANSWER), peer, here)


def uids_at(peer: Address, here: Address) -> frozenset[int]:
    """Those of all sockets for datagrams at these ends: who sets SO_REUSEADDR shares them, also with other uids.

    The kernel looks through all that there are. Raises OSError when it does not answer such questions.
    """
    # A socket of version 6 that sends from a version 4 address is listed among its own.
    return _listed(peer, here, _family(peer)) or _listed(peer, here, socket.AF_INET6)


def uid_in_answer(answer: bytes, peer: Address, here: Address) -> int | None:
    """None for an error, for a socket that only listens where ``peer`` is bound, and for one with other ends."""
    if len(answer) < UID_AT + 4 or HEADER.unpack_from(answer)[1] != SOCK_DIAG_BY_FAMILY:
        return None
    family, state, _, _ = ANSWER.unpack_from(answer, HEADER.size)
    if state == LISTENING or PORTS.unpack_from(answer, SOCKET_AT) != (peer[1], here[1]):
        return None
    if _addresses(answer, family) != (_plain(peer[0]), _plain(here[0])):
        return None
    uid: int = struct.unpack_from("=I", answer, UID_AT)[0]
    return uid


def _listed(peer: Address, here: Address, family: int) -> frozenset[int]:
    found: set[int] = set()
    with _link() as link:
        link.send(_question(peer, here, family=family, protocol="udp", flags=NLM_F_REQUEST | NLM_F_DUMP))
        while True:
            for kind, message in _messages(link.recv(MAX_ANSWER)):
                if kind in {NLMSG_DONE, NLMSG_ERROR}:
                    _check(message)
                    return frozenset(found)
                if (uid := uid_in_answer(message, peer, here)) is not None:
                    found.add(uid)


def _link() -> socket.socket:
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
    link.settimeout(SECONDS)
    return link


def _question(
    source: Address, target: Address, *, family: int, protocol: Protocol, flags: int = NLM_F_REQUEST
) -> bytes:
    first, second = _plain(source[0]), _plain(target[0])
    found = PORTS.pack(source[1], target[1]) + first.packed.ljust(16, b"\0") + second.packed.ljust(16, b"\0")
    found += struct.pack("=III", 0, NO_COOKIE, NO_COOKIE)
    number = socket.IPPROTO_TCP if protocol == "tcp" else socket.IPPROTO_UDP
    asked = REQUEST.pack(family, number, 0, 0, ANY_STATE) + found
    return HEADER.pack(HEADER.size + len(asked), SOCK_DIAG_BY_FAMILY, flags, 1, 0) + asked


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each with its kind. Raises OSError when they make no sense."""
    while data:
        length, kind = HEADER.unpack_from(data)[:2] if len(data) >= HEADER.size else (0, 0)
        if length < HEADER.size:
            raise OSError(errno.EBADMSG, "The kernel's answer is no list of messages.")
        yield kind, data[:length]
        data = data[(length + 3) & ~3 :]


def _check(last: bytes) -> None:
    """The end of a list says how it went. Raises OSError."""
    code: int = struct.unpack_from("=i", last, HEADER.size)[0] if len(last) >= HEADER.size + 4 else 0
    if code < 0:
        raise OSError(-code, os.strerror(-code))


def _addresses(answer: bytes, family: int) -> tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]:
    size = 4 if family == socket.AF_INET else 16
    first, second = SOCKET_AT + PORTS.size, SOCKET_AT + PORTS.size + 16
    return _bare(ip_address(answer[first : first + size])), _bare(ip_address(answer[second : second + size]))


def _family(peer: Address) -> int:
    return socket.AF_INET if isinstance(_plain(peer[0]), IPv4Address) else socket.AF_INET6


def _plain(host: str) -> IPv4Address | IPv6Address:
    return _bare(ip_address(host))


def _bare(found: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """A version 4 address in the clothes of version 6 is one of version 4 for the kernel, too."""
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
