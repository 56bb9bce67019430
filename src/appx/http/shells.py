"""Shells over WebSocket. Binary messages are what is typed and shown; text is JSON: sizes in, the exit code out."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from fastapi import APIRouter, Path, WebSocket
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.types import Message
from starlette.websockets import WebSocketDisconnect

from appx.apps import shells
from appx.domain.apps import ENVIRONMENTS
from appx.domain.errors import AppxError, Invalid, NotFound
from appx.domain.ids import ProjectId
from appx.http.apps import ThisEnvironment
from appx.http.bodies import ErrorResponse
from appx.http.errors import answer, status_of
from appx.http.once import encode
from appx.http.parts import Parts, ThisProject
from appx.workbench.bench import Command, Size, Typed

logger = logging.getLogger(__name__)

routes = APIRouter(prefix="/v1/projects/{projectId}", tags=["apps"])

BYTES_PER_SECOND = 2 << 20
"""More than a person sees, and what a flood in a shell costs the server little."""

MOST_WAITING, BYTES_WAITING = 1_000, 1 << 20
"""Messages, and bytes, that were typed and that the shell has not taken."""

ENDED, GOING, POLICY, BROKEN = 1000, 1001, 1008, 1011
"""Codes with which a WebSocket is closed."""

GONE = "It was ended: the project is deleted, or the server stops."
ASK = "This is a WebSocket: ask for it with Upgrade: websocket."
UPGRADE: dict[int | str, dict[str, Any]] = {426: {"model": ErrorResponse, "description": "It is a WebSocket."}}


class Window(BaseModel):
    """Its size in characters."""

    model_config = ConfigDict(extra="forbid")
    columns: Annotated[int, Field(ge=1, le=1_000)] = 80
    rows: Annotated[int, Field(ge=1, le=1_000)] = 24


class Told(BaseModel):
    """What a person's window says in a text message."""

    model_config = ConfigDict(extra="forbid")
    resize: Window


@routes.get("/shell", operation_id="openProjectShell", status_code=426, responses=UPGRADE)
async def explain_project_shell(_project: ThisProject) -> JSONResponse:
    """A WebSocket: bash in the project's directory, as its account.

    `?columns&rows` is the size of the window. Binary messages are what is typed, and what is shown. Text messages are
    JSON: `{"resize": {"columns", "rows"}}` in, `{"exit"}` out at the end, with the code or null.
    """
    return _explain()


@routes.get("/apps/{environment}/shell", operation_id="openAppShell", status_code=426, responses=UPGRADE)
async def explain_app_shell(_project: ThisProject, _environment: ThisEnvironment) -> JSONResponse:
    """A WebSocket, as that of the project: bash or sh in the app's container."""
    return _explain()


def _explain() -> JSONResponse:
    found = answer(426, ASK)
    found.headers.update({"Upgrade": "websocket", "Connection": "Upgrade"})
    return found


@routes.websocket("/shell")
async def open_project_shell(socket: WebSocket, project: Annotated[str, Path(alias="projectId")]) -> None:
    async def command(parts: Parts) -> Command:
        return shells.in_project((await parts.projects.registered(ProjectId(project))).id)

    await _answer(socket, command)


@routes.websocket("/apps/{environment}/shell")
async def open_app_shell(socket: WebSocket, project: Annotated[str, Path(alias="projectId")], environment: str) -> None:
    async def command(parts: Parts) -> Command:
        found = await parts.projects.registered(ProjectId(project))
        named = next((each for each in ENVIRONMENTS if each == environment), None)
        if named is None:
            raise NotFound(f"There is no environment {environment!r}: it is dev or prod.")
        return await parts.apps.shell(found.id, named)

    await _answer(socket, command)


async def _answer(socket: WebSocket, command: Callable[[Parts], Awaitable[Command]]) -> None:
    """What goes wrong before the shell is open is an answer of HTTP as any other."""
    parts = socket.app.state.parts
    assert isinstance(parts, Parts)
    talk = _Talk(socket)
    try:
        size, wanted = _size(socket), await command(parts)
        assert wanted.project is not None
        if not await parts.visits.hold(wanted.project, lambda: talk.run(parts, wanted, size)):
            await talk.close(GOING, GONE)
    except AppxError as error:
        if talk.opened:
            logger.info("a shell was broken off: %s", error)
            await talk.close(BROKEN, str(error)[:100])
        else:
            await socket.send_denial_response(answer(status_of(error), str(error)))


def _size(socket: WebSocket) -> Size:
    try:
        window = Window.model_validate(dict(socket.query_params))
    except ValidationError as error:
        raise Invalid(f"columns and rows are numbers from 1 to 1,000: {error.error_count()} are not.") from error
    return Size(columns=window.columns, rows=window.rows)


@dataclass(slots=True)
class _Talk:
    """One shell and who sits at it."""

    socket: WebSocket
    opened: bool = False
    _scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    _waiting: int = 0
    """Bytes that were typed and that the shell has not taken."""

    async def run(self, parts: Parts, command: Command, size: Size) -> None:
        """Until the shell ends, or the person leaves. Raises AppxError."""
        await self.socket.accept()
        self.opened = True
        failure, code = None, None
        typed, taken = anyio.create_memory_object_stream[Typed](MOST_WAITING)
        with typed, taken, self._scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._listen, typed)
                try:
                    code = await parts.workbench.terminal(command, size, self._taken(taken), self._show)
                except AppxError as error:
                    failure = error
                tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure
        if not self._scope.cancelled_caught:
            await self._send_last(code)

    async def close(self, code: int, reason: str) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # it is closed already
            await self.socket.close(code, reason)

    async def _send_last(self, code: int | None) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):
            await self.socket.send_text(encode({"exit": code}).decode())
            await self.socket.close(ENDED)

    async def _show(self, data: bytes) -> None:
        try:
            await self.socket.send_bytes(data)
        except (WebSocketDisconnect, RuntimeError):
            self._scope.cancel()
        await anyio.sleep(len(data) / BYTES_PER_SECOND)

    async def _listen(self, typed: MemoryObjectSendStream[Typed]) -> None:
        while (message := await self.socket.receive())["type"] == "websocket.receive":
            try:
                each = _typed(message)
            except ValidationError:
                await self.close(POLICY, 'Text is {"resize": {"columns", "rows"}}; what is typed is binary.')
                break
            if not self._given(typed, each):
                await self.close(POLICY, "More was typed than the shell takes.")
                break
        self._scope.cancel()

    def _given(self, typed: MemoryObjectSendStream[Typed], each: Typed) -> bool:
        """Whether there was room. To wait for it would be not to see that the person leaves."""
        self._waiting += len(each) if isinstance(each, bytes) else 0
        try:
            typed.send_nowait(each)
        except anyio.WouldBlock:
            return False
        return self._waiting <= BYTES_WAITING

    async def _taken(self, typed: MemoryObjectReceiveStream[Typed]) -> AsyncIterator[Typed]:
        async for each in typed:
            self._waiting -= len(each) if isinstance(each, bytes) else 0
            if each:
                yield each


def _typed(message: Message) -> Typed:
    """Raises ValidationError."""
    data: bytes | None = message.get("bytes")
    if data is not None:
        return data
    window = Told.model_validate_json(message.get("text") or "").resize
    return Size(columns=window.columns, rows=window.rows)
