"""The addresses of a host, looked up in threads: each account has a few of its own, and waits for no other's."""

import socket
from collections import Counter

import anyio
from anyio import CapacityLimiter, to_thread

AT_ONCE = 4
"""Lookups of one account. One whose servers are silent takes many seconds, and nothing ends its thread before."""

PLACE_SECONDS = 30.0
"""How long a lookup waits for others of its account. By then its client has given up, which a socket does not show:
who has only said all that he has to say looks the same."""


class Lookups:
    """As the machine knows hosts: ``/etc/hosts``, then ``/etc/resolv.conf``.

    Who stops waits for the threads. The container's stop waits a second, and kills.
    """

    def __init__(self) -> None:
        self._asking: Counter[int] = Counter()
        self._places: dict[int, CapacityLimiter] = {}
        """Of the accounts that ask now."""

    async def addresses(self, uid: int, name: str, port: int) -> list[str]:
        """``name``: in ASCII. Raises OSError, and TimeoutError when no place became free.

        Whoever has a place keeps it until the thread has ended, and gets its answer however late that is.
        """
        places = self._places.setdefault(uid, CapacityLimiter(AT_ONCE))
        self._asking[uid] += 1
        try:
            with anyio.fail_after(PLACE_SECONDS):
                return await to_thread.run_sync(_look_up, name, port, limiter=places)
        finally:
            self._asking[uid] -= 1
            if not self._asking[uid]:
                del self._asking[uid], self._places[uid]


def _look_up(name: str, port: int) -> list[str]:
    """As bytes, because Python itself refuses some texts, ``a..b``, by an error that is no OSError."""
    found = socket.getaddrinfo(name.encode("ascii"), port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]
