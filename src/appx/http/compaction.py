"""The route that has a conversation summarised."""

from fastapi import APIRouter

from appx.http.bodies import ErrorResponse, OkResponse
from appx.http.parts import ThisSession

routes = APIRouter(prefix="/v1/projects/{projectId}/sessions/{id}/compact", tags=["sessions"])


@routes.post(
    "",
    operation_id="compactSession",
    responses={409: {"model": ErrorResponse, "description": "A turn is running."}},
)
async def compact_session(session: ThisSession) -> OkResponse:
    """Summarise the older part of the conversation, to make room. Answered at once; the events tell how it ends."""
    await session.compact()
    return OkResponse()
