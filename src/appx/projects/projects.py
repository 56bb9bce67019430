"""The projects: created once for each name, found, listed, deleted with all that they ran."""

import json
import logging
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import suppress

import anyio

from appx.apps.reap import reap
from appx.domain.deployment import Deployment, as_json
from appx.domain.errors import AppxError, Invalid, NoSpace, NotFound
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.projects import rows
from appx.projects.rows import Project
from appx.projects.slug import slug, with_suffix
from appx.sessions.sessions import Sessions
from appx.store.database import Database
from appx.workbench.bench import Workbench

logger = logging.getLogger(__name__)

MAX_NAME = 200
CLEAN_SECONDS = 60.0
"""How often what a failed delete left is tried again."""

DEPLOYMENT_FILE = ".pi/deployment.json"


class Projects:
    """A record in the database, a directory on the workbench, sessions. One change at a time."""

    def __init__(self, *, database: Database, workbench: Workbench, sessions: Sessions) -> None:
        self._database = database
        self._workbench = workbench
        self._sessions = sessions
        self._changing = anyio.Lock()

    async def run(self) -> None:
        """Remove what deletes left that failed, or that a crash cut off. Until cancelled."""
        while True:
            async with self._changing:
                for project in await self._database.read(rows.deleting):
                    try:
                        await self._clean(project)
                    except AppxError as error:
                        logger.warning("%s is deleted, but something of it stays: %s", project, error)
            await anyio.sleep(CLEAN_SECONDS)

    async def create(self, name: str, deployment: Deployment | None = None) -> Project:
        """The project of that name, made if there is none. A deployment replaces the one that it had.

        Raises Invalid for a name without an id.
        """
        name = _checked(name)
        async with self._changing:
            project = await self._database.read(lambda db: rows.by_name(db, name))
            if project is None:
                return await self._make(name, deployment)
            await self._workbench.create_project(project.id)  # an agent may have removed it
            if deployment is not None and deployment != project.deployment:
                await self._write_deployment(project.id, deployment)
                await self._database.write(lambda db: rows.set_deployment(db, project.id, deployment))
            return await self.get(project.id)

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
        async with self._changing:
            if not await self._database.read(lambda db: rows.taken(db, project)):
                raise NotFound("project not found")
            with suppress(NoSpace):  # on a full disk what follows makes room
                await self._sessions.delete_all(project, lambda db: rows.mark_deleted(db, project))
            await self._clean(project)

    async def _clean(self, project: ProjectId) -> None:
        """What it ran, its directory, and last the mark that there is something to remove."""
        await reap(self._workbench, project)
        await self._workbench.remove_project(project)
        await self._database.write(lambda db: rows.delete(db, project))

    async def _make(self, name: str, deployment: Deployment | None) -> Project:
        """The directory first: a crash before the record leaves a directory that the next try takes over."""
        for left in await self._database.read(lambda db: rows.deleting(db, name)):
            await self._clean(left)
        project_id = await self._database.read(_free_id(slug(name)))
        project = Project(
            id=project_id,
            name=name,
            created_at=clock.now(),
            directory=await self._workbench.create_project(project_id),
            deployment=deployment,
        )
        await self._write_deployment(project_id, deployment)
        await self._database.write(lambda db: rows.insert(db, project))
        return project

    async def _write_deployment(self, project: ProjectId, deployment: Deployment | None) -> None:
        text = json.dumps(as_json(project, deployment), indent=2) + "\n"
        await self._workbench.write(project, DEPLOYMENT_FILE, text.encode())


def _checked(name: str) -> str:
    name = name.strip()
    if len(name) > MAX_NAME:
        raise Invalid(f"The name has {len(name)} characters; {MAX_NAME} is the most.")
    if not name.isprintable():
        raise Invalid("The name contains control characters. Leave them out.")
    return name


def _free_id(base: ProjectId) -> Callable[[sqlite3.Connection], ProjectId]:
    def look(db: sqlite3.Connection) -> ProjectId:
        found = base
        while rows.taken(db, found):
            found = with_suffix(base, secrets.token_hex(2))
        return found

    return look
