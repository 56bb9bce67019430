"""The audit log in the database."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NOBODY = "nobody"
"""Who showed something wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What somebody is about to do, or was refused. ``at``: ISO time. ``status``: of the answer, once it is known."""

    at: str
    who: str
    address: str
    action: str
    path: str = ""
    project: str | None = None
    session: str | None = None
    status: int | None = None
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A deed with its number."""

    id: int
    deed: Deed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the deed of an entry ended. ``project`` and ``session``: what it made, if it made one."""

    entry: int
    status: int
    project: str | None = None
    session: str | None = None


def add(db: sqlite3.Connection, deeds: Iterable[Deed]) -> list[int]:
    """Answers the numbers of the entries."""
    return [_add(db, deed) for deed in deeds]


def _add(db: sqlite3.Connection, deed: Deed) -> int:
    found = db.execute(
        "INSERT INTO audit (at, who, address, action, path, project_id, session_id, status, count) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            deed.at,
            deed.who,
            deed.address,
            deed.action,
            deed.path,
            deed.project,
            deed.session,
            deed.status,
            deed.count,
        ),
    )
    number: int = found.fetchone()[0]
    return number


def end(db: sqlite3.Connection, outcomes: Iterable[Outcome]) -> None:
    db.executemany(
        "UPDATE audit SET status = ?, project_id = coalesce(project_id, ?), session_id = coalesce(session_id, ?) "
        "WHERE id = ? AND status IS NULL",
        [(each.status, each.project, each.session, each.entry) for each in outcomes],
    )


def count(db: sqlite3.Connection, deed: Deed) -> None:
    """Add what was refused to the entry of its minute and address; make that when there is none."""
    done = db.execute(
        "UPDATE audit SET count = count + ? WHERE id = ("
        "SELECT max(id) FROM audit WHERE who = 'nobody' AND at = ? AND address = ? AND action = ? AND status = ?)",
        (deed.count, deed.at, deed.address, deed.action, deed.status),
    )
    if not done.rowcount:
        _add(db, deed)


def page(db: sqlite3.Connection, *, limit: int, before: int | None, action: str | None) -> Sequence[Entry]:
    """The newest first. ``action``: its words, or the first of them."""
    found = db.execute(
        "SELECT * FROM audit WHERE id < coalesce(?, 9223372036854775807) "
        "AND (? IS NULL OR action = ? OR substr(action, 1, length(?) + 1) = ? || ' ') ORDER BY id DESC LIMIT ?",
        (before, action, action, action, action, limit),
    )
    return [_entry(row) for row in found]


def prune(db: sqlite3.Connection, *, before: str, refused: int) -> None:
    """Forget what is older than ``before``, and of what was refused all but the newest ``refused`` entries."""
    db.execute("DELETE FROM audit WHERE at < ?", (before,))
    db.execute(
        "DELETE FROM audit WHERE who = 'nobody' AND id <= ("
        "SELECT id FROM audit WHERE who = 'nobody' ORDER BY id DESC LIMIT 1 OFFSET ?)",
        (refused,),
    )


def _entry(row: sqlite3.Row) -> Entry:
    deed = Deed(
        at=row["at"],
        who=row["who"],
        address=row["address"],
        action=row["action"],
        path=row["path"],
        project=row["project_id"],
        session=row["session_id"],
        status=row["status"],
        count=row["count"],
    )
    return Entry(id=row["id"], deed=deed)
