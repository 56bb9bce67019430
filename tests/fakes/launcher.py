"""A launcher in this process: it answers on a socket as ``launch`` does, and starts workbenches in this process."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import SocketAttribute, SocketStream


@dataclass(slots=True)
class FakeLauncher:
    """``start`` is called with the number of an account that is to be started. ``asked``: all requests.

    ``may_wipe``: wipes wait for it.
    """

    most: int | str = 3
    given: set[int] = field(default_factory=set)
    apps: set[int] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    fails: str = ""
    start: Callable[[int], None] = lambda _: None
    may_wipe: anyio.Event | None = None

    @asynccontextmanager
    async def serving(self, socket: Path) -> AsyncIterator[Path]:
        async with await anyio.create_unix_listener(socket) as listener, anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, self._handle)
            yield socket
            tasks.cancel_scope.cancel()

    async def _handle(self, stream: SocketStream) -> None:
        async with stream:
            assert stream.extra(SocketAttribute.family)
            line = (await stream.receive()).decode().strip()
            self.asked.append(line)
            if line.startswith("wipe") and self.may_wipe is not None:
                await self.may_wipe.wait()
            await stream.send(f"{self._answer(line)}\n".encode())

    def _answer(self, line: str) -> str:
        word, _, number = line.partition(" ")
        if word == "status":
            return f"accounts {self.most}" if isinstance(self.most, int) else f"none {self.most}"
        if self.fails:
            return f"failed {self.fails}"
        return self._do(word, int(number))

    def _do(self, word: str, account: int) -> str:
        match word:
            case "start":
                self.start(account)
            case "give":
                self.given.add(account)
            case "given":
                return "yes" if account in self.given else "no"
            case "apps":
                return "yes" if account in self.apps else "no"
            case "wipe":
                self.given.discard(account)
            case _:
                return "failed this is no request"
        return "ok"
