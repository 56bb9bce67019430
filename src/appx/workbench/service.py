"""The workbench as a service of its own, on a unix socket: see ``wire`` for what it says."""

import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import anyio
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from appx.domain.errors import AppxError
from appx.domain.ids import ProjectId
from appx.workbench import terminal_service, tree_service, wire
from appx.workbench.bench import Command, OnOutput, TakeBytes, Workbench
from appx.workbench.framed import Framed, until_left
from appx.workbench.local import MAX_WRITE
from appx.workbench.mcp.shapes import McpCall
from appx.workbench.rest import Rest, Watched

logger = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Workbench, Request], Awaitable[Response]]


def make_service(bench: Workbench, rest: Rest | None = None) -> ASGIApp:
    """The ASGI application. ``rest``: is told what goes on, and tells when nothing does."""
    service = Starlette(
        routes=[
            Route("/run", _Run(bench), methods=["POST"]),
            Route("/file", _handler(bench, _read), methods=["GET"]),
            Route("/file", _handler(bench, _write), methods=["PUT"]),
            Route("/projects/{id}", _handler(bench, _create), methods=["PUT"]),
            Route("/projects/{id}", _handler(bench, _remove), methods=["DELETE"]),
            Route("/projects/{id}/pack", Framed(partial(_pack, bench)), methods=["POST"]),
            Route("/projects/{id}/unpacked", _handler(bench, _unpack), methods=["PUT"]),
            *terminal_service.routes(bench),
            *tree_service.routes(bench.tree),
            Route("/projects/{id}/mcp", _handler(bench, _mcp_servers), methods=["POST"]),
            Route("/projects/{id}/mcp/call", _McpCall(bench), methods=["POST"]),
            Route("/status", _handler(bench, _status), methods=["GET"]),
            Route("/alive", _Alive(rest), methods=["GET"]),
        ],
        exception_handlers={AppxError: _refused},
    )
    return service if rest is None else Watched(service, rest)


def _handler(bench: Workbench, answer: Handler) -> Callable[[Request], Awaitable[Response]]:
    return partial(answer, bench)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AppxError)
    return JSONResponse(wire.error_out(error), 400)


async def _read(bench: Workbench, request: Request) -> Response:
    asked = request.query_params
    data = await bench.read(ProjectId(asked["project"]), asked["path"], limit=int(asked["limit"]))
    return Response(data, media_type="application/octet-stream")


async def _write(bench: Workbench, request: Request) -> Response:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_WRITE:
            break
    asked = request.query_params
    await bench.write(ProjectId(asked["project"]), asked["path"], bytes(data))
    return Response(status_code=204)


async def _create(bench: Workbench, request: Request) -> Response:
    return JSONResponse({"directory": await bench.create_project(ProjectId(request.path_params["id"]))})


async def _pack(bench: Workbench, request: Request, take: TakeBytes) -> None:
    await bench.pack(ProjectId(request.path_params["id"]), take)


async def _unpack(bench: Workbench, request: Request) -> Response:
    project, into = ProjectId(request.path_params["id"]), request.query_params["into"]
    try:
        await bench.unpack(project, into, request.stream())
    except ClientDisconnect:
        logger.warning("%s was not unpacked: the server left in the middle", project)
    return Response(status_code=204)


async def _remove(bench: Workbench, request: Request) -> Response:
    await bench.remove_project(ProjectId(request.path_params["id"]))
    return Response(status_code=204)


async def _mcp_servers(bench: Workbench, request: Request) -> Response:
    found = await bench.mcp_servers(ProjectId(request.path_params["id"]))
    return Response(wire.MCP_SERVERS.dump_json(found), media_type="application/json")


async def _status(bench: Workbench, _request: Request) -> Response:
    return Response(wire.STATUS.dump_json(await bench.status()), media_type="application/json")


@dataclass(frozen=True, slots=True)
class _Run:
    """Runs a command and shows its output; ends it when the caller leaves."""

    bench: Workbench

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        command = await terminal_service.command_of(Request(scope, receive))
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/x-ndjson")]}
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(until_left, receive, tasks.cancel_scope)
            last = await self._follow(command, send)
            await send(_line(last, more=False))
            tasks.cancel_scope.cancel()

    async def _follow(self, command: Command, send: Send) -> object:
        """Send the newest output when there is some; answer the last line. A slow caller finds outputs merged."""
        latest, changed = "", anyio.Event()

        def take(tail: str) -> None:
            nonlocal latest
            latest = tail
            changed.set()

        async def show() -> None:
            nonlocal changed
            while True:
                await changed.wait()
                changed = anyio.Event()
                await send(_line({"output": latest}))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(show)
            last = await self._result(command, take)
            tasks.cancel_scope.cancel()
        return last

    async def _result(self, command: Command, take: OnOutput) -> object:
        try:
            return {"result": wire.RESULT.dump_python(await self.bench.run(command, take))}
        except AppxError as error:
            return wire.error_out(error)


@dataclass(frozen=True, slots=True)
class _McpCall:
    """Calls a tool of an MCP server; cancels the call when the caller leaves."""

    bench: Workbench

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = wire.MCP_CALL.validate_json(await Request(scope, receive).body())
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(until_left, receive, tasks.cancel_scope)
            answer = await self._answer(ProjectId(scope["path_params"]["id"]), call)
            await answer(scope, receive, send)
            tasks.cancel_scope.cancel()

    async def _answer(self, project: ProjectId, call: McpCall) -> Response:
        try:
            found = await self.bench.call_mcp(project, call)
        except AppxError as error:
            return JSONResponse(wire.error_out(error), 400)
        return Response(wire.MCP_RESULT.dump_json(found), media_type="application/json")


@dataclass(frozen=True, slots=True)
class _Alive:
    """Open until the caller leaves, this process ends, or there was nothing to do."""

    rest: Rest | None

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"\n", "more_body": True})
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(until_left, receive, tasks.cancel_scope)
            await (anyio.sleep_forever() if self.rest is None else self.rest.come.wait())
            await send({"type": "http.response.body", "body": wire.IDLE})
            tasks.cancel_scope.cancel()


def _line(found: object, *, more: bool = True) -> dict[str, object]:
    return {"type": "http.response.body", "body": json.dumps(found).encode() + b"\n", "more_body": more}
