"""What the service says about a project's files, each below ``/projects/{id}``.

- ``GET /tree?look``, a ``Look``: ``Listing``
- ``GET /content?path&span?``, a ``Span``: the bytes; the header ``x-opened`` has ``Head``
- ``PUT /content?path&when``, a ``When``, with the bytes: ``Entry``
- ``DELETE /content?path&recursive``: 204
- ``POST /moved?path&to&replace``: ``Entry``
- ``POST /zip?path&everything``: frames, as ``wire`` has them
- ``POST /bundle``: frames with a git bundle
- ``PUT /unzipped?path&replace&unwrap`` with a zip archive: ``Unzipped``

Flags are ``1`` or empty.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

import anyio
from pydantic import AfterValidator, TypeAdapter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from appx.domain.errors import AppxError
from appx.domain.ids import ProjectId
from appx.workbench.framed import Framed, until_left
from appx.workbench.tree import Entry, FileTree, Length, Listing, Look, Span, Take, Unzipped, When

logger = logging.getLogger(__name__)

LOOK = TypeAdapter(Look)
SPAN = TypeAdapter(Span | None)
WHEN = TypeAdapter(When)
ENTRY = TypeAdapter(Entry)
LISTING = TypeAdapter(Listing)
UNZIPPED = TypeAdapter(Unzipped)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """``entry`` without its path, which may be longer than a header."""

    entry: Entry
    start: Length
    stop: Length


def _forwards(head: Head) -> Head:
    if head.start > head.stop:
        raise ValueError("it ends before it starts")
    return head


HEAD: TypeAdapter[Head] = TypeAdapter(Annotated[Head, AfterValidator(_forwards)])
OPENED = "x-opened"


def routes(tree: FileTree) -> list[Route]:
    def plain(path: str, method: str, work: Callable[[FileTree, Request], Awaitable[Response]]) -> Route:
        return Route(f"/projects/{{id}}/{path}", partial(work, tree), methods=[method])

    return [
        plain("tree", "GET", _list),
        Route("/projects/{id}/content", _Content(tree), methods=["GET"]),
        plain("content", "PUT", _put),
        plain("content", "DELETE", _remove),
        plain("moved", "POST", _move),
        Route("/projects/{id}/zip", Framed(partial(_zip, tree)), methods=["POST"]),
        Route("/projects/{id}/bundle", Framed(partial(_bundle, tree)), methods=["POST"]),
        plain("unzipped", "PUT", _unzip),
    ]


def _project(request: Request) -> ProjectId:
    return ProjectId(request.path_params["id"])


def _json(data: bytes) -> Response:
    return Response(data, media_type="application/json")


async def _list(tree: FileTree, request: Request) -> Response:
    found = await tree.entries(_project(request), LOOK.validate_json(request.query_params["look"]))
    return _json(LISTING.dump_json(found))


async def _put(tree: FileTree, request: Request) -> Response:
    asked = request.query_params
    try:
        entry = await tree.put(_project(request), asked["path"], request.stream(), WHEN.validate_json(asked["when"]))
    except ClientDisconnect:
        return _left(request)
    return _json(ENTRY.dump_json(entry))


async def _remove(tree: FileTree, request: Request) -> Response:
    asked = request.query_params
    await tree.remove(_project(request), asked["path"], recursive=bool(asked["recursive"]))
    return Response(status_code=204)


async def _move(tree: FileTree, request: Request) -> Response:
    asked = request.query_params
    entry = await tree.move(_project(request), asked["path"], asked["to"], replace=bool(asked["replace"]))
    return _json(ENTRY.dump_json(entry))


async def _zip(tree: FileTree, request: Request, take: Take) -> None:
    asked = request.query_params
    await tree.zip(_project(request), asked["path"], take, everything=bool(asked["everything"]))


async def _bundle(tree: FileTree, request: Request, take: Take) -> None:
    await tree.bundle(_project(request), take)


async def _unzip(tree: FileTree, request: Request) -> Response:
    asked = request.query_params
    try:
        done = await tree.unzip(
            _project(request),
            asked["path"],
            request.stream(),
            replace=bool(asked["replace"]),
            unwrap=bool(asked["unwrap"]),
        )
    except ClientDisconnect:
        return _left(request)
    return _json(UNZIPPED.dump_json(done))


def _left(request: Request) -> Response:
    logger.info("%s: the server left in the middle of an upload; nothing was changed", _project(request))
    return Response(status_code=204)


@dataclass(frozen=True, slots=True)
class _Content:
    """Sends a file; stops when the caller leaves."""

    tree: FileTree

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        span = SPAN.validate_json(request.query_params["span"])
        failed: AppxError | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(until_left, receive, tasks.cancel_scope)
            try:
                await self._send(_project(request), request.query_params["path"], span, send)
            except AppxError as error:
                failed = error
            tasks.cancel_scope.cancel()
        if failed is not None:
            raise failed

    async def _send(self, project: ProjectId, path: str, span: Span | None, send: Send) -> None:
        async with self.tree.open(project, path, span) as opened:
            head = Head(entry=replace(opened.entry, path=""), start=opened.start, stop=opened.stop)
            length = str(opened.stop - opened.start).encode()
            headers = [(OPENED.encode(), HEAD.dump_json(head)), (b"content-length", length)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async for chunk in opened.chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body"})
