"""The routes of sessions: conversations and their events."""

from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import StreamingResponse

from appx.domain.ids import SessionId
from appx.domain.messages import UserMessage
from appx.http import sse, story, wire
from appx.http.bodies import (
    CreateSessionResponse,
    ListSessionsResponse,
    OkResponse,
    PromptRequest,
    QueueResponse,
    SessionMessagesResponse,
    SessionRow,
)
from appx.http.once import Once, encode
from appx.http.pages import BeforeRecord, BeforeSession, Limit, page
from appx.http.parts import Here, ThisProject, ThisSession
from appx.http.pictures import pictures

STREAM = {"X-Accel-Buffering": "no", "Cache-Control": "no-cache"}


routes = APIRouter(prefix="/v1/projects/{projectId}/sessions", tags=["sessions"])


@routes.get("", operation_id="listSessions")
async def list_sessions(
    parts: Here, project: ThisProject, limit: Limit = None, before: BeforeSession = None
) -> ListSessionsResponse:
    """The sessions of a project, newest first: all, or a page of them."""
    rows = await parts.sessions.list(project.id, limit=limit, before=before)
    return ListSessionsResponse(sessions=[SessionRow.of(row) for row in rows])


@routes.post("", operation_id="createSession")
async def create_session(parts: Here, project: ThisProject) -> CreateSessionResponse:
    """Begin a conversation."""
    return CreateSessionResponse.of(await parts.sessions.create(project.id))


@routes.get("/{id}", operation_id="getSessionMessages", response_model=SessionMessagesResponse)
async def get_session_messages(session: ThisSession, limit: Limit = None, before: BeforeRecord = None) -> Response:
    """What was said: all, or the newest of it. A transcript may be long, so a thread encodes it."""
    log = session.log
    records, earlier = page(log.records, limit=limit, before=before)
    about = {"id": log.row.id, "seq": len(log.records)} | ({} if earlier is None else {"earlier": earlier})
    data = await to_thread.run_sync(lambda: encode(about | {"messages": story.messages(records)}))
    return Response(data, media_type="application/json")


@routes.delete("/{id}", operation_id="deleteSession")
async def delete_session(parts: Here, project: ThisProject, session_id: Annotated[str, Path(alias="id")]) -> OkResponse:
    """End the running turn, then delete the session, also one whose log cannot be read."""
    await parts.sessions.delete(project.id, SessionId(session_id))
    return OkResponse()


@routes.post("/{id}/prompt", operation_id="sendPrompt")
async def send_prompt(parts: Here, session: ThisSession, body: PromptRequest) -> OkResponse:
    """Ask for a turn. Answered as soon as the prompt is stored; while a turn runs, it waits as `behavior` says."""
    images = await to_thread.run_sync(pictures, body.images)
    text = await parts.prompt_templates.expand(session.log.row.project, body.text)
    await session.prompt(UserMessage(text=text, images=images), follow_up=body.behavior == "followUp")
    return OkResponse()


@routes.get("/{id}/queue", operation_id="getQueue")
async def get_queue(session: ThisSession) -> QueueResponse:
    """The prompts that wait."""
    return QueueResponse.model_validate(wire.queue(session.queue))


@routes.delete("/{id}/queue", operation_id="clearQueue")
async def clear_queue(session: ThisSession) -> QueueResponse:
    """Take back the prompts that wait, and answer them, to edit and send again."""
    return QueueResponse.model_validate(wire.queue(await session.clear_queue()))


@routes.post("/{id}/abort", operation_id="abortSession")
async def abort_session(session: ThisSession) -> OkResponse:
    """End the running turn. Answered when it has ended; when none runs, at once."""
    await session.abort()
    return OkResponse()


@routes.get(
    "/{id}/events",
    operation_id="streamSessionEvents",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "One `data:` line for each event."}},
)
async def stream_session_events(
    parts: Here,
    session: ThisSession,
    after: Annotated[int | None, Query(ge=0, description="Replay the records after this number.")] = None,
    deltas: Annotated[
        Literal["full", "lean"], Query(description="`lean`: deltas without the message so far.")
    ] = "full",
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
) -> StreamingResponse:
    """Follow the session. Facts carry an id; send the last one as `Last-Event-ID` to miss nothing."""
    log = session.log
    if last_event_id is not None and last_event_id.isdecimal():
        after = int(last_event_id)
    once = parts.encoded.setdefault(log, Once())
    stream = sse.frames(log, after=after, lean=deltas == "lean", readers=parts.readers, once=once)
    return StreamingResponse(stream, media_type="text/event-stream", headers=STREAM)
