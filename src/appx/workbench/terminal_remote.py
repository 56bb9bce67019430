"""A terminal as the server sees it: what it shows is one answer, what is typed are requests of their own."""

import re
from collections.abc import AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import TypeAlias

import anyio
import httpx2

from appx.domain.errors import AppxError
from appx.workbench import wire
from appx.workbench.answers import Answer, senseless
from appx.workbench.bench import Size, TakeBytes, Typed

Ask: TypeAlias = Callable[..., AbstractAsyncContextManager[Answer]]

_NAME = re.compile(rb"[0-9a-zA-Z_-]{1,100}")


class RemoteTerminal:
    """``ask`` is that of the workbench's client."""

    def __init__(self, ask: Ask, typed: AsyncIterable[Typed], take: TakeBytes) -> None:
        self._ask = ask
        self._typed = typed
        self._take = take
        self._name = ""
        self._named = anyio.Event()

    async def talk(self, shown: AsyncIterable[bytes]) -> wire.Said:
        """Until the command has ended: what stands behind the frames. Raises the error that does."""
        failure: Exception | None = None
        last: wire.Said = {}
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._send)
            try:
                last = await wire.hand_over(shown, self._show)
            except (AppxError, httpx2.TransportError) as error:
                failure = error
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return last

    async def _show(self, data: bytes) -> None:
        if self._name:
            await self._take(data)
            return
        if not _NAME.fullmatch(data):
            raise senseless()
        self._name = data.decode()
        self._named.set()

    async def _send(self) -> None:
        """What cannot be said any more is of no use: the answer breaks off, too, and says why."""
        await self._named.wait()
        place = f"/terminals/{self._name}"
        with suppress(AppxError):
            async for each in self._typed:
                if isinstance(each, Size):
                    async with self._ask("POST", f"{place}/size", query=wire.size_out(each), wake=False):
                        pass
                else:
                    async with self._ask("POST", place, content=each, wake=False):
                        pass
