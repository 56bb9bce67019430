"""The routes by which a session leaves as a file of pi, and comes in."""

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from appx.domain.errors import NotFound
from appx.http.bodies import CreateSessionResponse, ErrorResponse
from appx.http.interchange import MEDIA_TYPE, lines, records
from appx.http.parts import Here, ThisProject, ThisSession

BODY = {"requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}}

routes = APIRouter(prefix="/v1/projects/{projectId}/sessions", tags=["sessions"])


@routes.get(
    "/{id}/export",
    operation_id="exportSession",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: {}}, "description": "JSON objects, one on each line."}},
)
async def export_session(project: ThisProject, session: ThisSession) -> Response:
    """The session as a file of pi (JSONL, version 3)."""
    row, log = session.log.row, list(session.log.records)

    def encoded() -> bytes:
        return b"".join(lines(log, session=row.id, created_at=row.created_at, cwd=project.directory))

    name = f"{row.created_at:%Y-%m-%dT%H-%M-%S}_{row.id}.jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(await to_thread.run_sync(encoded), media_type=MEDIA_TYPE, headers=headers)


@routes.post(
    "/import",
    operation_id="importSession",
    openapi_extra=BODY,
    responses={
        400: {"model": ErrorResponse, "description": "A line is wrong; the sentence names it."},
        413: {"model": ErrorResponse, "description": "The file is too large."},
    },
)
async def import_session(parts: Here, project: ThisProject, request: Request) -> CreateSessionResponse:
    """A new session with the conversation of a file of pi (JSONL, version 3): all of it, or none."""
    data = await request.body()

    def known(provider: str, model_id: str) -> bool:
        try:
            parts.models.find(provider, model_id)
        except NotFound:
            return False
        return True

    log = await to_thread.run_sync(lambda: records(data, known))
    return CreateSessionResponse.of(await parts.sessions.adopt(project.id, log))
