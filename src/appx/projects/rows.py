"""The projects in the database, as SQL."""

import json
import sqlite3
from dataclasses import asdict, dataclass
from datetime import datetime

from appx.domain.deployment import Deployment, Target
from appx.domain.ids import ProjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """``directory`` is absolute, on the workbench."""

    id: ProjectId
    name: str
    created_at: datetime
    directory: str
    deployment: Deployment | None


def insert(db: sqlite3.Connection, project: Project) -> None:
    db.execute(
        "INSERT INTO projects (id, name, created_at, directory, deployment) VALUES (?, ?, ?, ?, ?)",
        (project.id, project.name, project.created_at.isoformat(), project.directory, _encode(project.deployment)),
    )


def set_deployment(db: sqlite3.Connection, project: ProjectId, deployment: Deployment) -> None:
    db.execute("UPDATE projects SET deployment = ? WHERE id = ?", (_encode(deployment), project))


def by_id(db: sqlite3.Connection, project: ProjectId) -> Project | None:
    return _project(db.execute("SELECT * FROM projects WHERE id = ?", (project,)).fetchone())


def by_name(db: sqlite3.Connection, name: str) -> Project | None:
    return _project(db.execute("SELECT * FROM projects WHERE name = ?", (name,)).fetchone())


def every(db: sqlite3.Connection) -> list[Project]:
    """Newest first."""
    found = db.execute("SELECT * FROM projects ORDER BY created_at DESC, rowid DESC")
    return [project for project in map(_project, found) if project is not None]


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
    )
