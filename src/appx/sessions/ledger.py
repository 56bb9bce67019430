"""What replies took, by day, project, session and model, as SQL. It outlives sessions: the money was spent.

What the apps of a project took is booked to it as to a session of the name ``app``.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Literal, TypeAlias

from appx.domain.events import Compacted, CompactionFailed, Event, ModelReplied, Record
from appx.domain.ids import ProjectId, SessionId
from appx.domain.limits import Spent
from appx.domain.messages import ModelRef, Usage
from appx.kit import clock
from appx.sessions.row import SessionRow

By: TypeAlias = Literal["day", "project", "session", "model"]

KEYS: dict[By, tuple[str, ...]] = {
    "day": ("day",),
    "project": ("project_id",),
    "session": ("project_id", "session_id"),
    "model": ("provider", "model"),
}
SUMS = ", ".join(
    f"coalesce(sum({name}), 0) AS {name}"
    for name in ("input", "output", "cache_read", "cache_write", "cost", "replies")
)


APPS = SessionId("app")
"""In place of a session: what the apps of a project took. The ids of sessions are longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which part of the ledger: days of UTC, first and last included; one project, one session."""

    first: date = date.min
    last: date = date.max
    project: ProjectId | None = None
    session: SessionId | None = None


def today() -> Part:
    return Part(first=clock.now().date(), last=clock.now().date())


def paid(event: Event) -> tuple[ModelRef, Usage] | None:
    """Who was asked and what that took, when ``event`` is the end of a question to a model."""
    match event:
        case ModelReplied(reply=reply):
            return reply.model, reply.usage
        case (
            Compacted(model=ModelRef() as model, usage=usage) | CompactionFailed(model=ModelRef() as model, usage=usage)
        ):
            return model, usage
        case _:
            return None


def add(db: sqlite3.Connection, row: SessionRow, new: Iterable[Record]) -> None:
    """Book what ``new`` records of a session took: in the transaction that adds them, so neither never nor twice."""
    for record in new:
        found = paid(record.event)
        if found is not None and found[1] != Usage():
            model, usage = found
            book(db, record.at.astimezone(UTC).date(), (row.project, row.id), (model.provider, model.id), usage)


def book(
    db: sqlite3.Connection, day: date, of: tuple[ProjectId, SessionId], model: tuple[str, str], usage: Usage
) -> None:
    """One reply: what it took, of which project and session, by which provider's model."""
    db.execute(
        "INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET "
        "input = input + excluded.input, output = output + excluded.output, "
        "cache_read = cache_read + excluded.cache_read, cache_write = cache_write + excluded.cache_write, "
        "cost = cost + excluded.cost, replies = replies + 1",
        (
            day.isoformat(), *of, *model,
            usage.input, usage.output, usage.cache_read, usage.cache_write, usage.cost.total,
        ),
    )  # fmt: skip


def spent(db: sqlite3.Connection, part: Part) -> Spent:
    where, values = _where(part)
    return _spent(db.execute(f"SELECT {SUMS} FROM usage WHERE {where}", values).fetchone())  # noqa: S608


def groups(db: sqlite3.Connection, part: Part, by: By, limit: int) -> list[tuple[dict[str, str], Spent]]:
    """At most ``limit`` groups, with what tells them apart: the newest days, or what cost most."""
    where, values = _where(part)
    keys = ", ".join(KEYS[by])
    order = "day DESC" if by == "day" else f"sum(cost) DESC, sum(input + output) DESC, {keys}"
    found = db.execute(
        f"SELECT {keys}, {SUMS} FROM usage WHERE {where} GROUP BY {keys} ORDER BY {order} LIMIT ?",  # noqa: S608
        (*values, limit),
    )
    return [({key: row[key] for key in KEYS[by]}, _spent(row)) for row in found]


def _where(part: Part) -> tuple[str, Sequence[str]]:
    """The fixed words that an index serves, and their values."""
    wanted = {
        "day >= ?": part.first.isoformat(),
        "day <= ?": part.last.isoformat(),
        "project_id = ?": part.project,
        "session_id = ?": part.session,
    }
    given = {words: value for words, value in wanted.items() if value is not None}
    return " AND ".join(given), tuple(given.values())


def _spent(row: sqlite3.Row) -> Spent:
    return Spent(
        input=row["input"],
        output=row["output"],
        cache_read=row["cache_read"],
        cache_write=row["cache_write"],
        cost=row["cost"],
        replies=row["replies"],
    )
