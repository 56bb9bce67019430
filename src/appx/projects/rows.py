"""The projects in the database, as SQL."""

import json
import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime

from appx.domain.deployment import Deployment, Target
from appx.domain.ids import ProjectId

FILLING = 2
"""In the column ``deleting``: it is removed, too, unless this server is making it just now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """``directory`` is absolute, on the workbench. ``account``: the number of its own, if it has one."""

    id: ProjectId
    name: str
    created_at: datetime
    directory: str
    deployment: Deployment | None
    account: int | None = None


def insert(db: sqlite3.Connection, project: Project) -> None:
    """In the place of what ``reserve`` wrote for it, if that was called."""
    _insert(db, project, deleting=0)


def reserve(db: sqlite3.Connection, project: Project) -> None:
    """As one that is to be removed, until it is made: then a crash in between leaves nothing."""
    _insert(db, project, deleting=1)


def reserve_filling(db: sqlite3.Connection, project: Project) -> None:
    """As ``reserve``, while files come in: what it may reach is in force for that."""
    _insert(db, project, deleting=FILLING)


def _insert(db: sqlite3.Connection, project: Project, *, deleting: int) -> None:
    created, deployment = project.created_at.isoformat(), _encode(project.deployment)
    db.execute(
        "INSERT INTO projects (id, name, created_at, directory, deployment, account, deleting) "
        "VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET directory = excluded.directory, deleting = excluded.deleting",
        (project.id, project.name, created, project.directory, deployment, project.account, deleting),
    )


def accounts(db: sqlite3.Connection) -> dict[ProjectId, int | None]:
    """Of all, also of those that are to be removed."""
    return {ProjectId(each["id"]): each["account"] for each in db.execute("SELECT id, account FROM projects")}


def set_deployment(db: sqlite3.Connection, project: ProjectId, deployment: Deployment) -> None:
    db.execute("UPDATE projects SET deployment = ? WHERE id = ?", (_encode(deployment), project))


def by_id(db: sqlite3.Connection, project: ProjectId) -> Project | None:
    return _project(db.execute("SELECT * FROM projects WHERE id = ? AND NOT deleting", (project,)).fetchone())


def by_name(db: sqlite3.Connection, name: str) -> Project | None:
    return _project(db.execute("SELECT * FROM projects WHERE name = ? AND NOT deleting", (name,)).fetchone())


def every(db: sqlite3.Connection, *, limit: int | None = None, before: ProjectId | None = None) -> list[Project]:
    """Newest first: at most ``limit``, of those older than ``before``; none when there is no such project."""
    older = "" if before is None else "AND (created_at, rowid) < (SELECT created_at, rowid FROM projects WHERE id = ?1)"
    found = db.execute(
        f"SELECT * FROM projects WHERE NOT deleting {older} ORDER BY created_at DESC, rowid DESC LIMIT ?2",  # noqa: S608
        (before, -1 if limit is None else limit),
    )
    return [project for project in map(_project, found) if project is not None]


def taken(db: sqlite3.Connection, project: ProjectId) -> bool:
    """Whether there is one of this id, or what a deleted one left."""
    return db.execute("SELECT 1 FROM projects WHERE id = ?", (project,)).fetchone() is not None


def mark_deleted(db: sqlite3.Connection, project: ProjectId) -> None:
    """From here on it is gone for everybody; what it left is removed next."""
    db.execute("UPDATE projects SET deleting = 1 WHERE id = ?", (project,))


def deleting(db: sqlite3.Connection, name: str | None = None) -> list[ProjectId]:
    """The deleted ones that left something; only that of ``name`` when there is one given."""
    found = db.execute("SELECT id FROM projects WHERE deleting AND (?1 IS NULL OR name = ?1)", (name,))
    return [ProjectId(each["id"]) for each in found]


def delete(db: sqlite3.Connection, project: ProjectId) -> None:
    db.execute("DELETE FROM projects WHERE id = ?", (project,))


def _encode(deployment: Deployment | None) -> str | None:
    return None if deployment is None else json.dumps(asdict(deployment))


def _decode(text: str | None) -> Deployment | None:
    if text is None:
        return None
    targets = {name: Target(**target) for name, target in json.loads(text).items() if target is not None}
    return Deployment(**targets)


def _project(found: sqlite3.Row | None) -> Project | None:
    if found is None:
        return None
    return Project(
        id=ProjectId(found["id"]),
        name=found["name"],
        created_at=datetime.fromisoformat(found["created_at"]),
        directory=found["directory"],
        deployment=_decode(found["deployment"]),
        account=found["account"],
    )
