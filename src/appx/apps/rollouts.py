"""How a release comes into an environment: built or known; tried beside what runs; then put in its place."""

import logging
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace

import anyio
from anyio.abc import TaskGroup, TaskStatus

from appx.apps import rows
from appx.apps.containers import Failed
from appx.apps.running import Running
from appx.apps.starter import Starter
from appx.domain.apps import DEFAULT_PORT, App, Kind, Release, Rollout
from appx.domain.errors import AppxError, Conflict, Invalid, NotFound, Unavailable
from appx.domain.ids import ProjectId
from appx.domain.leases import Environment
from appx.kit import clock
from appx.podman.apps import ASIDE, TRIAL, Start

logger = logging.getLogger(__name__)

KEPT_RELEASES = 10
BUSY = "Something is being deployed in this project. Wait for its end."
DEFECT = "Something is wrong in appx itself. The server's log tells more."
REMOVE_SECONDS = 120.0
"""At most, when the deployment was ended: others wait for that."""

INTERRUPTED = "The server ended meanwhile. What ran before still runs; deploy again."

TakeCheckpoint = Callable[[ProjectId, str], Awaitable[str]]
"""Keeps the sources as they are, and answers the id of the newest checkpoint."""

Collect = Callable[[ProjectId], Awaitable[None]]
"""Removes what builds of a project left."""


