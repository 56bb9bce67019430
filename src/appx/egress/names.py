"""What is answered to a question for a name, before anybody else is asked. Pure."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from types import MappingProxyType

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype

from appx.domain.egress import Egress

MODELS = "llm.appx.internal"
"""The models for apps."""

MODELS_ADDRESS = "10.255.255.1"
PROXY_ADDRESS = "10.255.255.2"
"""Where the names of a list lead to: the rules send its ports 80 and 443 to ``egress.proxy``."""

SECONDS = 60

MAX_QUESTION = 1_024
"""Bytes. A name has at most 255; with padding and a cookie a question has less than 512."""

MAX_ADDED = 2
"""Records that a question may carry: that of EDNS, and a signature."""

NO_HOSTS: Mapping[str, list[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """``refused``: the name that may not be reached."""

    data: bytes
    refused: str | None = None


HEADER = struct.Struct("!6H")
"""Number, flags, and how many questions, answers, authorities and records are added."""


class AskOthers:
    """The question may go to the resolvers of the container, as it is."""


def answer(question: bytes, egress: Egress, hosts: Mapping[str, list[str]] = NO_HOSTS) -> Answered | AskOthers | None:
    """None for what is no question: nothing is answered to that. ``hosts``: the container's own names.

    Under a list and under none no question leaves, because a name can carry data. A name of the list leads to our
    proxy, which asks for the address by itself.
    """
    if not may_ask(question):
        return None
    _, flags, questions, *_ = HEADER.unpack_from(question)
    if dns.opcode.from_flags(flags) != dns.opcode.QUERY or questions != 1:
        return Answered(data=_not_done(question))
    asked = _read(question)
    if asked is None:
        return None
    wanted = asked.question[0]
    name = wanted.name.to_text(omit_final_dot=True).lower()
    if name == MODELS:
        return Answered(data=_addresses(asked, [MODELS_ADDRESS]))
    if egress.policy == "open":
        return Answered(data=_addresses(asked, hosts[name])) if name in hosts else AskOthers()
    if egress.allows(name):
        return Answered(data=_addresses(asked, [PROXY_ADDRESS]))
    noise = name.endswith((".in-addr.arpa", ".ip6.arpa"))
    return Answered(data=_reply(asked, dns.rcode.NXDOMAIN), refused=None if noise else name)


def failed(question: bytes) -> bytes | None:
    """Nobody answered."""
    asked = _read(question)
    return None if asked is None else _reply(asked, dns.rcode.SERVFAIL)


def again_by_stream(question: bytes) -> bytes | None:
    """An answer that was cut off: who gets it asks the same by TCP."""
    asked = _read(question)
    return None if asked is None else _reply(asked, dns.rcode.NOERROR, flags=dns.flags.TC)


def may_ask(message: bytes) -> bool:
    """Whether it is worth a look, by its length and its first bytes: most of a flood is told from questions by this."""
    return HEADER.size <= len(message) <= MAX_QUESTION and not HEADER.unpack_from(message)[1] & dns.flags.QR


def _read(question: bytes) -> dns.message.Message | None:
    """None for what is no question. What is counted in its header is looked at first, and what is added not at all.

    Measured: 63 kB with 4,500 records, each with a name of 126 parts, took the parser 1.7 s.
    """
    if not may_ask(question):
        return None
    _, _, questions, answers, authorities, added = HEADER.unpack_from(question)
    if questions != 1 or answers or authorities or added > MAX_ADDED:
        return None
    try:
        return dns.message.from_wire(question, question_only=True)
    except dns.exception.DNSException:
        return None


def _not_done(question: bytes) -> bytes:
    """From its header alone: what is counted there is not read."""
    number, flags, *_ = HEADER.unpack_from(question)
    kept = flags & (dns.opcode.to_flags(dns.opcode.Opcode(15)) | dns.flags.RD)
    return HEADER.pack(number, dns.flags.QR | kept | dns.flags.RA | dns.rcode.NOTIMP, 0, 0, 0, 0)


def _reply(
    asked: dns.message.Message, code: dns.rcode.Rcode, *, flags: int = 0, records: Sequence[bytes] = ()
) -> bytes:
    """Put together by hand: the library compresses names, which took 8 ms for one of 126 parts."""
    wanted = asked.question[0]
    kept = asked.flags & dns.flags.RD
    header = HEADER.pack(asked.id, dns.flags.QR | kept | dns.flags.RA | flags | code, 1, len(records), 0, 0)
    name = b"".join(bytes([len(part)]) + part for part in wanted.name.labels)
    return header + name + struct.pack("!HH", wanted.rdtype, wanted.rdclass) + b"".join(records)


def _record(kind: dns.rdatatype.RdataType, address: str) -> bytes:
    """Of the name of the question, which begins after the header."""
    data = ip_address(address).packed
    return struct.pack("!HHHIH", 0xC000 | HEADER.size, kind, dns.rdataclass.IN, SECONDS, len(data)) + data


def table(text: str) -> dict[str, list[str]]:
    """The addresses of each name in a file as ``/etc/hosts``."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        for name in names:
            found.setdefault(name.lower(), []).append(address)
    return found


def _addresses(asked: dns.message.Message, addresses: Iterable[str]) -> bytes:
    """Other types of records are there, too, and empty: so nobody looks for an address of IPv6, or for a key of ECH."""
    records = []
    for address in addresses:
        kind = dns.rdatatype.AAAA if ":" in address else dns.rdatatype.A
        if asked.question[0].rdtype in {kind, dns.rdatatype.ANY}:
            records.append(_record(kind, address))
    return _reply(asked, dns.rcode.NOERROR, records=records)
