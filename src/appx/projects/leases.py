"""The published ports that are leased to projects. They go with the project."""

import json
import sqlite3
from collections.abc import Mapping
from itertools import groupby

import anyio

from appx.domain.deployment import DEPLOYMENT_FILE, Deployment, as_json
from appx.domain.errors import NotFound
from appx.domain.ids import ProjectId
from appx.domain.leases import Environment, chosen, deployed, explained, lowest_free, named, without_port
from appx.projects import rows
from appx.projects.egress import EgressPolicies
from appx.store.database import Database
from appx.workbench.bench import Workbench

HOLDERS = 20
"""Projects that are named as those who have the ports."""


class Leases:
    """Gives environments their ports when they first need one."""

    def __init__(self, *, database: Database, workbench: Workbench, egress: EgressPolicies) -> None:
        self._database = database
        self._workbench = workbench
        self._egress = egress
        self._changing: dict[ProjectId, anyio.Lock] = {}
        """Of each project: its workbench is asked meanwhile, and others do not wait for that."""
        self._told: dict[ProjectId, dict[Environment, str]] = {}
        """What stands in the file of a project, by this server, of environments without a port."""

    async def lease(self, project: ProjectId, environment: Environment) -> int | None:
        """The port of an environment, from now on; None when others have all. Raises NotFound, Unavailable.

        One that is not published any more is replaced.
        """
        async with self._changing.setdefault(project, anyio.Lock()):
            had = await self._database.read(lambda db: of(db, project))
            if had.get(environment) in self._egress.published:
                return had[environment]
            port = await self._database.write(lambda db: _add(db, project, environment, self._egress.published))
            found = await self._database.read(lambda db: rows.by_id(db, project))
            if found is None:
                raise NotFound("project not found")
            told = {each: why for each, why in self._told.get(project, {}).items() if each not in had}
            told.pop(environment, None)
            if port is None:
                told[environment] = without_port(self._egress.published, found.deployment, environment)
            if port is not None:
                await self._egress.changed()
            if port is not None or told != self._told.get(project):
                leased = had if port is None else {**had, environment: port}
                await write_deployment(self._workbench, project, explained(deployed(found.deployment, leased), told))
                self._told[project] = told
            return port

    async def reason(self, project: ProjectId, environment: Environment) -> str:
        """Why an environment has no port, as ``without_port`` says it. Names no other project."""
        found = await self._database.read(lambda db: rows.by_id(db, project))
        return without_port(self._egress.published, None if found is None else found.deployment, environment)


async def used_up(database: Database, published: range) -> tuple[str, ...]:
    """A sentence, when no environment can get a port any more."""
    if len(await database.read(taken)) < len(published):
        return ()
    ports = f"All ports of {named(published)} are leased"
    return (f"{ports}: the next app runs, and nobody outside reaches it. Delete a project, or set APPX_APP_PORTS.",)


def holders(db: sqlite3.Connection) -> str:
    """Who has the ports, as a sentence for the operator: it names projects."""
    found = db.execute("SELECT project_id, environment, port FROM port_leases ORDER BY project_id, port").fetchall()
    by_project = [
        f"{project} ({', '.join(f'{environment} {port}' for _, environment, port in some)})"
        for project, some in groupby(found, key=lambda each: each["project_id"])
    ]
    more = f" and {len(by_project) - HOLDERS} more projects" if len(by_project) > HOLDERS else ""
    return f"Ports are leased to: {', '.join(by_project[:HOLDERS])}{more}." if by_project else "No port is leased."


async def write_deployment(workbench: Workbench, project: ProjectId, deployment: Deployment | None) -> None:
    """For the agent, which may read and not change it."""
    text = json.dumps(as_json(project, deployment), indent=2) + "\n"
    await workbench.write(project, DEPLOYMENT_FILE, text.encode())


# --- SQL --------------------------------------------------------------------------------------------------------------


def due(
    db: sqlite3.Connection, project: ProjectId, published: range, deployment: Deployment | None
) -> dict[Environment, int]:
    """What ``project`` is to get with this deployment, as things are now."""
    others = {each["port"] for each in db.execute("SELECT port FROM port_leases WHERE project_id != ?", (project,))}
    return chosen(published, others, deployment, of(db, project))


def taken(db: sqlite3.Connection) -> set[int]:
    return {each["port"] for each in db.execute("SELECT port FROM port_leases")}


def put(db: sqlite3.Connection, project: ProjectId, leases: Mapping[Environment, int]) -> None:
    """In the place of those that it had."""
    db.execute("DELETE FROM port_leases WHERE project_id = ?", (project,))
    rows = [(port, project, environment) for environment, port in leases.items()]
    db.executemany("INSERT INTO port_leases (port, project_id, environment) VALUES (?, ?, ?)", rows)


def of(db: sqlite3.Connection, project: ProjectId) -> dict[Environment, int]:
    found = db.execute(
        "SELECT environment, port FROM port_leases WHERE project_id = ? ORDER BY environment", (project,)
    )
    return {each["environment"]: each["port"] for each in found}


def _add(db: sqlite3.Connection, project: ProjectId, environment: Environment, published: range) -> int | None:
    """The port that the project's deployment names, else the lowest that is free."""
    found = rows.by_id(db, project)
    if found is None:
        raise NotFound("project not found")
    port = lowest_free(published, taken(db), found.deployment, environment)
    if port is not None:
        put(db, project, {**of(db, project), environment: port})
    return port
