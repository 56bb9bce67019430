"""What is allowed and what is reserved, as SQL."""

import json
import sqlite3
from datetime import date

from appx.domain.ids import ProjectId
from appx.domain.messages import ModelRef, Usage
from appx.gateway.bound import Bound, whole
from appx.gateway.budget import Taken
from appx.gateway.grant import Budget, Grant
from appx.sessions import ledger

FIND = (
    "SELECT p.id AS project_id, coalesce(a.enabled, 0) AS enabled, a.models, a.day_cost, a.day_tokens, a.token "
    "FROM projects p LEFT JOIN model_access a ON a.project_id = p.id WHERE NOT p.deleting AND "
)


def by_project(db: sqlite3.Connection, project: ProjectId) -> Grant | None:
    """None when there is no such project; without a word of a person, nothing is allowed."""
    return _grant(db.execute(f"{FIND} p.id = ?", (project,)).fetchone())


def by_account(db: sqlite3.Connection, account: int) -> Grant | None:
    return _grant(db.execute(f"{FIND} p.account = ?", (account,)).fetchone())


def by_token(db: sqlite3.Connection, digest: str) -> Grant | None:
    return _grant(db.execute(f"{FIND} a.token = ?", (digest,)).fetchone())


def put(db: sqlite3.Connection, grant: Grant) -> bool:
    """The token stays as it is. False when the project is gone."""
    done = db.execute(
        "INSERT INTO model_access (project_id, enabled, models, day_cost, day_tokens) "
        "SELECT id, ?, ?, ?, ? FROM projects WHERE id = ? AND NOT deleting "
        "ON CONFLICT DO UPDATE SET enabled = excluded.enabled, models = excluded.models, "
        "day_cost = excluded.day_cost, day_tokens = excluded.day_tokens",
        (
            int(grant.enabled),
            None if grant.models is None else json.dumps(grant.models),
            grant.budget.day_cost,
            grant.budget.day_tokens,
            grant.project,
        ),
    )
    return done.rowcount == 1


def put_token(db: sqlite3.Connection, project: ProjectId, digest: str) -> bool:
    """In place of the one that there was. False when the project is gone."""
    done = db.execute(
        "INSERT INTO model_access (project_id, token) SELECT id, ? FROM projects WHERE id = ? AND NOT deleting "
        "ON CONFLICT DO UPDATE SET token = excluded.token",
        (digest, project),
    )
    return done.rowcount == 1


def reserved(db: sqlite3.Connection, day: date, project: ProjectId | None = None) -> Taken:
    """Of one project, or of all."""
    found = db.execute(
        "SELECT coalesce(sum(cost), 0.0) AS cost, coalesce(sum(input + output), 0) AS tokens FROM reservations "
        "WHERE day = ?1 AND (?2 IS NULL OR project_id = ?2)",
        (day.isoformat(), project),
    ).fetchone()
    return Taken(cost=found["cost"], tokens=found["tokens"])


def reserve(db: sqlite3.Connection, day: date, project: ProjectId, model: ModelRef, bound: Bound) -> int:
    """The number of the reservation."""
    done = db.execute(
        "INSERT INTO reservations (day, project_id, provider, model, input, output, cost) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (day.isoformat(), project, model.provider, model.id, bound.input, bound.output, bound.cost),
    )
    assert done.lastrowid is not None
    return done.lastrowid


def settle(db: sqlite3.Connection, number: int, usage: Usage) -> None:
    """In place of the reservation, what was taken, on the day of the reservation. A second time it does nothing."""
    found = db.execute("DELETE FROM reservations WHERE id = ? RETURNING *", (number,)).fetchone()
    if found is not None and usage != Usage():
        _book(db, found, usage)


def settle_left(db: sqlite3.Connection) -> int:
    """Of requests that a crash cut off nobody knows what they took: what they might have is booked. How many."""
    left = db.execute("DELETE FROM reservations RETURNING *").fetchall()
    for each in left:
        _book(db, each, whole(Bound(input=each["input"], output=each["output"], cost=each["cost"])))
    return len(left)


def _book(db: sqlite3.Connection, found: sqlite3.Row, usage: Usage) -> None:
    of = (ProjectId(found["project_id"]), ledger.APPS)
    ledger.book(db, date.fromisoformat(found["day"]), of, (found["provider"], found["model"]), usage)


def _grant(found: sqlite3.Row | None) -> Grant | None:
    if found is None:
        return None
    return Grant(
        project=ProjectId(found["project_id"]),
        enabled=bool(found["enabled"]),
        models=None if found["models"] is None else tuple(json.loads(found["models"])),
        budget=Budget(day_cost=found["day_cost"], day_tokens=found["day_tokens"]),
        has_token=found["token"] is not None,
    )