class Rollouts:
    """One for the server. ``run`` has to run for them to go on; at most one of a project at a time."""

    def __init__(self, starter: Starter, take_checkpoint: TakeCheckpoint, collect: Collect | None = None) -> None:
        self._starter = starter
        self._collect = collect
        self._database = starter.database
        self._containers = starter.containers
        self._take_checkpoint = take_checkpoint
        self._running: dict[ProjectId, Running] = {}
        self._tasks: TaskGroup | None = None

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled; ``task_status`` is told when they can begin."""
        await self._database.write(lambda db: rows.interrupt_rollouts(db, clock.now(), INTERRUPTED))
        try:
            async with anyio.create_task_group() as self._tasks:
                task_status.started()
                await anyio.sleep_forever()
        finally:
            self._tasks = None

    def runs(self, project: ProjectId) -> bool:
        return project in self._running

    async def releases(self, project: ProjectId) -> list[Release]:
        """Newest first."""
        return await self._database.read(lambda db: rows.releases(db, project))

    async def rollouts(self, project: ProjectId, limit: int) -> list[Rollout]:
        """Newest first."""
        return await self._database.read(lambda db: rows.rollouts(db, project, limit))

    async def rollout(self, project: ProjectId, number: int) -> Running:
        """One that runs, or that has ended. Raises NotFound."""
        running = self._running.get(project)
        if running is not None and running.rollout.number == number:
            return running
        found = await self._database.read(lambda db: rows.rollout(db, project, number))
        if found is None:
            raise NotFound(f"deployment not found: {number}")
        return Running(found, over=True)

    async def deploy(self, project: ProjectId, environment: Environment, health: str | None = None) -> Running:
        """DEV is built anew; PROD gets what DEV has.

        ``health``: the path that has to answer from now on; None: as before. Raises Conflict while another one runs.
        """
        if environment == "prod":
            return await self.promote(await self.offer(project, health))
        if health:
            _check_path(health)
        await self._recipe(project)
        return await self._begin(project, environment, "deploy", None, health)

    async def offer(self, project: ProjectId, health: str | None = None) -> App:
        """PROD as it would be with what DEV has now. Raises Conflict when that is nothing."""
        if health:
            _check_path(health)
        dev = await self._database.read(lambda db: rows.app(db, project, "dev"))
        if dev is None:
            raise Conflict("DEV has no release that PROD could get. Deploy to DEV first.")
        return replace(dev, environment="prod", health=dev.health if health is None else health)

    async def promote(self, offered: App) -> Running:
        """Raises Conflict when DEV has another release by now: to that, nobody agreed."""
        now = await self.offer(offered.project)
        if now.release != offered.release:
            raise Conflict(f"DEV runs release {now.release} by now, and no longer {offered.release}. Ask again.")
        return await self._begin(offered.project, "prod", "promote", offered.release, offered.health)

    async def roll_back(self, project: ProjectId, environment: Environment, number: int | None = None) -> Running:
        """To the release that this environment had before, or to any other that is kept. Raises NotFound, Conflict."""
        app = await self._starter.app(project, environment)
        if number is None:
            number = await self._database.read(lambda db: rows.release_before(db, app))
            if number is None:
                raise Conflict(f"{environment.upper()} had no other release that is still kept.")
        await self._starter.release(project, number)
        return await self._begin(project, environment, "rollback", number, None)

    async def release(self, project: ProjectId, number: int) -> Release:
        """Raises NotFound when it is not kept."""
        return await self._starter.release(project, number)

    async def _begin(
        self, project: ProjectId, environment: Environment, kind: Kind, number: int | None, health: str | None
    ) -> Running:
        if self._tasks is None:
            raise Unavailable("The server is stopping. Try again later.")
        if project in self._running:
            raise Conflict(BUSY)
        begun = Rollout(
            project=project,
            number=0,
            environment=environment,
            kind=kind,
            status="running",
            started_at=clock.now(),
            release=number,
        )
        running = self._running[project] = Running(begun)
        try:
            running.rollout = await self._database.write(lambda db: rows.begin_rollout(db, begun))
        except BaseException:
            del self._running[project]
            raise
        self._tasks.start_soon(self._roll_out, running, health)
        return running

    async def end(self, project: ProjectId) -> None:
        """Of a project that is deleted: what is being deployed ends, and nothing else begins."""
        running = self._running.get(project)
        if running is not None:
            running.scope.cancel()
            await running.ended()
        self._starter.forget(project)

    async def _roll_out(self, running: Running, health: str | None) -> None:
        project = running.rollout.project
        ended = replace(running.rollout, status="interrupted", ended_at=clock.now(), reason=INTERRUPTED)
        try:
            with running.scope:
                async with self._starter.alone(project):
                    ended = replace(await self._tried(running, health), steps=tuple(running.lines))
                await self._database.write(lambda db: rows.end_rollout(db, ended))
        except AppxError as error:
            logger.warning("the end of a deployment of %s was not written: %s", project, error)
            ended = replace(ended, status="failed", ended_at=clock.now(), reason=str(error))
        except Exception:  # a defect ends this deployment, never the server
            logger.exception("the end of a deployment of %s was not written", project)
            ended = replace(ended, status="failed", ended_at=clock.now(), reason=DEFECT)
        finally:
            del self._running[project]
            running.end(ended)
        await self._prune_soon(project)

    async def _tried(self, running: Running, health: str | None) -> Rollout:
        """The rollout as it ended."""
        rollout = running.rollout
        try:
            release = await self._wanted_release(running)
            rollout = replace(rollout, release=release.number)
            await self._bring(running, release, health)
        except Failed as error:
            return replace(rollout, status="failed", ended_at=clock.now(), reason=str(error), tail=error.tail)
        except AppxError as error:
            return replace(rollout, status="failed", ended_at=clock.now(), reason=str(error))
        except Exception:  # a defect ends this deployment, never the server
            logger.exception("deployment %d of %s", rollout.number, rollout.project)
            return replace(rollout, status="failed", ended_at=clock.now(), reason=DEFECT)
        return replace(rollout, status="done", ended_at=clock.now())

    async def _wanted_release(self, running: Running) -> Release:
        """A new one is kept only when it has run."""
        rollout = running.rollout
        if rollout.release is not None:
            return await self._starter.release(rollout.project, rollout.release)
        project = rollout.project
        recipe, stacked = await self._recipe(project)
        checkpoint = await self._take_checkpoint(project, f"Deployment {rollout.number}")
        number = await self._database.read(lambda db: rows.next_release(db, project))
        running.tell(f"building release {number} from {recipe}")
        made = Release(
            project=project, number=number, at=clock.now(), image="", checkpoint=checkpoint, size=0, port=DEFAULT_PORT
        )
        if stacked:
            built = await self._starter.stacks.build(project, number, recipe, running.tell_step)
            return replace(
                made,
                image=built.image.id,
                size=built.size,
                port=built.port,
                services=built.services,
                compose=built.compose,
            )
        image = await self._containers.build(project, number, recipe, running.tell_step)
        return replace(made, image=image.id, size=image.size, port=image.port, volumes=image.volumes)

    async def _recipe(self, project: ProjectId) -> tuple[str, bool]:
        """The file that says what to build, and whether it is one of several services. Raises Invalid."""
        stack = await self._starter.stacks.recipe(project)
        return (stack, True) if stack is not None else (await self._containers.recipe(project), False)

    async def _bring(self, running: Running, release: Release, health: str | None) -> None:
        """Into its environment. An app of one container first has to answer beside what runs."""
        project, environment = running.rollout.project, running.rollout.environment
        old = await self._database.read(lambda db: rows.app(db, project, environment))
        path = health if health is not None else (old.health if old is not None else "")
        app = App(project=project, environment=environment, release=release.number, wanted="running", health=path)
        wanted = await self._starter.prepare(app, release)
        is_there = app.container in {each.name for each in await self._containers.list(project)}
        if is_there and release.services:
            running.tell("stopping the one that runs: two databases cannot have one volume")
        elif is_there:
            running.tell("trying it beside the one that runs")
            await self._try_beside(wanted)
        try:
            if is_there:
                await self._containers.set_aside(app)
            await self._starter.start(wanted)
            await self._database.write(lambda db: _keep(db, app, release))
        except Exception:
            if is_there:
                await self._go_back(running, app, old)
            else:
                await self._containers.remove(project, app.container)
            raise
        running.tell(f"release {release.number} runs {await self._starter.place(wanted)}")
        try:
            await self._containers.remove(project, app.container, ASIDE)
        except AppxError as error:  # the next start of the server tidies up
            logger.warning("what %s ran before is still there: %s", app.container, error)

    async def _go_back(self, running: Running, app: App, old: App | None) -> None:
        """``old`` is None where a container of the agent's had the name."""
        try:
            await self._containers.put_back(app)
            if old is not None:
                release = await self._starter.release(old.project, old.release)
                await self._starter.answers(old, release, old.container, None)
        except AppxError as error:
            logger.warning("what %s ran before is not back: %s", app.container, error)
            running.tell(f"what ran before is not back: {error}")
        else:
            running.tell("what ran before runs again")

    async def _try_beside(self, wanted: Start) -> None:
        trial = replace(wanted, name=wanted.app.container + TRIAL, port=None, trial=True)
        try:
            await self._starter.start(trial)
        finally:
            with anyio.move_on_after(REMOVE_SECONDS, shield=True):
                await self._containers.remove(wanted.app.project, trial.name)

    async def _prune_soon(self, project: ProjectId) -> None:
        try:
            async with self._starter.alone(project):
                await self._prune(project)
                if self._collect is not None:
                    await self._collect(project)
        except AppxError as error:
            logger.warning("old releases of %s stay: %s", project, error)
        except Exception:  # a defect ends no server
            logger.exception("old releases of %s stay", project)

    async def _prune(self, project: ProjectId) -> None:
        """Forget the oldest releases that no environment has, and the images of all that are not kept.

        Not that of the newest build: the next one may begin with its layers.
        """
        used = await self._database.read(lambda db: {each.release for each in rows.apps(db, project)})
        every = [each.number for each in await self.releases(project)]
        old = [number for number in every[KEPT_RELEASES:] if number not in used]
        await self._database.write(lambda db: rows.forget_releases(db, project, old))
        built = sorted(await self._containers.built(project))
        kept = set(every) - set(old)
        await self._containers.remove_images(project, [each for each in built[:-1] if each not in kept])


def _keep(db: sqlite3.Connection, app: App, release: Release) -> None:
    rows.put_release(db, release)
    rows.put_app(db, app)


def _check_path(path: str) -> None:
    if not path.startswith("/") or not path.isprintable() or " " in path or len(path) > 200:
        raise Invalid(f"health: {path[:100]!r} is no path. It begins with / and has no spaces.")
