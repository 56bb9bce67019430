"""Headers that tell browsers what an answer may not do. They are on every answer; what a route sets itself stays."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appx.http.auth import GUARDED
from appx.http.scopes import is_answer, is_request

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

WALLS = {
    "Content-Security-Policy": NOTHING,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}

DOCS = f"{NOTHING}; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"
"""Of ``/docs``: scripts and styles are files of ours, never text in a page."""

UNSTORED = ("/login", GUARDED)
"""What begins so is in no cache."""


class Walls:
    """ASGI middleware, the outermost: also what is refused or goes wrong gets them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_request(scope):
            await self._app(scope, receive, send)
            return

        async def walled(message: Message) -> None:
            if is_answer(message):
                headers = MutableHeaders(scope=message)
                for name, value in of(scope["path"]).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, walled)


def of(path: str) -> Mapping[str, str]:
    """The headers of an answer to ``path``."""
    return {**WALLS, "Cache-Control": "no-store"} if path.startswith(UNSTORED) else WALLS
