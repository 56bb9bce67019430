"""An answer that begins when its work knows how, and whose work ends when the client leaves."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from appx.domain.errors import AppxError

logger = logging.getLogger(__name__)


class Sender:
    """What the work sends by: ``begin`` once, then ``body`` again and again."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})
        self.begun = True

    async def body(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})


Work: TypeAlias = Callable[[Sender], Awaitable[None]]


class Streamed(Response):
    """An error before the beginning is an answer as any other; one behind it breaks the connection off, so that nobody
    takes a part for the whole.
    """

    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sender, failed = Sender(send), None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_until_left, receive, tasks.cancel_scope)
            try:
                await self._work(sender)
                await sender.end()
            except AppxError as error:
                failed = error
            tasks.cancel_scope.cancel()
        if failed is not None and not sender.begun:
            raise failed
        if failed is not None:
            logger.warning("an answer was broken off: %s", failed)


async def _until_left(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
