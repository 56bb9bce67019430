"""What the commands, builds and apps of a project may reach: a policy, and the names of its list."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from appx.domain.errors import Invalid

Policy = Literal["open", "list", "none"]

STRICT: tuple[Policy, ...] = ("open", "list", "none")
"""From the one that allows most to the one that allows least."""

MAX_HOSTS = 200

_LABEL = r"(?!-)[a-z0-9_-]{1,63}(?<!-)"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """``open``: every public address. ``list``: the hosts, by HTTP and HTTPS. ``none``: nothing."""

    policy: Policy = "none"
    hosts: tuple[str, ...] = ()

    def allows(self, name: str) -> bool:
        """Whether a host of that name may be reached."""
        return self.policy == "open" or (self.policy == "list" and any(_matches(each, name) for each in self.hosts))


def checked_hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    """In lower case, each once. ``*.example.com`` stands for all below example.com, without itself. Raises Invalid."""
    found = tuple(dict.fromkeys(host.strip().rstrip(".").lower() for host in hosts))
    if len(found) > MAX_HOSTS:
        raise Invalid(f"{len(found)} hosts are too many; {MAX_HOSTS} is the most.")
    for host in found:
        if len(host) > 253 or not _HOST.fullmatch(host) or host.rsplit(".", 1)[-1].isdigit():
            raise Invalid(f"{host[:100]!r} is no name of a host. Write example.com, or *.example.com for all below it.")
    return found


def shared(wanted: Iterable[Egress]) -> Egress:
    """For those who share an account: the strictest policy, and of lists what stands in each."""
    every = tuple(wanted)
    if not every:
        return Egress()
    policy = max((each.policy for each in every), key=STRICT.index)
    if policy != "list":
        return Egress(policy=policy)
    lists = [each.hosts for each in every if each.policy == "list"]
    return Egress(policy=policy, hosts=tuple(host for host in lists[0] if all(host in other for other in lists[1:])))


def _matches(pattern: str, name: str) -> bool:
    name = name.rstrip(".").lower()
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern
