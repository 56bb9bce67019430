"""The routes of a project's files: the tree, and one file."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from appx.http import conditions, inert
from appx.http.bodies import ErrorResponse, OkResponse
from appx.http.conditions import IfMatch, IfNoneMatch
from appx.http.errors import answer
from appx.http.file_bodies import FileEntry, FileTreeResponse, MoveFileRequest, Path
from appx.http.parts import Here, ThisProject
from appx.http.streamed import Sender, Streamed
from appx.workbench.tree import Entry, Look, Opened, Span

MAX_ENTRIES = 10_000
MAX_DEPTH = 64

BYTES: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
BODY = {"requestBody": {"required": True, "content": {inert.UNKNOWN: BYTES}}}
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorResponse, "description": "Something is in the way; the sentence names it."}
}
TYPES = {kind.partition(";")[0]: BYTES for kind in (*inert.SHOWN.values(), inert.UNKNOWN)}

routes = APIRouter(prefix="/v1/projects/{projectId}", tags=["files"])


@routes.get("/tree", operation_id="listFiles", response_model_exclude_none=True)
async def list_files(  # noqa: PLR0913  a query has the parameters that it has
    *,
    parts: Here,
    project: ThisProject,
    path: Path = ".",
    depth: Annotated[int, Query(ge=1, le=MAX_DEPTH, description="How many levels.")] = 1,
    hidden: Annotated[bool, Query(description="Whether names that begin with a dot are listed.")] = True,
    limit: Annotated[int, Query(ge=1, le=MAX_ENTRIES)] = 1_000,
    after: Annotated[str | None, Query(max_length=16_000, description="What the page before gave as `next`.")] = None,
) -> FileTreeResponse:
    """What is in a directory: each directory before what is in it, in the order of names. `.git` is not listed."""
    look = Look(path=path, depth=depth, hidden=hidden, limit=limit, after=after)
    found = await parts.workbench.tree.entries(project.id, look)
    return FileTreeResponse(entries=[FileEntry.of(each) for each in found.entries], next=found.next)


@routes.get(
    "/files",
    operation_id="readFile",
    response_class=Response,
    responses={
        200: {"content": TYPES, "description": "The file. A browser shows only pictures, sounds and plain text."},
        206: {"content": TYPES, "description": "The part of it that `Range` asks for."},
        304: {"description": "It has the ETag that `If-None-Match` names."},
        416: {"model": ErrorResponse, "description": "The file ends before the part that `Range` asks for."},
    },
)
async def read_file(
    *,
    parts: Here,
    project: ThisProject,
    path: Path,
    wanted: Annotated[str | None, Header(alias="Range", description="One part: `bytes=0-99`, `bytes=-100`.")] = None,
    if_range: Annotated[str | None, Header(alias="If-Range")] = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A file as it is, in a way that no browser runs it."""

    async def send(sender: Sender) -> None:
        span = conditions.span(wanted)
        async with parts.workbench.tree.open(project.id, path, span) as opened:
            if span is None or if_range in {None, conditions.etag(opened.entry.tag)}:
                await _send(sender, opened, span, if_none_match)
                return
        async with parts.workbench.tree.open(project.id, path) as opened:
            await _send(sender, opened, None, if_none_match)

    return Streamed(send)


async def _send(sender: Sender, opened: Opened, span: Span | None, none_match: str | None) -> None:
    size, start, stop = opened.entry.size, opened.start, opened.stop
    headers = {**inert.headers(opened.entry.path), **_validators(opened.entry), "Accept-Ranges": "bytes"}
    if conditions.has(none_match, opened.entry.tag):
        await sender.begin(304, _validators(opened.entry))
        return
    if span is not None and start == stop:
        refused = answer(416, f"The file has {size} bytes, and none of the part. Ask for another, or for all of it.")
        await sender.begin(416, {**dict(refused.headers), "Content-Range": f"bytes */{size}"})
        await sender.body(bytes(refused.body))
        return
    headers |= {} if span is None else {"Content-Range": f"bytes {start}-{stop - 1}/{size}"}
    await sender.begin(200 if span is None else 206, {**headers, "Content-Length": str(stop - start)})
    async for chunk in opened.chunks:
        await sender.body(chunk)


def _validators(entry: Entry) -> dict[str, str]:
    return {"ETag": conditions.etag(entry.tag), "Cache-Control": "private, no-cache"}


@routes.put(
    "/files",
    operation_id="writeFile",
    openapi_extra=BODY,
    responses={412: {"model": ErrorResponse, "description": "The file is not as the condition has it."}},
)
async def write_file(  # noqa: PLR0913
    *,
    parts: Here,
    project: ThisProject,
    request: Request,
    response: Response,
    path: Path,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> FileEntry:
    """Write a file: all of it, or on any error nothing. Directories are made."""
    when = conditions.when(if_match, if_none_match)
    entry = FileEntry.of(await parts.workbench.tree.put(project.id, path, request.stream(), when))
    response.headers["ETag"] = entry.etag
    return entry


@routes.delete("/files", operation_id="deleteFile", responses=CONFLICT)
async def delete_file(
    *,
    parts: Here,
    project: ThisProject,
    path: Path,
    recursive: Annotated[bool, Query(description="Whether a directory goes with all that is in it.")] = False,
) -> OkResponse:
    """Remove a file, a link (not what it leads to) or a directory."""
    await parts.workbench.tree.remove(project.id, path, recursive=recursive)
    return OkResponse()


@routes.post("/files/move", operation_id="moveFile", responses=CONFLICT)
async def move_file(parts: Here, project: ThisProject, body: MoveFileRequest) -> FileEntry:
    """Rename a file or a directory, or move it elsewhere in the project. Directories are made."""
    moved = await parts.workbench.tree.move(project.id, body.path, body.to, replace=body.replace)
    return FileEntry.of(moved)
