"""The projects: created once for each name, found, listed, deleted with all that they ran."""

import json
import secrets
import sqlite3
from collections.abc import Callable

import anyio

from appx.apps.reap import reap
from appx.domain.deployment import Deployment, as_json
from appx.domain.errors import Invalid, NotFound
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.projects import rows
from appx.projects.rows import Project
from appx.projects.slug import slug, with_suffix
from appx.sessions.sessions import Sessions
from appx.store.database import Database
from appx.workbench.bench import Workbench

MAX_NAME = 200
DEPLOYMENT_FILE = ".pi/deployment.json"


class Projects:
    """A record in the database, a directory on the workbench, sessions. One change at a time."""

    def __init__(self, *, database: Database, workbench: Workbench, sessions: Sessions) -> None:
        self._database = database
        self._workbench = workbench
        self._sessions = sessions
        self._changing = anyio.Lock()

    async def create(self, name: str, deployment: Deployment | None = None) -> Project:
        """The project of that name, made if there is none. A deployment replaces the one that it had.

        Raises Invalid for a name without an id.
        """
        name = _checked(name)
        async with self._changing:
            project = await self._database.read(lambda db: rows.by_name(db, name))
            if project is None:
                return await self._make(name, deployment)
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

    async def list(self) -> list[Project]:
        """Newest first."""
        return await self._database.read(rows.every)

    async def delete(self, project: ProjectId) -> None:
        """End its turns, remove its containers, networks, volumes, images, its directory, and its record last.

        So a delete that fails half-way can be sent again. Raises NotFound, Unavailable with what stayed.
        """
        async with self._changing:
            await self.get(project)
            await self._sessions.delete_all(project)
            await reap(self._workbench, project)
            await self._workbench.remove_project(project)
            await self._database.write(lambda db: rows.delete(db, project))

    async def _make(self, name: str, deployment: Deployment | None) -> Project:
        """The directory first: a crash before the record leaves a directory that the next try takes over."""
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
        while rows.by_id(db, found) is not None:
            found = with_suffix(base, secrets.token_hex(2))
        return found

    return look
