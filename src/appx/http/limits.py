"""How large a request's body may be."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appx.http.errors import answer

MAX_BODY = 16 * 1024 * 1024


class BodyLimit:
    """ASGI middleware: answers 413 before more than ``limit`` bytes are taken in."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = Headers(scope=scope).get("content-length", "0")
        if told.isdecimal() and int(told) > self._limit:
            await answer(413, self._sentence())(scope, receive, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise HTTPException(413, self._sentence())  # the only error that FastAPI does not make a 400 of
            return message

        await self._app(scope, counted, send)

    def _sentence(self) -> str:
        return f"The body is larger than {self._limit} bytes. Send less."
