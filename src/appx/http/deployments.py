"""The routes by which a release comes into an environment."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Literal, Self, TypeAlias

import anyio
from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import StreamingResponse

from appx.apps.running import Running
from appx.domain.apps import Kind, Release, Rollout, Status
from appx.domain.leases import Environment
from appx.http.bodies import Answer, Body, ErrorResponse
from appx.http.once import encode
from appx.http.parts import Here, Parts, ThisProject
from appx.http.sse import HEARTBEAT_SECONDS
from appx.kit import clock

routes = APIRouter(prefix="/v1/projects/{projectId}", tags=["apps"])

MAX_LISTED = 100
MOST = 2**31
"""No number of anything is larger, and the database takes it."""

Number: TypeAlias = Annotated[int, Path(alias="number", ge=1, le=MOST)]
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorResponse, "description": "Another one runs, or there is no release for this environment."}
}


class DeployRequest(Body):
    environment: Environment = "dev"
    """`dev` is built from the files as they are now; `prod` gets the very image that `dev` has."""
    release: Annotated[int, Field(ge=-MOST, le=MOST)] | Literal["previous"] | None = None
    """In place of that: back to a release that is kept, or to the one that this environment had before."""
    health: Annotated[str | None, Field(max_length=200)] = None
    """The path that has to answer with 200 to 399, from now on. Empty: any answer at `/` that is no server's error."""
    wait: bool = True
    """Whether the answer comes at the end. Who does not wait follows the events."""


class DeploymentInfo(Answer):
    number: int
    environment: Environment
    kind: Kind
    status: Status
    """`failed`: what ran before still runs. `interrupted`: the server ended meanwhile."""
    started_at: Annotated[str, Field(alias="startedAt")]
    ended_at: Annotated[str | None, Field(alias="endedAt")] = None
    release: int | None = None
    reason: str | None = None
    """Why it failed, a sentence."""
    log: str | None = None
    """The last lines of the build, or of the app."""
    steps: list[str]
    """What it did so far."""
    note: str | None = None
    """Where its environment has no published port: who has them."""

    @classmethod
    def of(cls, found: Rollout, lines: Sequence[str] = (), note: str | None = None) -> Self:
        """``lines``: of one that has not ended."""
        return cls(
            number=found.number,
            environment=found.environment,
            kind=found.kind,
            status=found.status,
            started_at=clock.iso(found.started_at),
            ended_at=None if found.ended_at is None else clock.iso(found.ended_at),
            release=found.release,
            reason=found.reason or None,
            log=found.tail or None,
            steps=list(found.steps or lines),
            note=note if found.status == "done" else None,
        )


class ListDeploymentsResponse(Answer):
    deployments: list[DeploymentInfo]


class ReleaseInfo(Answer):
    number: int
    created_at: Annotated[str, Field(alias="createdAt")]
    image: str
    """Its id: 64 hexadecimal digits."""
    checkpoint: str | None = None
    """The sources it was built from."""
    size: int
    """Bytes, all layers together."""
    port: int
    """On which the app listens in its container."""
    services: list[str] | None = None
    """Of an app of several, that which answers the web first."""

    @classmethod
    def of(cls, found: Release) -> Self:
        return cls(
            number=found.number,
            created_at=clock.iso(found.at),
            image=found.image,
            checkpoint=found.checkpoint or None,
            size=found.size,
            port=found.port,
            services=[each.name for each in found.services] or None,
        )


class ListReleasesResponse(Answer):
    releases: list[ReleaseInfo]


@routes.post("/deployments", operation_id="deploy", response_model_exclude_none=True, responses=CONFLICT)
async def deploy(parts: Here, project: ThisProject, body: DeployRequest) -> DeploymentInfo:
    """Build and run, promote, or roll back. One that fails changes nothing: what ran before still runs."""
    if body.release is None:
        running = await parts.rollouts.deploy(project.id, body.environment, body.health)
    else:
        number = None if body.release == "previous" else body.release
        running = await parts.rollouts.roll_back(project.id, body.environment, number)
    if body.wait:
        await running.ended()
    return await _told(parts, running)


@routes.get("/deployments", operation_id="listDeployments", response_model_exclude_none=True)
async def list_deployments(
    parts: Here, project: ThisProject, limit: Annotated[int, Query(ge=1, le=MAX_LISTED)] = 20
) -> ListDeploymentsResponse:
    """Newest first."""
    found = await parts.rollouts.rollouts(project.id, limit)
    return ListDeploymentsResponse(deployments=[DeploymentInfo.of(each) for each in found])


@routes.get("/deployments/{number}", operation_id="getDeployment", response_model_exclude_none=True)
async def get_deployment(parts: Here, project: ThisProject, number: Number) -> DeploymentInfo:
    """One, as it is now."""
    return await _told(parts, await parts.rollouts.rollout(project.id, number))


@routes.get("/deployments/{number}/events", operation_id="followDeployment", response_class=StreamingResponse)
async def follow_deployment(parts: Here, project: ThisProject, number: Number) -> StreamingResponse:
    """Server-sent events: `{"step"}` for each thing that it does, from the first on; at the end `{"deployment"}`."""
    running = await parts.rollouts.rollout(project.id, number)
    frames = _frames(parts, running)
    return StreamingResponse(frames, media_type="text/event-stream", headers={"Cache-Control": "no-store"})


@routes.get("/releases", operation_id="listReleases", response_model_exclude_none=True)
async def list_releases(parts: Here, project: ThisProject) -> ListReleasesResponse:
    """The images that are kept, newest first."""
    found = await parts.rollouts.releases(project.id)
    return ListReleasesResponse(releases=[ReleaseInfo.of(each) for each in found])


async def _told(parts: Parts, running: Running) -> DeploymentInfo:
    rollout = running.rollout
    note = await parts.projects.without_port(rollout.project, rollout.environment)
    return DeploymentInfo.of(rollout, running.lines, note)


async def _frames(parts: Parts, running: Running) -> AsyncIterator[bytes]:
    place = 0
    while not (running.over and place == len(running.lines)):
        for line in running.lines[place:]:
            yield b"data: " + encode({"step": line}) + b"\n\n"
            place += 1
        with anyio.move_on_after(HEARTBEAT_SECONDS) as patience:
            await running.news(place)
        if patience.cancelled_caught:
            yield b": heartbeat\n\n"
    told = (await _told(parts, running)).model_dump(by_alias=True, exclude_none=True)
    yield b"data: " + encode({"deployment": told}) + b"\n\n"
