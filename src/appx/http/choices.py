"""The routes of a session's settings: its model, and how long that thinks."""

from fastapi import APIRouter

from appx.http.bodies import ErrorResponse
from appx.http.model_bodies import PatchSessionSettingsRequest, SessionModelSettingsResponse
from appx.http.parts import Here, Parts, ThisSession
from appx.models.choice import choice_of, choose
from appx.sessions.session import Session

routes = APIRouter(prefix="/v1/projects/{projectId}/sessions/{id}/settings", tags=["models"])


@routes.get("", operation_id="getSessionSettings")
async def get_session_settings(parts: Here, session: ThisSession) -> SessionModelSettingsResponse:
    """What holds for the next turn."""
    return _settings(parts, session)


@routes.patch(
    "",
    operation_id="updateSessionSettings",
    responses={
        409: {"model": ErrorResponse, "description": "A turn runs. Wait for its end, or abort it."},
        500: {"model": ErrorResponse, "description": "A defect of appx. The server's log has its number."},
    },
)
async def update_session_settings(
    parts: Here, session: ThisSession, body: PatchSessionSettingsRequest
) -> SessionModelSettingsResponse:
    """Choose a model, a thinking level or both, while no turn runs. A level that the model lacks becomes a near one."""
    now = choice_of(parts.models, session.chosen)
    chosen = choose(parts.models, now, provider=body.provider, model_id=body.model_id, thinking=body.thinking_level)
    await session.choose(chosen)
    return _settings(parts, session)


def _settings(parts: Parts, session: Session) -> SessionModelSettingsResponse:
    choice = choice_of(parts.models, session.chosen)
    available = choice.model is not None and parts.models.usable(choice.model)
    return SessionModelSettingsResponse.of(choice, available=available, running=session.log.row.turn is not None)
