"""How large a request's body may be."""

import re

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appx.http.errors import answer

MAX_BODY = 16 * 1024 * 1024

LESS = "Send less."
MORE = "Send it in parts, or let the operator raise APPX_MAX_UPLOAD."

_UPLOAD = re.compile(r"(PUT|POST) /v1/projects/[^/]+/(files|upload)")
"""What is streamed on and never held whole."""


class BodyLimit:
    """ASGI middleware: answers 413 before more than ``limit`` bytes are taken in, or ``uploads`` of a file."""

    def __init__(self, app: ASGIApp, *, uploads: int, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit
        self._uploads = uploads

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
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(413, sentence)  # the only error that FastAPI does not make a 400 of
            return message

        await self._app(scope, counted, send)
