"""What is answered to a question for a name, before anybody else is asked. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset

from appx.domain.egress import Egress

MODELS = "llm.appx.internal"
"""The models for apps."""

MODELS_ADDRESS = "10.255.255.1"
PROXY_ADDRESS = "10.255.255.2"
"""Where the names of a list lead to: the rules send its ports 80 and 443 to ``egress.proxy``."""

SECONDS = 60
NO_HOSTS: Mapping[str, list[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """``refused``: the name that may not be reached."""

    data: bytes
    refused: str | None = None


class AskOthers:
    """The question may go to the resolvers of the container, as it is."""


def answer(question: bytes, egress: Egress, hosts: Mapping[str, list[str]] = NO_HOSTS) -> Answered | AskOthers | None:
    """None for what is no question: nothing is answered to that. ``hosts``: the container's own names.

    Under a list and under none no question leaves, because a name can carry data. A name of the list leads to our
    proxy, which asks for the address by itself.
    """
    try:
        asked = dns.message.from_wire(question)
    except dns.exception.DNSException:
        return None
    if asked.flags & dns.flags.QR:
        return None
    if asked.opcode() != dns.opcode.QUERY or len(asked.question) != 1:
        return Answered(data=_reply(asked, dns.rcode.NOTIMP))
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
    try:
        return _reply(dns.message.from_wire(question), dns.rcode.SERVFAIL)
    except dns.exception.DNSException:
        return None


def _reply(asked: dns.message.Message, code: dns.rcode.Rcode) -> bytes:
    reply = dns.message.make_response(asked, recursion_available=True)
    reply.set_rcode(code)
    return reply.to_wire()


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
    reply = dns.message.make_response(asked, recursion_available=True)
    wanted = asked.question[0]
    for address in addresses:
        kind = dns.rdatatype.AAAA if ":" in address else dns.rdatatype.A
        if wanted.rdtype in {kind, dns.rdatatype.ANY}:
            reply.answer.append(dns.rrset.from_text(wanted.name, SECONDS, "IN", dns.rdatatype.to_text(kind), address))
    return reply.to_wire()
