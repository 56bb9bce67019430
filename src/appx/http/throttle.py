"""How many wrong tokens, cookies and login codes are taken from an address before it is told to wait."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

FREE = 20
"""So many failures of one address are answered as ever: a page that was left open sends a few with an old cookie."""

LONGEST = 300.0
"""Seconds. Each failure beyond ``FREE`` doubles the wait, up to this."""

FORGET = 900.0
"""Seconds without a failure, after which an address begins anew."""

ADDRESSES = 4_096
"""So many are remembered; the one that has been quiet for the longest goes first."""

BURST, PER_SECOND = 500.0, 5.0
"""What all addresses together may fail, at once and then on."""


@dataclass(slots=True)
class _Record:
    failures: int
    until: float
    last: float


class Throttle:
    """Counts failures only: who has the right token is never asked to wait, whoever else shares the address."""

    def __init__(self, *, now: Callable[[], float] = time.monotonic) -> None:
        """``now``: seconds, that never go back."""
        self._now = now
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._left = BURST
        self._filled = now()

    def failed(self, address: str) -> int:
        """Count one. 0: refuse it as ever; else the whole seconds that the address has to wait."""
        now = self._now()
        record = self._record(address, now)
        record.last = now
        if record.until > now:
            return math.ceil(record.until - now)
        everybody = self._everybody(now)
        if everybody:
            return everybody
        record.failures += 1
        beyond = record.failures - FREE
        if beyond <= 0:
            return 0
        record.until = now + min(2.0 ** min(beyond, 30), LONGEST)
        return math.ceil(record.until - now)

    def __len__(self) -> int:
        return len(self._records)

    def _record(self, address: str, now: float) -> _Record:
        key = neighbourhood(address)
        record = self._records.get(key)
        if record is None or now - record.last > FORGET:
            record = self._records[key] = _Record(failures=0, until=now, last=now)
        self._records.move_to_end(key)
        while len(self._records) > ADDRESSES:
            self._records.popitem(last=False)
        return record

    def _everybody(self, now: float) -> int:
        self._left = min(BURST, self._left + (now - self._filled) * PER_SECOND)
        self._filled = now
        if self._left < 1:
            return math.ceil((1 - self._left) / PER_SECOND)
        self._left -= 1
        return 0


def neighbourhood(address: str) -> str:
    """What counts as one: an address of IPv4, or the 2^64 addresses of IPv6 that one household has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found.packed[:8] + bytes(8), 64)))
    return str(found)
