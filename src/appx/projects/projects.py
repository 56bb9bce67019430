"""The projects: created once for each name, found, listed, deleted with all that they ran."""

import logging
import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from functools import partial

import anyio

from appx.apps.reap import reap
from appx.domain.deployment import Deployment
from appx.domain.errors import AppxError, Conflict, Invalid, NoSpace, NotFound
from appx.domain.ids import ProjectId
from appx.domain.leases import Environment, deployed, explained, without_port
from appx.kit import clock
from appx.projects import leases, rows
from appx.projects.beginnings import Beginning, Beginnings
from appx.projects.egress import EgressPolicies
from appx.projects.leases import write_deployment
from appx.projects.rows import Project
from appx.projects.slug import slug, with_suffix
from appx.sessions.sessions import Sessions
from appx.store.database import Database
from appx.workbench.accounts import Accounts

logger = logging.getLogger(__name__)

MAX_NAME = 200
BEING_MADE = "The project {} is being made. Wait for its end, then try again."
CLEAN_SECONDS = 60.0
"""How often what a failed delete left is tried again."""


class Projects:
    """A record in the database, a directory on the workbench, sessions.

    One is made at a time; nobody waits for what goes on with another that is there: its workbench may be silent, its
    turns may not end, and to remove it may take minutes.
    """

    def __init__(
        self,
        *,
        database: Database,
        accounts: Accounts,
        sessions: Sessions,
        egress: EgressPolicies,
        end_apps: Callable[[ProjectId], Awaitable[None]],
        beginnings: Beginnings,
    ) -> None:
        """``end_apps``: ends what goes on with the apps of a project that is deleted."""
        self._end_apps = end_apps
        self._beginnings = beginnings
        self._being_made: set[ProjectId] = set()
        """Those that are not whole, and have a record that says that they are to be removed."""
        self._egress = egress
        self._database = database
        self._workbench = beginnings.workbench
        self._accounts = accounts
        self._sessions = sessions
        self._changing = anyio.Lock()
        self._alone: dict[ProjectId, anyio.Lock] = {}
        self._asking: dict[ProjectId, set[anyio.CancelScope]] = {}
        """Who asks for one that is there: its workbench may be silent, and a delete does not wait for that."""

    async def introduce(self) -> None:
        """Say which account works for which project, before anything is asked of a workbench."""
        for project, account in (await self._database.read(rows.accounts)).items():
            self._accounts.give(project, account)

    async def run(self) -> None:
        """Remove what deletes left that failed, or that a crash cut off. Until cancelled."""
        while True:
            for project in await self._database.read(rows.deleting):
                try:
                    await self._clean_left(project)
                except AppxError as error:
                    logger.warning("%s is deleted, but something of it stays: %s", project, error)
            await anyio.sleep(CLEAN_SECONDS)

    async def notes(self) -> tuple[str, ...]:
        """What new projects lack, as sentences."""
        return await leases.used_up(self._database, self._egress.published)

    async def without_port(self, project: ProjectId, environment: Environment) -> str | None:
        """For the operator, where an environment has no port: who has them. None where it has one."""
        if environment in await self._database.read(lambda db: leases.of(db, project)):
            return None
        return await self._database.read(leases.holders)

    async def create(
        self, name: str, deployment: Deployment | None = None, beginning: Beginning | None = None
    ) -> Project:
        """The project of that name, made if there is none. A deployment replaces the one that it had.

        ``beginning`` counts only for one that is made: all of it comes in, or there is no project.
        Raises Invalid for a name without an id, Conflict while it is being made, and what the beginning raises.
        """
        name = _checked(name)
        while True:
            found = await self._database.read(lambda db: rows.by_name(db, name))
            if found is None:
                found = await self._make(name, deployment, beginning)
            else:
                found = await self._again(found.id, deployment)
            if found is not None:
                return found

    async def _make(self, name: str, deployment: Deployment | None, beginning: Beginning | None) -> Project | None:
        """None when somebody else has made or deleted it meanwhile."""
        for left in await self._database.read(lambda db: rows.deleting(db, name)):
            if left in self._being_made:
                raise Conflict(BEING_MADE.format(left))
            await self._clean_left(left)
        with ExitStack() as until_whole:
            async with self._changing:
                if await self._database.read(lambda db: rows.by_name(db, name) or rows.deleting(db, name)):
                    return None
                project_id = await self._free_id(slug(name))
                self._being_made.add(project_id)
                until_whole.callback(self._being_made.discard, project_id)
                project = await self._prepare(project_id, name, deployment)
                if beginning is None:
                    return await self._finish(project)
                await self._beginnings.check_empty(project_id)
                await self._database.write(lambda db: rows.reserve_filling(db, project))
            return await self._filled(project, beginning)

    async def get(self, project: ProjectId) -> Project:
        """Raises NotFound."""
        found = await self._database.read(lambda db: rows.by_id(db, project))
        if found is None:
            raise NotFound("project not found")
        return found

    async def registered(self, project: ProjectId) -> Project:
        """As ``get``, with the words that the routes of sessions use."""
        try:
            return await self.get(project)
        except NotFound:
            raise NotFound(f"project not registered: {project}") from None

    async def list(self, *, limit: int | None = None, before: ProjectId | None = None) -> list[Project]:
        """Newest first: at most ``limit``, of those older than ``before``."""
        return await self._database.read(lambda db: rows.every(db, limit=limit, before=before))

    async def delete(self, project: ProjectId) -> None:
        """End its turns, delete its record, then remove its containers, networks, volumes, images and its directory.

        Raises NotFound, Unavailable with what stayed: that is tried again later, and when the delete is sent again.
        """
        for scope in self._asking.pop(project, set()):
            scope.cancel()
        async with self._alone_with(project):
            async with self._changing:  # one that is just being made is there then
                if not await self._database.read(lambda db: rows.taken(db, project)):
                    raise NotFound("project not found")
                if project in self._being_made:
                    raise Conflict(BEING_MADE.format(project))
            with suppress(NoSpace):  # on a full disk what follows makes room
                await self._sessions.delete_all(project, lambda db: rows.mark_deleted(db, project))
            await self._end_apps(project)
            await self._clean(project)

    @asynccontextmanager
    async def _alone_with(self, project: ProjectId) -> AsyncIterator[None]:
        """Before ``_changing``, never while that is held."""
        lock = self._alone.setdefault(project, anyio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                self._alone.pop(project, None)

    async def _clean_left(self, project: ProjectId) -> None:
        """What stays of a deleted one."""
        async with self._alone_with(project):
            if project not in self._being_made and project in await self._database.read(rows.deleting):
                await self._clean(project)

    async def _clean(self, project: ProjectId) -> None:
        """What it ran, its directory, and last the mark that there is something to remove.

        With an account of its own that is all that the account has; only then may another project get it.
        """
        if not await self._accounts.wipe(project):
            await reap(self._workbench, project)
            await self._workbench.remove_project(project)
        await self._database.write(lambda db: rows.delete(db, project))
        self._accounts.give(project, None)

    async def _again(self, project: ProjectId, deployment: Deployment | None) -> Project | None:
        """None when it was deleted meanwhile."""
        with self._until_deleted(project):
            async with self._alone_with(project):
                found = await self._database.read(lambda db: rows.by_id(db, project))
                if found is None:
                    return None
                await self._workbench.create_project(project)  # an agent may have removed it
                if deployment is not None and deployment != found.deployment:
                    while not await self._redeployed(found, deployment):
                        pass
                    await self._egress.changed()
                return await self.get(project)
        raise Conflict(f"The project {project} is being deleted.")

    @contextmanager
    def _until_deleted(self, project: ProjectId) -> Iterator[None]:
        scope = anyio.CancelScope()
        waiting = self._asking.setdefault(project, set())
        waiting.add(scope)
        try:
            with scope:
                yield
        finally:
            waiting.discard(scope)

    async def _redeployed(self, project: Project, deployment: Deployment) -> bool:
        """The agent is told first. False when another project took a port meanwhile."""
        leased = await self._due(project.id, deployment, project.account)
        await self._tell(project, deployment, leased)
        async with self._changing:
            if await self._due(project.id, deployment, project.account) != leased:
                return False
            await self._database.write(lambda db: _redeploy(db, project.id, deployment, leased))
            return True

    async def _prepare(self, project_id: ProjectId, name: str, deployment: Deployment | None) -> Project:
        """The directory first: a crash before the record leaves a directory that the next try takes over.

        Where the project has an account of its own, that is reserved before: a crash leaves what is wiped later.
        """
        account = await self._accounts.take(project_id)
        made = Project(
            id=project_id, name=name, created_at=clock.now(), directory="", deployment=deployment, account=account
        )
        if account is not None:
            await self._reserve(made)
        return replace(made, directory=await self._workbench.create_project(project_id))

    async def _free_id(self, base: ProjectId) -> ProjectId:
        """Short if it can be. Agents may have made names in the workspace; the longest one cannot be guessed."""
        for size in (0, *[2] * 8, 8):
            found = with_suffix(base, secrets.token_hex(size)) if size else base
            known = await self._database.read(partial(rows.taken, project=found))
            if not known and not await self._accounts.foreign(found):
                return found
        raise Conflict(f"No id is free for this name: those that begin with {base} are used. Choose another name.")

    async def _filled(self, project: Project, beginning: Beginning) -> Project:
        """Others come and go meanwhile. The record says that it is to be removed, until all is there."""
        try:
            await self._egress.changed()
            await self._beginnings.fill(project.id, beginning)
            async with self._changing:
                return await self._finish(project)
        except AppxError:
            with suppress(AppxError):  # else ``run`` does it
                await self._clean(project.id)
            raise

    async def _finish(self, project: Project) -> Project:
        leased = await self._due(project.id, project.deployment, project.account)
        await self._tell(project, project.deployment, leased)
        await self._database.write(lambda db: _insert(db, project, leased))
        await self._egress.changed()
        return project

    async def _due(
        self, project: ProjectId, deployment: Deployment | None, account: int | None
    ) -> dict[Environment, int]:
        """The ports that it gets. Who shares an account shares its ports."""
        if account is None:
            return {}
        return await self._database.read(lambda db: leases.due(db, project, self._egress.published, deployment))

    async def _tell(self, project: Project, deployment: Deployment | None, leased: Mapping[Environment, int]) -> None:
        """The agent, by its file. DEV gets a port at once if it can, PROD when it needs one."""
        lacks = project.account is not None and "dev" not in leased
        reasons: dict[Environment, str] = (
            {"dev": without_port(self._egress.published, deployment, "dev")} if lacks else {}
        )
        await write_deployment(self._workbench, project.id, explained(deployed(deployment, leased), reasons))

    async def _reserve(self, project: Project) -> None:
        try:
            await self._database.write(lambda db: rows.reserve(db, project))
        except AppxError:
            self._accounts.give(project.id, None)
            raise


def _insert(db: sqlite3.Connection, project: Project, leased: Mapping[Environment, int]) -> None:
    rows.insert(db, project)
    leases.put(db, project.id, leased)


def _redeploy(
    db: sqlite3.Connection, project: ProjectId, deployment: Deployment, leased: Mapping[Environment, int]
) -> None:
    rows.set_deployment(db, project, deployment)
    leases.put(db, project, leased)


def _checked(name: str) -> str:
    name = name.strip()
    if len(name) > MAX_NAME:
        raise Invalid(f"The name has {len(name)} characters; {MAX_NAME} is the most.")
    if not name.isprintable():
        raise Invalid("The name contains control characters. Leave them out.")
    return name
