"""Paths that some of our code would read in one way, and some in another."""

from starlette.types import ASGIApp, Receive, Scope, Send

from appx.http.errors import answer
from appx.http.scopes import is_request


class Paths:
    """ASGI middleware: answers 400 when a path ends with a line's end.

    The router takes such a one for the path without it, because ``$`` in its patterns does. The audit log, which
    compares whole paths, would then know nothing of what was done.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_request(scope) and scope["path"].endswith("\n"):
            await answer(400, "The path ends with a line's end, %0A. Leave it out.")(scope, receive, send)
            return
        await self._app(scope, receive, send)
