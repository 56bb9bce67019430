"""The resolver of all accounts: answers by their policies, and hands on what may be asked outside."""

import struct
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from anyio.abc import SocketStream, TaskGroup, TaskStatus, UDPSocket

from appx.egress import names
from appx.egress.callers import caller
from appx.egress.policies import Policies
from appx.egress.refused import RefusedNames
from appx.kit.peers import Address, Whose, owner

PORT = 4053
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
        whose: Whose = owner,
    ) -> None:
        self._hosts = hosts
        self._policies = policies
        self._refused = refused
        self._port = port
        self._upstream = upstream
        self._asking: Counter[int | None] = Counter()
        self._sending = anyio.Lock()
        self._whose = whose

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        async with (
            await anyio.create_udp_socket(local_host="127.0.0.1", local_port=self._port) as datagrams,
            await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=self._port) as connections,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(connections.serve, self._talk)
            task_status.started()
            await self._listen(datagrams, tasks)

    async def _listen(self, datagrams: UDPSocket, tasks: TaskGroup) -> None:
        async for question, peer in datagrams:
            uid = self._whose("udp", peer, ("127.0.0.1", self._port))
            if self._take(uid):
                tasks.start_soon(self._answer_datagram, datagrams, question, peer, uid)

    def _take(self, uid: int | None) -> bool:
        """Whether there is a place for one more of this account."""
        if self._asking[uid] >= OF_ONE or self._asking.total() >= AT_ONCE:
            return False
        self._asking[uid] += 1
        return True

    def _give_back(self, uid: int | None) -> None:
        self._asking[uid] -= 1
        self._asking += Counter()  # without those that are at 0

    async def _answer_datagram(self, datagrams: UDPSocket, question: bytes, peer: Address, uid: int | None) -> None:
        try:
            reply = await self._reply(question, uid, _by_datagram)
            if reply is not None:
                async with self._sending:
                    await datagrams.sendto(reply, *peer)
        except OSError:  # the asker is gone
            pass
        finally:
            self._give_back(uid)

    async def _talk(self, stream: SocketStream) -> None:
        """Questions by TCP: each has its length before it."""
        async with stream:
            uid = caller(stream, self._port, self._whose)
            if not self._take(uid):
                return
            try:
                while True:
                    with anyio.fail_after(IDLE_SECONDS):
                        question = await _framed(stream)
                    reply = await self._reply(question, uid, _by_stream)
                    if reply is None:
                        return
                    await stream.send(struct.pack("!H", len(reply)) + reply)
            except (OSError, TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError):
                return
            finally:
                self._give_back(uid)

    async def _reply(self, question: bytes, uid: int | None, ask: Ask) -> bytes | None:
        found = names.answer(question, self._policies.of(uid), names.table(self._hosts.read_text()))
        if isinstance(found, names.Answered):
            if found.refused is not None and uid is not None:
                self._refused.add(uid, found.refused, protocol="name", port=None, now=time.time())
            return found.data
        if found is None:
            return None
        for server in upstream(self._upstream.read_text()):
            try:
                with anyio.fail_after(ANSWER_SECONDS):
                    return await ask(question, server)
            except (OSError, TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError):
                continue
        return names.failed(question)


def upstream(text: str) -> list[str]:
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
        return await _framed(asking)


async def _framed(stream: SocketStream) -> bytes:
    """Raises anyio.EndOfStream."""
    (length,) = struct.unpack("!H", await _exactly(stream, 2))
    return await _exactly(stream, length)


async def _exactly(stream: SocketStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await stream.receive(count - len(data))
    return data
