"""Questions of all accounts that come by one socket for datagrams: handed out in turn, one of each account."""

import contextlib
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel

from appx.egress import names
from appx.kit.peers import Address, Whose, owner, sole_owner

WAITING = 128
"""Questions of one account. More are dropped, and asked again."""

CROWDED = WAITING // 2
"""From here on a question must be surely of that account: others can send from its ports, in its name."""

BATCH = 256
"""Datagrams that are read before the next questions are handed out."""

BUFFER = 4 << 20
"""Bytes that the kernel holds for us, as far as it allows: what comes while we look at others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    question: bytes
    peer: Address


@dataclass(slots=True)
class Turns:
    """A queue with a bound for each account. Pure."""

    _waiting: dict[int | None, deque[Asked]] = field(default_factory=dict)

    def put(self, uid: int | None, asked: Asked, surely: Callable[[Asked], bool]) -> None:
        """Unless its queue is full; ``surely`` is called when it is crowded."""
        queue = self._waiting.setdefault(uid, deque())
        if len(queue) < CROWDED or (len(queue) < WAITING and surely(asked)):
            queue.append(asked)

    def next(self) -> list[Asked]:
        """The oldest of each account."""
        found = [queue.popleft() for queue in self._waiting.values()]
        self._waiting = {uid: queue for uid, queue in self._waiting.items() if queue}
        return found

    def __bool__(self) -> bool:
        return bool(self._waiting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """Of the other end, by the kernel: as ``peers.owner`` and ``peers.sole_owner``."""

    last: Whose = owner
    sole: Whose = sole_owner


KERNEL = Owners()


class Datagrams:
    """Bound to ``here``. A question waits in the queue of who was last bound to the port that it comes from."""

    def __init__(self, here: Address, whose: Owners) -> None:
        self._here = here
        self._whose = whose
        self._turns = Turns()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._socket.bind(here)

    def __enter__(self) -> "Datagrams":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    async def round(self) -> list[Asked]:
        """The next question of each account that asks; waits for the first."""
        if self._turns:
            await anyio.lowlevel.checkpoint()
        else:
            await anyio.wait_readable(self._socket)
        self._read()
        return self._turns.next()

    def sole(self, asked: Asked) -> int | None:
        """The uid that asks; None when the kernel does not tell, or more than one could."""
        return self._whose.sole("udp", asked.peer, self._here)

    def answer(self, reply: bytes, peer: Address) -> None:
        """Lost when the kernel has no room for it, or the asker is gone: then it is asked again."""
        with contextlib.suppress(OSError):
            self._socket.sendto(reply, peer)

    def _read(self) -> None:
        """What is there. Whose it is, is asked once for each port that sends."""
        known: dict[Address, int | None] = {}
        for _ in range(BATCH):
            try:
                question, peer = self._socket.recvfrom(names.MAX_QUESTION + 1)
            except BlockingIOError:
                return
            if not names.may_ask(question):
                continue
            if peer not in known:
                known[peer] = self._whose.last("udp", peer, self._here)
            self._turns.put(known[peer], Asked(question=question, peer=peer), self._surely)

    def _surely(self, asked: Asked) -> bool:
        return self.sole(asked) is not None
