"""Releases, apps, rollouts and variables in the database, as SQL. All go with their project."""

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime

from appx.domain.apps import App, Release, Rollout, Service, Variable
from appx.domain.errors import NotFound
from appx.domain.ids import ProjectId
from appx.domain.leases import Environment

KEPT_ROLLOUTS = 100
"""Of each project; older ones are forgotten."""


# --- releases ---------------------------------------------------------------------------------------------------------


def next_release(db: sqlite3.Connection, project: ProjectId) -> int:
    """Never one that was there before: a rollout remembers it."""
    found = db.execute(
        "SELECT max(coalesce((SELECT max(number) FROM releases WHERE project_id = ?1), 0), "
        "coalesce((SELECT max(release) FROM rollouts WHERE project_id = ?1), 0)) + 1",
        (project,),
    )
    return int(found.fetchone()[0])


def put_release(db: sqlite3.Connection, release: Release) -> None:
    """Unless it is there: it never changes."""
    db.execute(
        "INSERT INTO releases (project_id, number, at, image, checkpoint, size, port, volumes, services, compose) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            release.project,
            release.number,
            release.at.isoformat(),
            release.image,
            release.checkpoint,
            release.size,
            release.port,
            json.dumps(release.volumes),
            json.dumps([[each.name, each.lasting] for each in release.services]),
            release.compose,
        ),
    )


def release(db: sqlite3.Connection, project: ProjectId, number: int) -> Release | None:
    found = db.execute("SELECT * FROM releases WHERE project_id = ? AND number = ?", (project, number)).fetchone()
    return None if found is None else _release(found)


def releases(db: sqlite3.Connection, project: ProjectId) -> list[Release]:
    """Newest first."""
    found = db.execute("SELECT * FROM releases WHERE project_id = ? ORDER BY number DESC", (project,))
    return [_release(each) for each in found]


def forget_releases(db: sqlite3.Connection, project: ProjectId, numbers: Iterable[int]) -> None:
    rows = [(project, number) for number in numbers]
    db.executemany("DELETE FROM releases WHERE project_id = ? AND number = ?", rows)


# --- apps -------------------------------------------------------------------------------------------------------------


def put_app(db: sqlite3.Connection, app: App) -> None:
    db.execute(
        "INSERT INTO apps (project_id, environment, release, wanted, health) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (project_id, environment) DO UPDATE SET "
        "release = excluded.release, wanted = excluded.wanted, health = excluded.health",
        (app.project, app.environment, app.release, app.wanted, app.health),
    )


def app(db: sqlite3.Connection, project: ProjectId, environment: Environment) -> App | None:
    found = db.execute("SELECT * FROM apps WHERE project_id = ? AND environment = ?", (project, environment)).fetchone()
    return None if found is None else _app(found)


def apps(db: sqlite3.Connection, project: ProjectId) -> list[App]:
    found = db.execute("SELECT * FROM apps WHERE project_id = ? ORDER BY environment", (project,))
    return [_app(each) for each in found]


def projects_with_apps(db: sqlite3.Connection) -> list[ProjectId]:
    """Of those that are not being deleted."""
    found = db.execute("SELECT DISTINCT project_id FROM apps JOIN projects p ON p.id = project_id WHERE NOT p.deleting")
    return [ProjectId(each["project_id"]) for each in found]


def projects_with_releases(db: sqlite3.Connection) -> list[ProjectId]:
    """Of those that are not being deleted."""
    found = db.execute(
        "SELECT DISTINCT project_id FROM releases JOIN projects p ON p.id = project_id WHERE NOT p.deleting"
    )
    return [ProjectId(each["project_id"]) for each in found]


# --- rollouts ---------------------------------------------------------------------------------------------------------


def begin_rollout(db: sqlite3.Connection, rollout: Rollout) -> Rollout:
    """With the next number of the project; the oldest are forgotten. Raises NotFound when it is being deleted."""
    if db.execute("SELECT 1 FROM projects WHERE id = ? AND NOT deleting", (rollout.project,)).fetchone() is None:
        raise NotFound("project not found")
    found = db.execute("SELECT coalesce(max(number), 0) + 1 FROM rollouts WHERE project_id = ?", (rollout.project,))
    number = int(found.fetchone()[0])
    db.execute(
        "INSERT INTO rollouts (project_id, number, environment, kind, status, started_at, release) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            rollout.project,
            number,
            rollout.environment,
            rollout.kind,
            rollout.status,
            rollout.started_at.isoformat(),
            rollout.release,
        ),
    )
    db.execute("DELETE FROM rollouts WHERE project_id = ? AND number <= ?", (rollout.project, number - KEPT_ROLLOUTS))
    return _rollout(_row_of_rollout(db, rollout.project, number))


