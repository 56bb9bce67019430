"""Who may call: the bearer token, the login cookie, the one-time login."""

import hmac
import secrets
import time
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from appx.http.errors import answer

COOKIE = "appx_login"
COOKIE_SECONDS = 30 * 24 * 3600
LOGIN_SECONDS = 600.0
MAX_LOGINS = 100
GUARDED = "/v1/"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """Knows the token; makes and checks what stands for it."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._logins: dict[str, float] = {}

    @property
    def cookie(self) -> str:
        """The value of the login cookie: it follows from the token, and the token does not follow from it."""
        return hmac.digest(self._token, b"appx login cookie", "sha256").hex()

    def new_login(self) -> str:
        """A code for one login within ``LOGIN_SECONDS``."""
        now = time.monotonic()
        self._logins = {code: until for code, until in self._logins.items() if until > now}
        while len(self._logins) >= MAX_LOGINS:
            del self._logins[next(iter(self._logins))]
        code = secrets.token_urlsafe(24)
        self._logins[code] = now + LOGIN_SECONDS
        return code

    def use_login(self, code: str) -> bool:
        """Whether the code is good; it is not a second time."""
        return self._logins.pop(code, 0.0) > time.monotonic()

    def bearer(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token)

    def cookie_of(self, headers: Headers) -> bool:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), self.cookie.encode())


class Guard:
    """ASGI middleware: everything below ``/v1/`` needs the token or the cookie.

    A browser sends a cookie by itself, so with a cookie a request that changes something must come from our own pages.
    """

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(GUARDED):
            headers = Headers(scope=scope)
            refusal = self._refusal(scope["method"], headers)
            if refusal is not None:
                status, sentence = refusal
                refused = answer(status, sentence)
                if status == 401:
                    refused.headers["WWW-Authenticate"] = "Bearer"
                await refused(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        if self._gate.bearer(headers):
            return None
        if not self._gate.cookie_of(headers):
            return 401, "Send the header 'Authorization: Bearer TOKEN', or log in with the URL that run.sh prints."
        if method not in SAFE_METHODS and not same_origin(headers):
            return (
                403,
                "With a login cookie, changes are taken only from appx's own pages. Scripts send a bearer token.",
            )
        return None


def same_origin(headers: Headers) -> bool:
    """Whether a browser says that the request comes from a page of this very host and port."""
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == headers.get("host")
