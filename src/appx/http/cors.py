"""Which pages of other origins may call the API: none, unless the operator names them. Each needs a token."""

from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appx.http.auth import GUARDED
from appx.http.errors import answer

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
TAKEN = "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, Range"
SHOWN = "Content-Disposition, Content-Range, ETag, Retry-After"
MAX_AGE = "600"


class Cors:
    """ASGI middleware. The login cookie is for our own pages only, so credentials are never allowed."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        """``origins``: as browsers write them, ``https://example.com`` or with a port."""
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(GUARDED):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        if scope["method"] == "OPTIONS" and origin and "access-control-request-method" in headers:
            await self._preflight(origin)(scope, receive, send)
            return

        async def opened(message: Message) -> None:
            if message["type"] == "http.response.start" and self._origins:
                answered = MutableHeaders(scope=message)
                answered.add_vary_header("Origin")
                if origin in self._origins:
                    answered["Access-Control-Allow-Origin"] = origin
                    answered["Access-Control-Expose-Headers"] = SHOWN
                    answered["Cross-Origin-Resource-Policy"] = "cross-origin"
            await send(message)

        await self._app(scope, receive, opened)

    def _preflight(self, origin: str) -> Response:
        if origin not in self._origins:
            return answer(
                403, f"Pages of {origin[:200]!r} may not call this server. APPX_CORS_ORIGINS names those that may."
            )
        return Response(
            status_code=204,
            headers={
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Methods": METHODS,
                "Access-Control-Allow-Headers": TAKEN,
                "Access-Control-Max-Age": MAX_AGE,
                "Vary": "Origin",
            },
        )
