"""The bodies of requests and answers, named as the contract names them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from appx.domain import deployment as domain
from appx.kit import clock
from appx.projects.rows import Project
from appx.sessions.row import SessionRow

MAX_PROMPT = 1_000_000


class Body(BaseModel):
    """Field names on the wire are camelCase, as the contract has them."""

    model_config = ConfigDict(populate_by_name=True)


class OkResponse(Body):
    ok: Literal[True] = True


class ErrorResponse(Body):
    error: str
    """A sentence that says what is wrong and what to do."""


class HealthResponse(Body):
    ok: Literal[True] = True
    service: Literal["agent-server"] = "agent-server"
    time: str
    channels: dict[str, int]
    """Readers of each session's event stream."""


class ReadyResponse(Body):
    ready: bool
    podman: str
    problems: list[str]


class LoginCodeResponse(Body):
    path: str
    """Open this path once, within ten minutes, in a browser."""


class DeploymentTarget(Body):
    port: Annotated[int | None, Field(ge=1024, le=65_535, strict=True)] = None
    url: Annotated[str | None, Field(max_length=2_000)] = None


class Deployment(Body):
    dev: DeploymentTarget | None = None
    prod: DeploymentTarget | None = None

    def as_domain(self) -> domain.Deployment:
        return domain.Deployment(dev=_as_domain(self.dev), prod=_as_domain(self.prod))


class CreateProjectRequest(Body):
    name: Annotated[str, Field(min_length=1)]
    deployment: Deployment | None = None


class ProjectInfo(Body):
    id: str
    name: str
    project_dir: Annotated[str, Field(alias="projectDir")]
    created_at: Annotated[str, Field(alias="createdAt")]
    deployment: Deployment | None = None

    @classmethod
    def of(cls, project: Project) -> "ProjectInfo":
        found = project.deployment
        return cls(
            id=project.id,
            name=project.name,
            project_dir=project.directory,
            created_at=clock.iso(project.created_at),
            deployment=None if found is None else Deployment(dev=_as_body(found.dev), prod=_as_body(found.prod)),
        )


class ListProjectsResponse(Body):
    projects: list[ProjectInfo]


class CreateSessionResponse(Body):
    id: str
    created_at: Annotated[str, Field(alias="createdAt")]

    @classmethod
    def of(cls, row: SessionRow) -> "CreateSessionResponse":
        return cls(id=row.id, created_at=clock.iso(row.created_at))


class SessionInfo(Body):
    id: str
    created_at: Annotated[str, Field(alias="createdAt")]
    first_message: Annotated[str, Field(alias="firstMessage")]
    message_count: Annotated[int, Field(alias="messageCount", ge=0)]
    running: bool

    @classmethod
    def of(cls, row: SessionRow) -> "SessionInfo":
        return cls(
            id=row.id,
            created_at=clock.iso(row.created_at),
            first_message=row.first_message,
            message_count=row.message_count,
            running=row.turn is not None,
        )


class ListSessionsResponse(Body):
    sessions: list[SessionInfo]


class SessionMessagesResponse(Body):
    id: str
    messages: list[dict[str, Any]]
    seq: int
    """The number of the newest record: follow the events from here with ``?after=``."""


class PromptRequest(Body):
    text: Annotated[str, Field(min_length=1, max_length=MAX_PROMPT)]


def _as_domain(target: DeploymentTarget | None) -> domain.Target | None:
    return None if target is None else domain.Target(port=target.port, url=target.url)


def _as_body(target: domain.Target | None) -> DeploymentTarget | None:
    return None if target is None else DeploymentTarget(port=target.port, url=target.url)
