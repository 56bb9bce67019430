"""The routes by which a project's files leave and come in: as a zip archive, and out as a git bundle."""

from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from appx.http import inert
from appx.http.bodies import ErrorResponse
from appx.http.file_bodies import Path, UploadResponse
from appx.http.files import BYTES, CONFLICT
from appx.http.parts import Here, ThisProject
from appx.http.streamed import Sender, Streamed
from appx.workbench.tree import Take

ZIP = "application/zip"
BUNDLE = "application/octet-stream"
MAX_LEFT_OUT = 100

routes = APIRouter(prefix="/v1/projects/{projectId}", tags=["files"])


@routes.get(
    "/download",
    operation_id="downloadFiles",
    response_class=Response,
    responses={
        200: {"content": {ZIP: BYTES}, "description": "A zip archive. What could not be read, LEFT-OUT.txt names."},
        413: {"model": ErrorResponse, "description": "There are too many files. Take a directory of them."},
    },
)
async def download_files(
    *,
    parts: Here,
    project: ThisProject,
    path: Path = ".",
    everything: Annotated[bool, Query(alias="all", description="Also .git and what git ignores.")] = False,
) -> Response:
    """A directory or a file as a zip archive, without .git and what git ignores. Links stay links."""
    return _streamed(
        f"{PurePosixPath(path).name or project.id}.zip",
        ZIP,
        lambda take: parts.workbench.tree.zip(project.id, path, take, everything=everything),
    )


@routes.get(
    "/bundle",
    operation_id="downloadBundle",
    response_class=Response,
    responses={
        200: {"content": {BUNDLE: BYTES}, "description": "A git bundle."},
        409: {"model": ErrorResponse, "description": "There is nothing in the repository."},
    },
)
async def download_bundle(*, parts: Here, project: ThisProject) -> Response:
    """The project's repository: its branches, tags and checkpoints, with the files as they are now as the newest."""
    return _streamed(f"{project.id}.bundle", BUNDLE, lambda take: parts.checkpoints.bundle(project.id, take))


@routes.post(
    "/upload",
    operation_id="uploadFiles",
    openapi_extra={"requestBody": {"required": True, "content": {ZIP: BYTES}}},
    responses=CONFLICT,
)
async def upload_files(
    *,
    parts: Here,
    project: ThisProject,
    request: Request,
    path: Path = ".",
    replace: Annotated[bool, Query(description="Whether files of the same names are replaced.")] = False,
    unwrap: Annotated[
        bool, Query(description="Without the one directory that all of it is in, if there is one.")
    ] = False,
) -> UploadResponse:
    """Unpack a zip archive into a directory: all of it, or on any error nothing."""
    done = await parts.workbench.tree.unzip(project.id, path, request.stream(), replace=replace, unwrap=unwrap)
    return UploadResponse(
        files=done.files,
        size=done.size,
        left_out=list(done.left_out[:MAX_LEFT_OUT]),
        left_out_count=len(done.left_out),
    )


def _streamed(name: str, kind: str, work: Callable[[Take], Awaitable[None]]) -> Response:
    """What ``work`` gives, to be saved as ``name``."""
    headers = {**inert.WALLS, "Content-Type": kind, "Content-Disposition": inert.disposition("attachment", name)}

    async def send(sender: Sender) -> None:
        async def take(data: bytes) -> None:
            if not sender.begun:
                await sender.begin(200, headers)
            await sender.body(data)

        await work(take)

    return Streamed(send)
