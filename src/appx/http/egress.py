"""The routes of what a project may reach."""

from datetime import UTC, datetime
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import Field

from appx.domain.egress import MAX_HOSTS, Policy
from appx.domain.ids import ProjectId
from appx.egress.refused import Refusal
from appx.http.bodies import Answer, Body, ErrorResponse
from appx.http.parts import Here, Parts
from appx.kit import clock

routes = APIRouter(prefix="/v1/projects", tags=["projects"])


class RefusalInfo(Answer):
    to: str
    """An address, or a name."""
    protocol: str
    """`tcp`, `udp`, or `name` for a question that was not answered."""
    port: int | None = None
    count: int
    last: str

    @classmethod
    def of(cls, found: Refusal) -> Self:
        last = clock.iso(datetime.fromtimestamp(found.last, UTC))
        return cls(to=found.to, protocol=found.protocol, port=found.port, count=found.count, last=last)


class EgressResponse(Answer):
    policy: Policy
    """What the project asks for."""
    hosts: list[str]
    """What `list` allows."""
    default: bool
    """Whether the settings say so, and not the project."""
    enforced: bool
    """False where nothing can be refused: a server without the builder container."""
    in_force: Annotated[Policy | None, Field(alias="inForce")] = None
    """The strictest of all projects that share the account."""
    refused: list[RefusalInfo]
    """Of the last day, the newest first."""


class EgressRequest(Body):
    policy: Policy | None = None
    """Without one: what the settings say."""
    hosts: Annotated[list[str] | None, Field(max_length=MAX_HOSTS)] = None
    """For `list`. Without any: those of the settings."""


@routes.get("/{id}/egress", operation_id="getEgress", response_model_exclude_none=True)
async def get_egress(parts: Here, id: str) -> EgressResponse:  # noqa: A002  as in getProject
    """What the project's commands, builds and apps may reach, and what was refused."""
    return await _answer(parts, ProjectId(id))


@routes.put(
    "/{id}/egress",
    operation_id="setEgress",
    response_model_exclude_none=True,
    responses={409: {"model": ErrorResponse, "description": "Nothing can be refused here; the sentence says why."}},
)
async def set_egress(parts: Here, id: str, body: EgressRequest) -> EgressResponse:  # noqa: A002  as in getProject
    """Change what they may reach: at once, also for connections that are open."""
    await parts.egress.set(ProjectId(id), body.policy, body.hosts)
    return await _answer(parts, ProjectId(id))


async def _answer(parts: Parts, project: ProjectId) -> EgressResponse:
    wanted = await parts.egress.get(project)
    in_force = await parts.egress.in_force(project)
    return EgressResponse(
        policy=wanted.egress.policy,
        hosts=list(wanted.egress.hosts),
        default=not wanted.own,
        enforced=parts.egress.enforced,
        in_force=None if in_force is None else in_force.policy,
        refused=[RefusalInfo.of(each) for each in await parts.egress.refusals(project)],
    )
