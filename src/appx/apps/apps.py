"""Apps as they are wanted: looked at, stopped, started, and running again after a restart."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import anyio
from anyio.abc import TaskStatus

from appx.apps import rows
from appx.apps.following import Following
from appx.apps.plan import Action, actions, unmanaged
from appx.apps.rollouts import BUSY, Rollouts
from appx.apps.shells import in_app
from appx.apps.starter import Starter
from appx.apps.watching import Watching
from appx.domain.apps import ENVIRONMENTS, App
from appx.domain.errors import AppxError, Conflict
from appx.domain.ids import ProjectId
from appx.domain.leases import Environment
from appx.podman.apps import ASIDE, TRIAL
from appx.podman.parse import Container
from appx.podman.stats import Stats
from appx.workbench.bench import Command

logger = logging.getLogger(__name__)

MAX_LOG_LINES = 5_000
NOTHING_KNOWN = Stats()
AT_ONCE = 4
"""Projects whose apps are looked after at the same time, after a start."""

LONGEST_LOOK = 600.0
"""Seconds for one of them: others wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """An environment as it is. ``port``: None when it reaches nobody outside of the builder container.

    ``services``: the other containers of an app of several.
    ``no_port``: why one that runs has none; it names no other project.
    """

    app: App
    container: Container | None
    port: int | None
    services: tuple[Container, ...] = ()
    no_port: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """``unmanaged``: containers that the agent runs by itself."""

    apps: tuple[Look, ...]
    unmanaged: tuple[Container, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """``known``: whether podman can tell what an app takes here."""

    runs: bool
    known: bool = False
    stats: Stats = NOTHING_KNOWN


class Apps:
    """One for the server."""

    def __init__(self, starter: Starter, rollouts: Rollouts) -> None:
        self._starter = starter
        self._rollouts = rollouts
        self._database = starter.database
        self._containers = starter.containers

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Make what runs what is wanted, and let rollouts go on. Until cancelled."""
        limiter = anyio.CapacityLimiter(AT_ONCE)
        async with anyio.create_task_group() as tasks:
            await tasks.start(self._rollouts.run)
            task_status.started()
            for project in await self._database.read(rows.projects_with_apps):
                tasks.start_soon(self._reconcile_soon, project, limiter)

    async def look(self, project: ProjectId) -> Looks:
        """Raises Unavailable when podman does not answer."""
        wanted = await self._database.read(lambda db: rows.apps(db, project))
        actual = await self._containers.list(project)
        looks = [await self._look(app, actual) for app in wanted]
        others = [each for each in unmanaged(wanted, actual) if not each.name.endswith((TRIAL, ASIDE))]
        return Looks(apps=tuple(looks), unmanaged=tuple(others))

    async def _look(self, app: App, actual: Sequence[Container]) -> Look:
        container = next((each for each in actual if each.name == app.container), None)
        services = tuple(each for each in actual if each.name.startswith(f"{app.container}_"))
        leased = await self._starter.lease(app.project, app.environment)
        port = leased if container is not None and leased in container.ports else None
        if port is not None or container is None or not container.runs:
            return Look(app=app, container=container, services=services, port=port)
        why = f"Port {leased} is leased to it now; a restart gives it that port."
        if leased is None:
            why = await self._starter.no_port(app.project, app.environment)
        return Look(app=app, container=container, services=services, port=None, no_port=why)

    async def logs(self, project: ProjectId, environment: Environment, count: int, service: str = "") -> str:
        """The last ``count`` lines, of the service that answers the web or of the named one. Raises NotFound."""
        app, service = await self._starter.of_service(project, environment, service)
        return await self._containers.logs(app, count, service)

    async def follow(
        self, project: ProjectId, environment: Environment, count: int, quiet_seconds: float, service: str = ""
    ) -> Following:
        """Its log from the last ``count`` lines on. ``quiet_seconds``: so often is told that there is no news.

        Raises NotFound.
        """
        app, service = await self._starter.of_service(project, environment, service)
        return Following(self._containers, app, count, quiet_seconds=quiet_seconds, service=service)

    def watch(self, project: ProjectId, after: int | None, quiet_seconds: float) -> Watching:
        """What happens to its containers and deployments. ``after``: see ``Watching``."""
        return Watching(self._containers.workbench, self._database, project, after, quiet_seconds=quiet_seconds)

    async def stats(self, project: ProjectId, environment: Environment) -> Takes:
        """What it takes now. Raises NotFound, Unavailable."""
        app = await self._starter.app(project, environment)
        life = await self._containers.life(app)
        if life is None or not life.runs:
            return Takes(runs=False)
        stats = await self._containers.stats(app)
        return Takes(runs=True) if stats is None else Takes(runs=True, known=True, stats=stats)

    async def shell(self, project: ProjectId, environment: Environment) -> Command:
        """What opens one in its container. Raises NotFound, Conflict."""
        return await in_app(self._containers, await self._starter.app(project, environment))

    async def stop(self, project: ProjectId, environment: Environment) -> None:
        """It stays away, also after a restart, until it is started or deployed. Raises NotFound, Conflict."""
        await self._want(project, environment, stopped=True)

    async def start(self, project: ProjectId, environment: Environment) -> None:
        """Raises NotFound, Conflict, Failed."""
        await self._want(project, environment, stopped=False)

    async def restart(self, project: ProjectId, environment: Environment) -> None:
        """A new container of the same release, with the variables as they are now.

        Raises NotFound, Conflict, Failed.
        """
        async with self._alone(project):
            app = await self._starter.app(project, environment)
            await self._database.write(lambda db: rows.put_app(db, replace(app, wanted="running")))
            await self._do(Action(doing="run", app=replace(app, wanted="running")))

    async def _want(self, project: ProjectId, environment: Environment, *, stopped: bool) -> None:
        async with self._alone(project):
            app = replace(await self._starter.app(project, environment), wanted="stopped" if stopped else "running")
            await self._database.write(lambda db: rows.put_app(db, app))
            await self._reconcile(project)

    async def _reconcile_soon(self, project: ProjectId, limiter: anyio.CapacityLimiter) -> None:
        async with self._starter.alone(project), limiter:
            try:
                with anyio.fail_after(LONGEST_LOOK):
                    await self._reconcile(project)
            except AppxError as error:
                logger.warning("the apps of %s are not as wanted: %s", project, error)
            except TimeoutError:
                logger.warning("the apps of %s are not as wanted after %g s", project, LONGEST_LOOK)
            except Exception:  # a defect ends no server
                logger.exception("the apps of %s are not as wanted", project)

    async def _reconcile(self, project: ProjectId) -> None:
        wanted = await self._database.read(lambda db: rows.apps(db, project))
        ports: dict[str, int | None] = {each: await self._starter.lease(project, each) for each in ENVIRONMENTS}
        services = {app.release: (await self._starter.release(project, app.release)).services for app in wanted}
        await self._containers.tidy(project)
        for action in actions(wanted, ports, await self._containers.list(project), services):
            logger.info("%s of %s: %s", action.app.environment, project, action.doing)
            await self._do(action)

    async def _do(self, action: Action) -> None:
        app = action.app
        match action.doing:
            case "remove":
                await self._containers.remove(app.project, app.container)
            case "start":
                await self._containers.begin(app)
            case "run":
                release = await self._starter.release(app.project, app.release)
                await self._containers.remove(app.project, app.container)
                started = await self._starter.prepare(app, release)
                await self._starter.start(started)

    def _alone(self, project: ProjectId) -> anyio.Lock:
        if self._rollouts.runs(project):
            raise Conflict(BUSY)
        return self._starter.alone(project)
