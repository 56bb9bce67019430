"""The bodies of requests and answers, named as the contract names them."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from appx.domain import deployment as domain
from appx.http.shapes import AgentMessage, Published
from appx.kit import clock
from appx.podman.apps import Limits
from appx.projects.rows import Project
from appx.sessions import row as sessions
from appx.workbench.bench import AppLimits

MAX_PROMPT = 1_000_000
MAX_PICTURES = 20
MAX_PICTURES_SIZE = 12 * 1024 * 1024
"""Characters of base64, of all pictures of a prompt: with the longest text they fit into a body."""


class Body(BaseModel):
    """Field names on the wire are camelCase, as the contract has them."""

    model_config = ConfigDict(populate_by_name=True)


def never_null(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Publish that a field without a value is left out, as the contract has it, not null."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        found = schema["properties"].get(key, {})
        if field.is_required() or field.default is not None or "anyOf" not in found:
            continue
        rest = [each for each in found.pop("anyOf") if each != {"type": "null"}]
        found.update(rest[0] if len(rest) == 1 else {"anyOf": rest})
        found.pop("default", None)
        if key in schema.get("required", ()):
            schema["required"].remove(key)
    if not schema.get("required", True):
        del schema["required"]  # else it would not be the schema of the request any more, and get another name


class Answer(Body):
    """What is always there is published as such. The routes leave out what is None: ``response_model_exclude_none``."""

    model_config = ConfigDict(json_schema_extra=never_null, json_schema_serialization_defaults_required=True)


class OkResponse(Answer):
    ok: Literal[True] = True


class ErrorResponse(Answer):
    error: str
    """A sentence that says what is wrong and what to do."""


class HealthResponse(Answer):
    ok: Literal[True] = True
    service: Literal["agent-server"] = "agent-server"
    time: str
    channels: dict[str, int]
    """Readers of each session's event stream."""


class LimitsOfApps(Answer):
    """Which limits of an app the kernel enforces; without cgroup v2 none."""

    memory: bool
    cpu: bool
    pids: bool


class LimitsOfProjects(Answer):
    """What all apps of a project may take together, as far as it is set and the kernel enforces it."""

    memory: int | None = None
    """Bytes."""
    cpu: float | None = None
    pids: int | None = None

    @classmethod
    def of(cls, wanted: Limits, enforced: AppLimits) -> Self:
        return cls(
            memory=wanted.memory if enforced.memory else None,
            cpu=wanted.cpus if enforced.cpu else None,
            pids=wanted.processes,
        )


class ReadyResponse(Answer):
    ready: bool
    podman: str
    problems: list[str]
    notes: list[str]
    """What works, but not as it could, and why."""
    limits: LimitsOfApps
    project_limits: Annotated[LimitsOfProjects, Field(alias="projectLimits")]


class LoginCodeResponse(Answer):
    path: str
    """Open this path once, within ten minutes, in a browser."""


class DeploymentTarget(Answer):
    port: Annotated[int | None, Field(ge=1024, le=65_535, strict=True)] = None
    url: Annotated[str | None, Field(max_length=2_000)] = None


class Deployment(Answer):
    dev: DeploymentTarget | None = None
    prod: DeploymentTarget | None = None

    def as_domain(self) -> domain.Deployment:
        return domain.Deployment(dev=_as_domain(self.dev), prod=_as_domain(self.prod))


class ImportRequest(Body):
    git: Annotated[str, Field(min_length=1)]
    """The address of a git repository, `https://…` or `http://…`, without a name or password."""


class CreateProjectRequest(Body):
    name: Annotated[str, Field(min_length=1)]
    deployment: Deployment | None = None
    template: Annotated[str | None, Field(min_length=1, max_length=63)] = None
    """What it begins with, when it is made: the name of a template of `GET /v1/templates`."""
    import_: Annotated[ImportRequest | None, Field(alias="import")] = None
    """What it begins with in place of a template."""


class ProjectInfo(Answer):
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


class ListProjectsResponse(Answer):
    projects: list[ProjectInfo]


class CreateSessionResponse(Answer):
    id: str
    created_at: Annotated[str, Field(alias="createdAt")]

    @classmethod
    def of(cls, row: sessions.SessionRow) -> "CreateSessionResponse":
        return cls(id=row.id, created_at=clock.iso(row.created_at))


class SessionRow(Answer):
    id: str
    created_at: Annotated[str, Field(alias="createdAt")]
    first_message: Annotated[str, Field(alias="firstMessage")]
    message_count: Annotated[int, Field(alias="messageCount", ge=0)]
    running: bool

    @classmethod
    def of(cls, row: sessions.SessionRow) -> "SessionRow":
        return cls(
            id=row.id,
            created_at=clock.iso(row.created_at),
            first_message=row.first_message,
            message_count=row.message_count,
            running=row.turn is not None,
        )


class ListSessionsResponse(Answer):
    sessions: list[SessionRow]


class SessionMessagesResponse(Answer):
    id: str
    messages: Annotated[list[dict[str, Any]], Published(list[AgentMessage])]
    seq: int
    """The number of the newest record: follow the events from here with ``?after=``."""
    earlier: int | None = None
    """Ask with ``?before=`` this for what was said earlier. Not there when this is the beginning."""


class PromptImage(Body):
    """A picture for the model: PNG, JPEG, GIF or WebP, at most 3.75 MiB and 8,000 pixels on a side."""

    data: Annotated[str, Field(min_length=1, max_length=MAX_PICTURES_SIZE)]
    """Base64 without line breaks."""
    mime_type: Annotated[str, Field(alias="mimeType", max_length=100)]


class QueueResponse(Answer):
    """The prompts that wait, oldest first: for the end of the step, and for the end of the turn."""

    steering: list[str]
    follow_up: Annotated[list[str], Field(alias="followUp")]


class PromptRequest(Body):
    text: Annotated[str, Field(min_length=1, max_length=MAX_PROMPT)]
    images: Annotated[tuple[PromptImage, ...], Field(max_length=MAX_PICTURES)] = ()
    behavior: Literal["steer", "followUp"] = "steer"
    """While a turn runs: `steer` waits for the end of the current step, `followUp` for the end of the turn."""


def _as_domain(target: DeploymentTarget | None) -> domain.Target | None:
    return None if target is None else domain.Target(port=target.port, url=target.url)


def _as_body(target: domain.Target | None) -> DeploymentTarget | None:
    return None if target is None else DeploymentTarget(port=target.port, url=target.url)
