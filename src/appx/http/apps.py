"""The routes of what a project runs."""

from typing import Annotated, Any, Self, TypeAlias

from fastapi import APIRouter, Header, Path, Query
from pydantic import Field
from starlette.responses import Response

from appx.apps.apps import MAX_LOG_LINES, Look, Takes
from appx.domain.apps import Variable
from appx.domain.leases import Environment
from appx.http.bodies import Answer, Body, ErrorResponse, OkResponse
from appx.http.followed import followed_log
from appx.http.happened import watched_apps
from appx.http.parts import Here, ThisProject
from appx.http.sse import HEARTBEAT_SECONDS
from appx.podman.parse import Container

routes = APIRouter(prefix="/v1/projects/{projectId}/apps", tags=["apps"])

ThisEnvironment: TypeAlias = Annotated[Environment, Path(alias="environment")]
VariableName: TypeAlias = Annotated[str, Path(alias="name", min_length=1, max_length=128)]

NO_CGROUPS = "podman cannot tell what an app takes here: the host has no cgroup v2."

FOLLOWED: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "The log."},
    409: {"model": ErrorResponse, "description": "Too many logs and shells are open."},
}
WATCHED = {**FOLLOWED, 200: {**FOLLOWED[200], "description": "What happens."}}
MOST_NANO = 2**63 - 1
"""No time is later."""

CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorResponse, "description": "Something is being deployed in this project, or it is not healthy."}
}


class ContainerInfo(Answer):
    name: str
    state: str
    """In podman's words: `running`, `exited`, `created`."""
    status: str
    """For people: `Up 2 hours`."""
    ports: list[int]

    @classmethod
    def of(cls, found: Container) -> Self:
        return cls(name=found.name, state=found.state, status=found.status, ports=list(found.ports))


class AppInfo(Answer):
    environment: Environment
    release: int
    wanted: str
    """`running` or `stopped`."""
    health: str
    """The path that has to answer; empty: any answer at `/` will do."""
    port: int | None = None
    """On which the host reaches it. Not there when all published ports are used by others, or nothing runs."""
    container: ContainerInfo | None = None
    services: list[ContainerInfo] | None = None
    """The other containers, of an app of several services."""
    note: str | None = None
    """Why one that runs has no port, what to do, and who has the ports."""

    @classmethod
    def of(cls, found: Look, holders: str | None = None) -> Self:
        return cls(
            environment=found.app.environment,
            release=found.app.release,
            wanted=found.app.wanted,
            health=found.app.health,
            port=found.port,
            container=None if found.container is None else ContainerInfo.of(found.container),
            services=[ContainerInfo.of(each) for each in found.services] or None,
            note=" ".join(filter(None, (found.no_port, holders))) if found.no_port else None,
        )


class ListAppsResponse(Answer):
    apps: list[AppInfo]
    unmanaged: list[ContainerInfo]
    """Containers that the agent runs by itself."""


class AppLogsResponse(Answer):
    log: str


class AppMemory(Answer):
    used: int | None = None
    limit: int | None = None
    """What there is at all, where the app has no limit."""


class AppNetwork(Answer):
    received: int | None = None
    sent: int | None = None


class AppStatsResponse(Answer):
    """Bytes. What podman cannot tell is not there."""

    running: bool
    memory: AppMemory | None = None
    cpu_seconds: Annotated[float | None, Field(alias="cpuSeconds")] = None
    """Since its start, of all processors together."""
    processes: int | None = None
    network: AppNetwork | None = None
    note: str | None = None
    """Why nothing is known."""

    @classmethod
    def of(cls, found: Takes) -> Self:
        stats = found.stats
        memory = AppMemory(used=stats.memory, limit=stats.memory_limit)
        network = AppNetwork(received=stats.received, sent=stats.sent)
        return cls(
            running=found.runs,
            memory=None if stats.memory is None else memory,
            cpu_seconds=stats.cpu_seconds,
            processes=stats.processes,
            network=None if stats.received is None and stats.sent is None else network,
            note=NO_CGROUPS if found.runs and not found.known else None,
        )


class ListVariablesResponse(Answer):
    names: list[str]
    """What they hold is told nobody but the app."""


class SetVariableRequest(Body):
    value: Annotated[str, Field(max_length=64 << 10)]


@routes.get("", operation_id="listApps", response_model_exclude_none=True)
async def list_apps(parts: Here, project: ThisProject) -> ListAppsResponse:
    """Each environment as it is wanted and as it is."""
    found = await parts.apps.look(project.id)
    return ListAppsResponse(
        apps=[
            AppInfo.of(each, await parts.projects.without_port(project.id, each.app.environment)) for each in found.apps
        ],
        unmanaged=[ContainerInfo.of(each) for each in found.unmanaged],
    )


