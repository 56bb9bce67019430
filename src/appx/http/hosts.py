"""By which names the server may be called. Else a page could give its own name our address, and then be our origin."""

import ipaddress
import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from appx.http.errors import answer
from appx.http.scopes import is_request

_PORT = re.compile(r":\d*$")
_LOCAL = "localhost"


class Hosts:
    """ASGI middleware: answers 421 when ``Host`` is neither an address, nor ``localhost``, nor one of ``names``.

    ``names``: ``example.com``, ``*.example.com`` for all below it, or ``*`` for all that there are.
    """

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        self._app = app
        self._names = tuple(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_request(scope):
            given = Headers(scope=scope).getlist("host")
            if len(given) > 1:
                await answer(400, "The request has more than one Host header.")(scope, receive, send)
                return
            if given and not is_ours(given[0], self._names):
                await answer(421, _sentence(given[0]))(scope, receive, send)
                return
        await self._app(scope, receive, send)


def is_ours(host: str, names: Sequence[str]) -> bool:
    """Whether a ``Host`` header names us. An address does: nobody can make it lead elsewhere."""
    name = _PORT.sub("", host.strip()).rstrip(".").lower()
    if name == _LOCAL or name.endswith(f".{_LOCAL}") or _is_address(name):
        return True
    return any(each in (name, "*") or (each.startswith("*.") and name.endswith(each[1:])) for each in names)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name[1:-1] if name.startswith("[") and name.endswith("]") else name)
    except ValueError:
        return False
    return True


def _sentence(host: str) -> str:
    return (
        f"This server is not known as {host[:200]!r}. Open it by its IP address or as localhost, "
        "or let the operator add the name to APPX_HOSTS."
    )