def end_rollout(db: sqlite3.Connection, ended: Rollout) -> None:
    db.execute(
        "UPDATE rollouts SET status = ?, ended_at = ?, release = ?, reason = ?, tail = ?, steps = ? "
        "WHERE project_id = ? AND number = ?",
        (
            ended.status,
            None if ended.ended_at is None else ended.ended_at.isoformat(),
            ended.release,
            ended.reason,
            ended.tail,
            json.dumps(ended.steps, ensure_ascii=False),
            ended.project,
            ended.number,
        ),
    )


def interrupt_rollouts(db: sqlite3.Connection, at: datetime, reason: str) -> None:
    """Those that the last server was at when it ended."""
    db.execute(
        "UPDATE rollouts SET status = 'interrupted', ended_at = ?, reason = ? WHERE status = 'running'",
        (at.isoformat(), reason),
    )


def rollout(db: sqlite3.Connection, project: ProjectId, number: int) -> Rollout | None:
    found = _row_of_rollout(db, project, number)
    return None if found is None else _rollout(found)


def rollouts(db: sqlite3.Connection, project: ProjectId, limit: int) -> list[Rollout]:
    """Newest first."""
    found = db.execute("SELECT * FROM rollouts WHERE project_id = ? ORDER BY number DESC LIMIT ?", (project, limit))
    return [_rollout(each) for each in found]


def rollouts_in_short(db: sqlite3.Connection, project: ProjectId, limit: int) -> list[Rollout]:
    """As ``rollouts``, without ``tail`` and ``steps``: it is looked for them once a second, for each reader."""
    found = db.execute(
        "SELECT project_id, number, environment, kind, status, started_at, ended_at, release, reason, "
        "'' AS tail, '[]' AS steps FROM rollouts WHERE project_id = ? ORDER BY number DESC LIMIT ?",
        (project, limit),
    )
    return [_rollout(each) for each in found]


def release_before(db: sqlite3.Connection, app: App) -> int | None:
    """The one that this environment had before the present one, and that is still kept."""
    found = db.execute(
        "SELECT o.release FROM rollouts o JOIN releases r ON r.project_id = o.project_id AND r.number = o.release "
        "WHERE o.project_id = ? AND o.environment = ? AND o.status = 'done' AND o.release != ? "
        "ORDER BY o.number DESC LIMIT 1",
        (app.project, app.environment, app.release),
    ).fetchone()
    return None if found is None else int(found["release"])


# --- variables --------------------------------------------------------------------------------------------------------


def variables(db: sqlite3.Connection, project: ProjectId, environment: Environment) -> list[Variable]:
    found = db.execute(
        "SELECT name, value FROM app_variables WHERE project_id = ? AND environment = ? ORDER BY name",
        (project, environment),
    )
    return [Variable(name=each["name"], value=each["value"]) for each in found]


def put_variable(db: sqlite3.Connection, project: ProjectId, environment: Environment, variable: Variable) -> None:
    db.execute(
        "INSERT INTO app_variables (project_id, environment, name, value) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (project_id, environment, name) DO UPDATE SET value = excluded.value",
        (project, environment, variable.name, variable.value),
    )


def remove_variable(db: sqlite3.Connection, project: ProjectId, environment: Environment, name: str) -> bool:
    """Whether it was there."""
    found = db.execute(
        "DELETE FROM app_variables WHERE project_id = ? AND environment = ? AND name = ?", (project, environment, name)
    )
    return found.rowcount > 0


def _row_of_rollout(db: sqlite3.Connection, project: ProjectId, number: int) -> sqlite3.Row | None:
    found: sqlite3.Row | None = db.execute(
        "SELECT * FROM rollouts WHERE project_id = ? AND number = ?", (project, number)
    ).fetchone()
    return found


def _release(found: sqlite3.Row) -> Release:
    return Release(
        project=ProjectId(found["project_id"]),
        number=found["number"],
        at=datetime.fromisoformat(found["at"]),
        image=found["image"],
        checkpoint=found["checkpoint"],
        size=found["size"],
        port=found["port"],
        volumes=tuple(json.loads(found["volumes"])),
        services=tuple(Service(name=name, lasting=lasting) for name, lasting in json.loads(found["services"])),
        compose=found["compose"],
    )


def _app(found: sqlite3.Row) -> App:
    return App(
        project=ProjectId(found["project_id"]),
        environment=found["environment"],
        release=found["release"],
        wanted=found["wanted"],
        health=found["health"],
    )


def _rollout(found: sqlite3.Row | None) -> Rollout:
    assert found is not None
    ended = found["ended_at"]
    return Rollout(
        project=ProjectId(found["project_id"]),
        number=found["number"],
        environment=found["environment"],
        kind=found["kind"],
        status=found["status"],
        started_at=datetime.fromisoformat(found["started_at"]),
        ended_at=None if ended is None else datetime.fromisoformat(ended),
        release=found["release"],
        reason=found["reason"],
        tail=found["tail"],
        steps=tuple(json.loads(found["steps"])),
    )