@routes.get("/events", operation_id="followApps", response_class=Response, responses=WATCHED)
async def follow_apps(
    parts: Here,
    project: ThisProject,
    after: Annotated[int | None, Query(ge=0, le=MOST_NANO, description="The id of the last one that is known.")] = None,
    last_event_id: Annotated[int | None, Header(ge=0, le=MOST_NANO)] = None,
) -> Response:
    """Server-sent events, until the reader leaves; without an id what comes, with 0 all that is still known.

    `{"time", "app", "container", "environment"?, "release"?, "exitCode"?, "outOfMemory"?}` of a container: `started`,
    `ended`, `restarted` or `removed`; `{"time", "deployment"}` of a deployment that begins or ends.
    """
    known = last_event_id if after is None else after
    return watched_apps(parts.visits, project.id, parts.apps.watch(project.id, known, HEARTBEAT_SECONDS))


@routes.post("/{environment}/stop", operation_id="stopApp", responses=CONFLICT)
async def stop_app(parts: Here, project: ThisProject, environment: ThisEnvironment) -> OkResponse:
    """It stays away, also after a restart, until it is started or deployed."""
    await parts.apps.stop(project.id, environment)
    return OkResponse()


@routes.post("/{environment}/start", operation_id="startApp", responses=CONFLICT)
async def start_app(parts: Here, project: ThisProject, environment: ThisEnvironment) -> OkResponse:
    """Start it again, with the release that it had. Answers when it is healthy."""
    await parts.apps.start(project.id, environment)
    return OkResponse()


@routes.post("/{environment}/restart", operation_id="restartApp", responses=CONFLICT)
async def restart_app(parts: Here, project: ThisProject, environment: ThisEnvironment) -> OkResponse:
    """A new container of the same release, with the variables as they are now. Answers when it is healthy."""
    await parts.apps.restart(project.id, environment)
    return OkResponse()


@routes.get("/{environment}/logs", operation_id="getAppLogs", response_model=AppLogsResponse, responses=FOLLOWED)
async def get_app_logs(
    parts: Here,
    project: ThisProject,
    environment: ThisEnvironment,
    lines: Annotated[int, Query(ge=1, le=MAX_LOG_LINES, description="The last so many.")] = 200,
    follow: Annotated[bool, Query(description="Go on with what comes, as server-sent events.")] = False,  # noqa: FBT002
    service: Annotated[str, Query(max_length=60, description="Another than that which answers the web.")] = "",
) -> AppLogsResponse | Response:
    """What the app wrote to its output.

    Followed: `{"lines": [{"time", "stream", "text", "cut"?}]}`; `{"app": "ended", "exitCode"?}` and
    `{"app": "started"}` of its container; `{"leftOut": {"after", "before"}}` when the reader was too slow.
    """
    if not follow:
        return AppLogsResponse(log=await parts.apps.logs(project.id, environment, lines, service))
    following = await parts.apps.follow(project.id, environment, lines, HEARTBEAT_SECONDS, service)
    return followed_log(parts.visits, project.id, following)


@routes.get("/{environment}/stats", operation_id="getAppStats", response_model_exclude_none=True)
async def get_app_stats(parts: Here, project: ThisProject, environment: ThisEnvironment) -> AppStatsResponse:
    """What the app takes now."""
    return AppStatsResponse.of(await parts.apps.stats(project.id, environment))


@routes.get("/{environment}/variables", operation_id="listVariables")
async def list_variables(parts: Here, project: ThisProject, environment: ThisEnvironment) -> ListVariablesResponse:
    """The names of the variables that the app gets from its next start on."""
    return ListVariablesResponse(names=await parts.variables.names(project.id, environment))


@routes.put("/{environment}/variables/{name}", operation_id="setVariable")
async def set_variable(
    parts: Here, project: ThisProject, environment: ThisEnvironment, name: VariableName, body: SetVariableRequest
) -> OkResponse:
    """For the next start of the app."""
    await parts.variables.set(project.id, environment, Variable(name=name, value=body.value))
    return OkResponse()


@routes.delete("/{environment}/variables/{name}", operation_id="removeVariable")
async def remove_variable(
    parts: Here, project: ThisProject, environment: ThisEnvironment, name: VariableName
) -> OkResponse:
    """From the next start of the app on."""
    await parts.variables.remove(project.id, environment, name)
    return OkResponse()
