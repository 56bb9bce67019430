"""The resolver of all accounts: answers by their policies, and hands on what may be asked outside."""

import struct
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from anyio.abc import SocketStream, TaskGroup, TaskStatus

from appx.egress import names
from appx.egress.callers import caller
from appx.egress.datagrams import KERNEL, Asked, Datagrams, Owners
from appx.egress.guarded import guarded, serve
from appx.egress.parsed import Parsed
from appx.egress.policies import Policies
from appx.egress.refused import RefusedNames

HOST = "127.0.0.1"
PORT = 4053
MAX_ANSWER = 0xFFFF
AT_ONCE, OF_ONE = 1_024, 128
"""Questions that wait for others' answers, in all and of one account, and as many connections. More are not answered,
and asked again."""

ANSWER_SECONDS = 4.0
IDLE_SECONDS = 30.0

Ask = Callable[[bytes, str], Awaitable[bytes]]
"""Hands a question on to the resolver of that address. Raises OSError and its like."""


class Resolver:
    """On the loopback, by UDP and TCP. ``upstream``: as ``/etc/resolv.conf``; ``hosts``: as ``/etc/hosts``."""

    def __init__(
        self,
        *,
        policies: Policies,
        refused: RefusedNames,
        upstream: Path,
        hosts: Path,
        port: int = PORT,
        whose: Owners = KERNEL,
    ) -> None:
        self._hosts = Parsed(hosts, names.table)
        self._policies = policies
        self._refused = refused
        self._port = port
        self._upstream = Parsed(upstream, servers)
        self._asking: Counter[int | None] = Counter()
        self._whose = whose

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        with Datagrams((HOST, self._port), self._whose) as datagrams:
            async with (
                await anyio.create_tcp_listener(local_host=HOST, local_port=self._port) as connections,
                anyio.create_task_group() as tasks,
            ):
                tasks.start_soon(serve, connections, self._talk)
                task_status.started()
                listen = guarded(self._listen)
                while True:
                    await listen(datagrams, tasks)

    async def _listen(self, datagrams: Datagrams, tasks: TaskGroup) -> None:
        """To one question of each account."""
        for asked in await datagrams.round():
            tasks.start_soon(guarded(self._answer_datagram), datagrams, asked)

    def _take(self, uid: int | None) -> bool:
        """Whether there is a place for one more of this account."""
        if self._asking[uid] >= OF_ONE or self._asking.total() >= AT_ONCE:
            return False
        self._asking[uid] += 1
        return True

    def _give_back(self, uid: int | None) -> None:
        self._asking[uid] -= 1
        self._asking += Counter()  # without those that are at 0

    async def _answer_datagram(self, datagrams: Datagrams, asked: Asked) -> None:
        uid = datagrams.sole(asked)
        if uid is None:
            reply = names.again_by_stream(asked.question)  # there the kernel tells who asks
        elif self._take(uid):
            try:
                reply = await self._reply(asked.question, uid, _by_datagram)
            finally:
                self._give_back(uid)
        else:
            return
        if reply is not None:
            datagrams.answer(reply, asked.peer)

    async def _talk(self, stream: SocketStream) -> None:
        """Questions by TCP: each has its length before it."""
        async with stream:
            uid = caller(stream, self._port, self._whose.last)
            if not self._take(uid):
                return
            try:
                while True:
                    with anyio.fail_after(IDLE_SECONDS):
                        question = await _framed(stream, names.MAX_QUESTION)
                    reply = await self._reply(question, uid, _by_stream)
                    if reply is None:
                        return
                    await stream.send(struct.pack("!H", len(reply)) + reply)
            except (OSError, TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError):
                return
            finally:
                self._give_back(uid)

    async def _reply(self, question: bytes, uid: int | None, ask: Ask) -> bytes | None:
        found = names.answer(question, self._policies.of(uid), self._hosts.now())
        if isinstance(found, names.Answered):
            if found.refused is not None and uid is not None:
                self._refused.add(uid, found.refused, protocol="name", port=None, now=time.time())
            return found.data
        if found is None:
            return None
        for server in self._upstream.now():
            try:
                with anyio.fail_after(ANSWER_SECONDS):
                    return await ask(question, server)
            except (OSError, TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError):
                continue
        return names.failed(question)


def servers(text: str) -> list[str]:
    """The resolvers that a ``resolv.conf`` names; at most three, as everywhere. Pure."""
    found = [
        line.split()[1] for line in text.splitlines() if line.split()[:1] == ["nameserver"] and len(line.split()) > 1
    ]
    return found[:3]


async def _by_datagram(question: bytes, server: str) -> bytes:
    async with await anyio.create_connected_udp_socket(server, 53) as asking:
        await asking.send(question)
        while True:
            reply = await asking.receive()
            if reply[:2] == question[:2]:
                return reply


async def _by_stream(question: bytes, server: str) -> bytes:
    async with await anyio.connect_tcp(server, 53) as asking:
        await asking.send(struct.pack("!H", len(question)) + question)
        return await _framed(asking, MAX_ANSWER)


async def _framed(stream: SocketStream, most: int) -> bytes:
    """Raises anyio.EndOfStream, and OSError when it has more than ``most`` bytes: none of those is read."""
    (length,) = struct.unpack("!H", await _exactly(stream, 2))
    if length > most:
        raise OSError("The message is too long.")
    return await _exactly(stream, length)


async def _exactly(stream: SocketStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await stream.receive(count - len(data))
    return data
