"""The routes of the agent's questions to the person: the contract's extension UI."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from fastapi import Body as InBody
from pydantic import Field
from typing_extensions import TypeAliasType

from appx.domain.ids import QuestionId
from appx.domain.questions import CANCELLED, Answer
from appx.http import wire
from appx.http.bodies import Answer as AnswerBody
from appx.http.bodies import Body, OkResponse
from appx.http.event_shapes import ExtensionUiRequest
from appx.http.parts import ThisSession
from appx.http.shapes import Published

MAX_ANSWER = 200_000

routes = APIRouter(prefix="/v1/projects/{projectId}/sessions/{id}/extension-ui", tags=["extensions"])


class PendingExtensionUiRequestsResponse(AnswerBody):
    requests: Annotated[list[dict[str, Any]], Published(list[ExtensionUiRequest])]


class ValueResponse(Body):
    value: Annotated[str, Field(max_length=MAX_ANSWER)]


class ConfirmResponse(Body):
    confirmed: bool


class CancelResponse(Body):
    cancelled: Literal[True]


ExtensionUiResponseRequest = TypeAliasType(
    "ExtensionUiResponseRequest", ValueResponse | ConfirmResponse | CancelResponse
)


@routes.get("", operation_id="listExtensionUiRequests")
async def list_extension_ui_requests(session: ThisSession) -> PendingExtensionUiRequestsResponse:
    """What the agent asked and nobody answered yet, oldest first."""
    return PendingExtensionUiRequestsResponse(
        requests=[wire.question(asked, question) for asked, question in session.questions.items()]
    )


@routes.post("/{requestId}/response", operation_id="respondExtensionUiRequest")
async def respond_extension_ui_request(
    session: ThisSession,
    request_id: Annotated[str, Path(alias="requestId")],
    body: Annotated[ExtensionUiResponseRequest, InBody()],
) -> OkResponse:
    """Answer a question, or cancel it. The agent goes on with the answer."""
    await session.answer(QuestionId(request_id), _answer(body))
    return OkResponse()


def _answer(body: ExtensionUiResponseRequest) -> Answer:
    match body:
        case ValueResponse(value=value):
            return Answer(value=value)
        case ConfirmResponse(confirmed=confirmed):
            return Answer(confirmed=confirmed)
        case CancelResponse():
            return CANCELLED
