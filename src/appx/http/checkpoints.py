"""The routes of checkpoints: what a project's files were, how they differ, and the way back."""

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Path, Query
from pydantic import Field

from appx.domain.errors import Conflict, Invalid, NotFound
from appx.domain.events import CheckpointTaken
from appx.domain.ids import Seq
from appx.http.bodies import Answer, Body, CreateSessionResponse
from appx.http.parts import Here, ThisProject, ThisSession
from appx.kit import clock
from appx.projects import checkpoints

ID = r"^[0-9a-f]{40}([0-9a-f]{24})?$"

CheckpointId: TypeAlias = Annotated[str, Path(alias="checkpointId", pattern=ID, description="40 hexadecimal digits.")]


class TakeCheckpointRequest(Body):
    message: Annotated[str, Field(max_length=200)] = "Taken by hand"


class CheckpointInfo(Answer):
    id: str
    created_at: Annotated[str, Field(alias="createdAt")]
    message: str
    turn: str | None = None
    """The turn that it was taken after; not there when no turn made it."""
    session: str | None = None

    @classmethod
    def of(cls, found: checkpoints.Checkpoint) -> "CheckpointInfo":
        return cls(
            id=found.id,
            created_at=clock.iso(found.created_at),
            message=found.message,
            turn=found.turn or None,
            session=found.session or None,
        )


class ListCheckpointsResponse(Answer):
    checkpoints: list[CheckpointInfo]


class CheckpointResponse(Answer):
    id: str
    """The newest checkpoint: the one that was taken, or the one from which nothing differs. Empty without files."""
    changed: bool
    """Whether one was taken."""


class ChangedFile(Answer):
    path: str
    added: int | None = None
    """Lines; not there for a binary file."""
    removed: int | None = None


class ChangesResponse(Answer):
    files: list[ChangedFile]
    diff: str
    """A unified diff."""
    cut: bool
    """Whether ``diff`` is only the beginning, or more files changed than the 1,000 that are shown."""


class ForkRequest(Body):
    seq: Annotated[Seq | None, Field(ge=1, strict=True)] = None
    """The number of the last record that the fork has; without it, all of them."""
    checkpoint: Annotated[str | None, Field(pattern=ID)] = None
    """In place of ``seq``: the checkpoint of a turn, up to whose end the fork goes."""


routes = APIRouter(tags=["checkpoints"])
PREFIX = "/v1/projects/{projectId}/checkpoints"


@routes.get(PREFIX, operation_id="listCheckpoints", response_model_exclude_none=True)
async def list_checkpoints(
    parts: Here,
    project: ThisProject,
    limit: Annotated[int, Query(ge=1, le=1_000, description="At most so many.")] = checkpoints.MAX_LIST,
    before: Annotated[str | None, Query(pattern=ID, description="Only those before this one.")] = None,
) -> ListCheckpointsResponse:
    """Newest first."""
    found = await parts.checkpoints.list(project.id, limit=limit, before=before or "")
    return ListCheckpointsResponse(checkpoints=[CheckpointInfo.of(each) for each in found])


@routes.post(PREFIX, operation_id="takeCheckpoint")
async def take_checkpoint(parts: Here, project: ThisProject, body: TakeCheckpointRequest) -> CheckpointResponse:
    """Keep the files as they are now."""
    taken = await parts.checkpoints.take(project.id, body.message)
    return CheckpointResponse(id=taken or await parts.checkpoints.newest(project.id), changed=bool(taken))


@routes.get(PREFIX + "/{checkpointId}/diff", operation_id="diffCheckpoint", response_model_exclude_none=True)
async def diff_checkpoint(
    parts: Here,
    project: ThisProject,
    checkpoint: CheckpointId,
    older: Annotated[str | None, Query(alias="from", pattern=ID, description="Without it: the one before.")] = None,
) -> ChangesResponse:
    """What changed up to this checkpoint: since the one before, which is what its turn did, or since another."""
    found = await parts.checkpoints.changes(project.id, checkpoint, older or "")
    files = [ChangedFile(path=each.path, added=each.added, removed=each.removed) for each in found.files]
    return ChangesResponse(files=files, diff=found.diff, cut=found.cut)


@routes.post(PREFIX + "/{checkpointId}/restore", operation_id="restoreCheckpoint")
async def restore_checkpoint(parts: Here, project: ThisProject, checkpoint: CheckpointId) -> CheckpointResponse:
    """Make the files as they were. What they are now is kept as a checkpoint before, so this can be undone."""
    if parts.sessions.running(project.id):
        raise Conflict("A turn is running in this project. Wait for its end, or abort it.")
    before = await parts.checkpoints.newest(project.id)
    back = await parts.checkpoints.restore(project.id, checkpoint)
    return CheckpointResponse(id=back, changed=back != before)


@routes.post("/v1/projects/{projectId}/sessions/{id}/fork", operation_id="forkSession")
async def fork_session(parts: Here, session: ThisSession, body: ForkRequest) -> CreateSessionResponse:
    """A new session that goes on from a point of this one. For the files of then, restore a checkpoint."""
    if body.seq is not None and body.checkpoint is not None:
        raise Invalid("Give seq or checkpoint, not both.")
    seq = Seq(len(session.log.records)) if body.seq is None else body.seq
    if body.checkpoint is not None:
        seq = next(
            (
                record.seq
                for record in session.log.records
                if isinstance(record.event, CheckpointTaken) and record.event.checkpoint == body.checkpoint
            ),
            Seq(0),
        )
        if not seq:
            raise NotFound(f"no turn of this session ended with the checkpoint {body.checkpoint}")
    return CreateSessionResponse.of(await parts.sessions.fork(session, seq))
