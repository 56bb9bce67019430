"""Who may call: the bearer token, the login cookie, the one-time login."""

import hmac
import secrets
import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from appx.http.errors import answer
from appx.http.scopes import SOCKET, is_request, method_of
from appx.http.throttle import Throttle

COOKIE = "appx_login"
SAFE_COOKIE = f"__Host-{COOKIE}"
"""Its name over TLS: browsers then take it only from this very host, and send it only encrypted."""

COOKIE_SECONDS = 30 * 24 * 3600
LOGIN_SECONDS = 600.0
MAX_LOGINS = 100
GUARDED = "/v1/"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

CALLER = "appx.caller"
"""In the scope of a request: who was recognised, as the audit log names it."""

REFUSED = "appx.refused"
"""In the scope of a request that showed something wrong: what it was."""

TOKEN = "token"  # noqa: S105  a word of the audit log
WHO = "Send the header 'Authorization: Bearer TOKEN', or log in with the URL that run.sh prints."
FOREIGN = "With a login cookie, the API is only for appx's own pages. Scripts send a bearer token."


class Gate:
    """Knows the token; makes and checks what stands for it. ``throttle``: what is done about those that are wrong."""

    def __init__(self, token: str, *, throttle: Throttle | None = None, now: Callable[[], float] = time.time) -> None:
        """``now``: seconds since 1970."""
        self._token = token.encode()
        self._logins: dict[str, float] = {}
        self._now = now
        self.throttle = throttle or Throttle()

    def new_cookie(self) -> tuple[str, str]:
        """The id of a login, and the cookie that proves it. It follows from the token; the token not from it."""
        login, since = secrets.token_hex(4), str(int(self._now()))
        return login, f"{login}.{since}.{self._proof(login, since)}"

    def renew(self, token: str) -> None:
        """From now on only ``token`` counts, and no cookie or login link that was made before."""
        if token.encode() != self._token:
            self._token = token.encode()
            self._logins.clear()

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

    def cookie_of(self, headers: Headers) -> str | None:
        """The id of the login that a cookie proves, if one does that is not too old."""
        return next((login for each in _cookies(headers) if (login := self._login(each)) is not None), None)

    def _login(self, cookie: str) -> str | None:
        login, _, rest = cookie.partition(".")
        since, _, proof = rest.partition(".")
        good = hmac.compare_digest(proof.encode(), self._proof(login, since).encode())
        if not good or self._now() - int(since) > COOKIE_SECONDS:
            return None
        return login

    def _proof(self, login: str, since: str) -> str:
        return hmac.digest(self._token, f"appx login cookie {login} {since}".encode(), "sha256").hex()


def _cookies(headers: Headers) -> list[str]:
    """Ours. Those that other pages of this host have set stand beside them, in any form."""
    given = (each.strip().partition("=") for each in headers.get("cookie", "").split(";"))
    return [value for name, _, value in given if name in {SAFE_COOKIE, COOKIE}]


class Guard:
    """ASGI middleware: everything below ``/v1/`` needs the token or the cookie.

    A browser sends a cookie by itself, so with a cookie a request that changes something must come from our own pages;
    so must each that opens a WebSocket, since any page may ask for one and read all that it says. What only reads may
    also come from no page, and from browsers that do not tell.
    """

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_request(scope) and scope["path"].startswith(GUARDED):
            refused = self._refusal(scope)
            if refused is not None:
                status, sentence, headers = refused
                response = answer(status, sentence)
                response.headers.update(headers)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str, dict[str, str]] | None:
        headers = Headers(scope=scope)
        if self._gate.bearer(headers):
            scope[CALLER] = TOKEN
            return None
        login = self._gate.cookie_of(headers)
        if login is not None:
            scope[CALLER] = f"cookie {login}"
            reads = scope["type"] != SOCKET and method_of(scope) in SAFE_METHODS and not _foreign(headers)
            if reads or same_origin(headers, secure=is_secure(scope)):
                return None
            return 403, FOREIGN, {}
        wait = self._wrong(scope, headers)
        if wait:
            return 429, too_many(wait), {"Retry-After": str(wait)}
        return 401, WHO, {"WWW-Authenticate": "Bearer"}

    def _wrong(self, scope: Scope, headers: Headers) -> int:
        """Who shows nothing guesses nothing."""
        if headers.get("authorization"):
            scope[REFUSED] = "a wrong token"
        elif _cookies(headers):
            scope[REFUSED] = "a wrong cookie"
        else:
            return 0
        return self._gate.throttle.failed(address_of(scope))


def too_many(wait: int) -> str:
    return (
        f"Too many wrong tokens, cookies or login codes came from this address. Wait {wait} s, or send the right one."
    )


def address_of(scope: Scope) -> str:
    """The client's, as the connection has it. What a proxy says of others is not believed."""
    client = scope.get("client")
    return client[0] if client else ""


def is_secure(scope: Scope) -> bool:
    """Whether the browser speaks TLS. The word of a proxy is taken from anybody: it only makes us stricter with who
    says it, and nobody can make somebody else's browser say it.
    """
    return scope["scheme"] in {"https", "wss"} or Headers(scope=scope).get("x-forwarded-proto", "").lower() == "https"


def _foreign(headers: Headers) -> bool:
    """Whether a browser says that another page asks: it could not read the answer, and would make the server work."""
    return headers.get("sec-fetch-site", "none").lower() not in {"none", "same-origin"}


def same_origin(headers: Headers, *, secure: bool) -> bool:
    """Whether a browser says that the request comes from a page of this very host and port.

    ``secure``: pages without TLS do not count. Without it both do, since a proxy may not say that it speaks TLS.
    """
    origin, host = headers.get("origin", "").lower(), headers.get("host", "").lower()
    if not host or headers.get("sec-fetch-site", "same-origin").lower() != "same-origin":
        return False
    return origin == f"https://{host}" or (origin == f"http://{host}" and not secure)
