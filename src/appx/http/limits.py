"""How large a request's body may be, and how slow."""

import re
import time

import anyio
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appx.http.errors import answer

MAX_BODY = 16 * 1024 * 1024

SILENCE = 30.0
"""Seconds in which a part of a body has to come. What the server itself takes to store it does not count."""

SLOWEST = 1_000
"""Bytes per second, on average over what was waited for beyond the first ``SILENCE``."""

LESS = "Send less."
MORE = "Send it in parts, or let the operator raise APPX_MAX_UPLOAD."
SLOW = "The body came too slowly. Send it again."

_UPLOAD = re.compile(r"(PUT|POST) /v1/projects/[^/]+/(files|upload)")
"""What is streamed on and never held whole."""


class BodyLimit:
    """ASGI middleware: answers 413 before more than ``limit`` bytes are taken in, or ``uploads`` of a file; 408 when
    they do not come.
    """

    def __init__(self, app: ASGIApp, *, uploads: int, limit: int = MAX_BODY, silence: float = SILENCE) -> None:
        self._app = app
        self._limit = limit
        self._uploads = uploads
        self._silence = silence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = _UPLOAD.fullmatch(f"{scope['method']} {scope['path']}") is not None
        limit = self._uploads if upload else self._limit
        sentence = f"The body is larger than {limit} bytes. {MORE if upload else LESS}"
        told = Headers(scope=scope).get("content-length", "0")
        if told.isdecimal() and int(told) > limit:
            await answer(413, sentence)(scope, receive, send)
            return
        body = _Body(receive, limit=limit, sentence=sentence, silence=self._silence)
        await self._app(scope, body.receive, send)


class _Body:
    """What one request sends, counted and timed. Of any other error than HTTPException FastAPI makes a 400."""

    def __init__(self, receive: Receive, *, limit: int, sentence: str, silence: float) -> None:
        self._receive = receive
        self._limit = limit
        self._sentence = sentence
        self._silence = silence
        self._taken = 0
        self._waited = 0.0
        self._whole = False

    async def receive(self) -> Message:
        if self._whole:  # it is waited for the end of the connection
            return await self._receive()
        patience = min(self._silence, self._silence + self._taken / SLOWEST - self._waited)
        began = time.monotonic()
        with anyio.move_on_after(max(patience, 0.0)) as late:
            message = await self._receive()
        if late.cancelled_caught:
            raise HTTPException(408, SLOW, headers={"Connection": "close"})
        self._waited += time.monotonic() - began
        self._taken += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._taken > self._limit:
            raise HTTPException(413, self._sentence)
        return message
