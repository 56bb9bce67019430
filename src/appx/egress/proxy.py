"""Passes connections on to the hosts of a list: by the name in their first bytes, without opening what is in them."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

import anyio
from anyio.abc import SocketStream

from appx.egress import hello
from appx.egress.addresses import Network, own_addresses, refused
from appx.egress.callers import caller
from appx.egress.guarded import serve
from appx.egress.lookups import Lookups
from appx.egress.policies import Policies
from appx.egress.refused import RefusedNames
from appx.kit.peers import Whose, owner

AT_ONCE = 256
"""Connections of one account."""

HELLO_SECONDS = 10.0
CONNECT_SECONDS = 10.0
LOOK_SECONDS = 1.0
"""How soon a connection ends when its host is taken from the list."""

CHUNK = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """``port``: ours, on the loopback. ``target``: that of the host. ``name``: finds it in the first bytes."""

    port: int
    target: int
    name: Callable[[bytes], str]


WAYS = (Way(port=4443, target=443, name=hello.server_name), Way(port=4081, target=80, name=hello.host))


class Proxy:
    """One way. It resolves names by itself, and connects to the very address that it looked at."""

    def __init__(
        self,
        way: Way,
        *,
        policies: Policies,
        refused: RefusedNames,
        opened: tuple[Network, ...],
        lookups: Lookups,
        whose: Whose = owner,
    ) -> None:
        self._whose = whose
        self._way = way
        self._policies = policies
        self._refused = refused
        self._opened = opened
        self._open: Counter[int] = Counter()
        self._lookups = lookups

    async def run(self) -> None:
        async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=self._way.port) as listener:
            await serve(listener, self._pass_on)

    async def _pass_on(self, client: SocketStream) -> None:
        async with client:
            uid = caller(client, self._way.port, self._whose)
            if uid is None or self._open[uid] >= AT_ONCE:
                return
            self._open[uid] += 1
            try:
                await self._of(uid, client)
            except (OSError, TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError):
                return
            finally:
                self._open[uid] -= 1

    async def _of(self, uid: int, client: SocketStream) -> None:
        try:
            with anyio.fail_after(HELLO_SECONDS):
                name, first = await self._first(client)
        except hello.Unclear as error:
            self._note(uid, f"a host that is not named: {error}")
            return
        if not self._may(uid, name):
            self._note(uid, name)
            return
        host = await self._connect(uid, name)
        if host is None:
            self._note(uid, f"{name}: its address is private")
            return
        async with host:
            if self._may(uid, name):  # the list may have changed meanwhile
                await host.send(first)
                await self._splice(client, host, lambda: self._may(uid, name))

    async def _first(self, client: SocketStream) -> tuple[str, bytes]:
        data = b""
        while True:
            data += await client.receive(CHUNK)
            try:
                return self._way.name(data), data
            except hello.Incomplete:
                continue

    def _may(self, uid: int, name: str) -> bool:
        egress = self._policies.of(uid)
        return egress.policy == "list" and egress.allows(name)

    def _note(self, uid: int, what: str) -> None:
        self._refused.add(uid, what, protocol="tcp", port=self._way.target, now=time.time())

    async def _connect(self, uid: int, name: str) -> SocketStream | None:
        """None when no address of it is public. Raises OSError, TimeoutError."""
        found = await self._lookups.addresses(uid, name, self._way.target)
        own = own_addresses()
        good = [each for each in found if not refused(ip_address(each), opened=self._opened, own=own)]
        problem = OSError("no address")
        for address in good:
            try:
                with anyio.fail_after(CONNECT_SECONDS):
                    return await anyio.connect_tcp(address, self._way.target)
            except (OSError, TimeoutError) as error:
                problem = OSError(str(error))
        if good:
            raise problem
        return None

    async def _splice(self, client: SocketStream, host: SocketStream, may: Callable[[], bool]) -> None:
        """Both ways until both have ended, or the host is no longer allowed."""
        open_ways = 2

        async def one_way(source: SocketStream, sink: SocketStream) -> None:
            nonlocal open_ways
            try:
                async for chunk in source:
                    await sink.send(chunk)
                await sink.send_eof()
            except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                tasks.cancel_scope.cancel()
            open_ways -= 1
            if open_ways == 0:
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one_way, client, host)
            tasks.start_soon(one_way, host, client)
            while may():  # noqa: ASYNC110  a file changes, which calls nobody back
                await anyio.sleep(LOOK_SECONDS)
            tasks.cancel_scope.cancel()
