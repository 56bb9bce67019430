"""What the audit log is told: every change before it is made, every login, and whoever showed something wrong."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from re import Pattern

from fastapi.routing import APIRoute, APIWebSocketRoute
from starlette.routing import BaseRoute, compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from appx.audit.log import AuditLog
from appx.audit.rows import Deed
from appx.domain.errors import AppxError
from appx.http.auth import CALLER, REFUSED, SAFE_METHODS, address_of
from appx.http.errors import STATUS, answer
from appx.http.scopes import SOCKET, is_answer, is_request, status_in
from appx.kit import clock

LOGIN = "/login"
LOGGED_IN = "log in"
MAKERS = ("/v1/projects", "/sessions", "/sessions/import", "/fork")
"""How the paths end whose answer has the id of what was made."""

MOST_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A route that changes something. ``words``: its name, as the audit log has it."""

    method: str
    template: str
    pattern: Pattern[str]
    words: str

    @property
    def plainness(self) -> int:
        return self.template.count("{")

    def deed(self, scope: Scope) -> Deed:
        found = self.pattern.fullmatch(scope["path"])
        names: Mapping[str, str] = found.groupdict() if found else {}
        in_session = "/sessions/{id}" in self.template
        of_project = self.template.startswith("/v1/projects/{id}")
        return Deed(
            at=clock.iso(clock.now()),
            who=scope[CALLER],
            address=address_of(scope),
            action=self.words,
            path=_printable(scope["path"]),
            project=_maybe(names.get("id") if of_project else names.get("projectId")),
            session=_maybe(names.get("id") if in_session else None),
        )


def changes(routes: Iterable[BaseRoute]) -> list[Change]:
    """Those that change something, the plainest path first."""
    found = [
        Change(method=method, template=path, pattern=compile_path(path)[0], words=words)
        for route in routes
        for method, path, words in _named(route)
    ]
    return sorted(found, key=lambda each: each.plainness)


def _named(route: BaseRoute) -> Iterator[tuple[str, str, str]]:
    """Method, path and name of what it changes. A WebSocket is a change: nobody knows what is done by way of it."""
    if isinstance(route, APIWebSocketRoute):
        yield SOCKET, route.path, route.name.replace("_", " ")
    elif isinstance(route, APIRoute) and route.operation_id is not None:
        for method in sorted((route.methods or set()) - SAFE_METHODS):
            yield method, route.path, _words(route.operation_id)


class Changes:
    """ASGI middleware, within ``Guard``: the entry is on the disk before the change begins; else it is not made.

    On a full disk something can still be deleted: that makes room.
    """

    def __init__(self, app: ASGIApp, audit: AuditLog, found: list[Change]) -> None:
        self._app = app
        self._audit = audit
        self._changes = found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        change = self._change(scope)
        if change is None:
            await self._app(scope, receive, send)
            return
        try:
            entry = await self._audit.begin(change.deed(scope), makes_room=change.method == "DELETE")
        except AppxError as error:
            await answer(STATUS[type(error)], str(error))(scope, receive, send)
            return
        told = _Told(send, watched=change.template.endswith(MAKERS))
        try:
            await self._app(scope, receive, told.send)
        finally:
            if told.status:
                key = "project" if change.template.endswith("/projects") else "session"
                self._audit.end(entry, told.status, **({key: told.made} if told.made else {}))

    def _change(self, scope: Scope) -> Change | None:
        if not is_request(scope) or CALLER not in scope:
            return None
        method = SOCKET if scope["type"] == SOCKET else scope["method"]
        if method in SAFE_METHODS:
            return None
        return next(
            (each for each in self._changes if each.method == method and each.pattern.fullmatch(scope["path"])), None
        )


class _Told:
    """What is answered: its status, and the id of what was made."""

    def __init__(self, send: Send, *, watched: bool) -> None:
        self._send = send
        self._watched = watched
        self._body = b""
        self.status = 0

    async def send(self, message: Message) -> None:
        status = status_in(message)
        if status is not None:
            self.status = status
        elif self._watched and len(self._body) < MOST_ANSWER:
            self._body += message.get("body", b"")[:MOST_ANSWER]
        await self._send(message)

    @property
    def made(self) -> str | None:
        with suppress(ValueError, TypeError, KeyError):
            found = json.loads(self._body)["id"]
            return found if isinstance(found, str) else None
        return None


class Doors:
    """ASGI middleware, around ``Guard``: logins, and who was refused one."""

    def __init__(self, app: ASGIApp, audit: AuditLog) -> None:
        self._app = app
        self._audit = audit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_request(scope):
            await self._app(scope, receive, send)
            return

        async def watched(message: Message) -> None:
            if is_answer(message):
                if REFUSED in scope:
                    self._audit.refuse(address_of(scope), scope[REFUSED], message["status"])
                elif scope["path"] == LOGIN and CALLER in scope:
                    await self._audit.note(_login(scope, message["status"]))
            await send(message)

        await self._app(scope, receive, watched)


def _login(scope: Scope, status: int) -> Deed:
    return Deed(
        at=clock.iso(clock.now()),
        who=scope[CALLER],
        address=address_of(scope),
        action=LOGGED_IN,
        path=LOGIN,
        status=status,
    )


def _words(name: str) -> str:
    """``setProviderApiKey`` as ``set provider api key``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _maybe(text: str | None) -> str | None:
    return None if text is None else _printable(text)


def _printable(text: str) -> str:
    """SQLite takes no half of a surrogate pair, and a terminal shall do nothing."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
