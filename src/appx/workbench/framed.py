"""A stream that is known to be whole: frames, and behind the last one how it went. See ``wire``."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import anyio
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from appx.domain.errors import AppxError
from appx.workbench import wire
from appx.workbench.tree import Take

Work: TypeAlias = Callable[[Request, Take], Awaitable[Mapping[str, object] | None]]
"""Answers what is to stand behind the frames."""


@dataclass(frozen=True, slots=True)
class Framed:
    """ASGI application: sends what ``work`` gives; stops it when the caller leaves."""

    work: Work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await request.body()  # the request keeps it
        await send({"type": "http.response.start", "status": 200, "headers": []})

        async def take(data: bytes) -> None:
            await send({"type": "http.response.body", "body": wire.frame(data), "more_body": True})

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(until_left, receive, tasks.cancel_scope)
            last: Mapping[str, object] = {}
            try:
                last = await self.work(request, take) or {}
            except AppxError as error:
                last = wire.error_out(error)
            await send({"type": "http.response.body", "body": wire.frame(b"") + json.dumps(last).encode()})
            tasks.cancel_scope.cancel()


async def until_left(receive: Receive, scope: anyio.CancelScope) -> None:
    """Cancel ``scope`` when the caller leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
