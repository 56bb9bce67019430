"""The sessions in the database: rows, records, drafts, as SQL."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from datetime import datetime

from appx.domain.events import Event, ModelReplied, Record, TurnEnded
from appx.domain.ids import ProjectId, Seq, SessionId, TurnId
from appx.domain.messages import Block, ModelRef
from appx.sessions.codec import decode_draft, decode_event, encode_draft, encode_event
from appx.sessions.row import SessionRow

PART_BYTES = 1 << 20
"""Of a log that is read at once: the database has one reader, and others wait for it."""

BEGINNING = Seq(0)
"""Comes before every record."""

RECORDS = "SELECT seq, at, CAST(event AS BLOB) AS event FROM records WHERE session_id = ?"
"""As bytes: of a text that is no UTF-8, SQLite would say that the whole database does not work."""


def insert(db: sqlite3.Connection, row: SessionRow) -> bool:
    """False when its project is gone."""
    done = db.execute(
        "INSERT INTO sessions (id, project_id, created_at) SELECT ?, id, ? FROM projects WHERE id = ? AND NOT deleting",
        (row.id, row.created_at.isoformat(), row.project),
    )
    return done.rowcount == 1


def find(db: sqlite3.Connection, project: ProjectId, session: SessionId) -> SessionRow | None:
    found = db.execute("SELECT * FROM sessions WHERE id = ? AND project_id = ?", (session, project)).fetchone()
    return _row(found) if found else None


OF_PROJECT = "SELECT * FROM sessions WHERE project_id = ? AND id < ? ORDER BY id DESC LIMIT ?"
NEWEST = "~"
"""Comes after every id."""


def of_project(
    db: sqlite3.Connection, project: ProjectId, *, limit: int | None = None, before: str = NEWEST
) -> list[SessionRow]:
    """Newest first, since the ids sort by time: at most ``limit``, of those older than the session ``before``."""
    found = db.execute(OF_PROJECT, (project, before, -1 if limit is None else limit))
    return [_row(each) for each in found]


def running(db: sqlite3.Connection) -> list[SessionRow]:
    """The sessions whose turn has not ended; at the start of the server, those that a crash cut off."""
    return [_row(each) for each in db.execute("SELECT * FROM sessions WHERE turn IS NOT NULL")]


def delete(db: sqlite3.Connection, session: SessionId) -> None:
    db.execute("DELETE FROM sessions WHERE id = ?", (session,))


def delete_all(db: sqlite3.Connection, project: ProjectId) -> None:
    db.execute("DELETE FROM sessions WHERE project_id = ?", (project,))


def records(db: sqlite3.Connection, session: SessionId, *, after: Seq = BEGINNING) -> list[Record]:
    """The records that follow number ``after``: as many as ``PART_BYTES`` hold, none when there are no more.

    Raises ValueError, which names the record that cannot be read.
    """
    found: list[Record] = []
    size = 0
    with closing(db.execute(f"{RECORDS} AND seq > ? ORDER BY seq", (session, after))) as stored:
        for each in stored:
            found.append(_record(each))
            size += len(each["event"])
            if size >= PART_BYTES:
                break
    return found


def backwards(db: sqlite3.Connection, session: SessionId) -> Iterator[Record]:
    """The records, the newest first, each read when it is asked for. Raises ValueError."""
    with closing(db.execute(f"{RECORDS} ORDER BY seq DESC", (session,))) as stored:
        yield from map(_record, stored)


def append(db: sqlite3.Connection, row: SessionRow, new: Sequence[Record]) -> None:
    """Add records; ``row`` is the session's row with them. A draft that became a reply is dropped."""
    db.executemany(
        "INSERT INTO records (session_id, seq, at, event) VALUES (?, ?, ?, ?)",
        [(row.id, record.seq, record.at.isoformat(), encode_event(record.event)) for record in new],
    )
    db.execute(
        "UPDATE sessions SET first_message = ?, message_count = ?, turn = ? WHERE id = ?",
        (row.first_message, row.message_count, row.turn, row.id),
    )
    if any(ends_draft(record.event) for record in new):
        db.execute("DELETE FROM drafts WHERE session_id = ?", (row.id,))


def rest(db: sqlite3.Connection, session: SessionId) -> None:
    """Say that no turn of it runs."""
    db.execute("UPDATE sessions SET turn = NULL WHERE id = ?", (session,))


def ends_draft(event: Event) -> bool:
    return isinstance(event, ModelReplied | TurnEnded)


def save_draft(db: sqlite3.Connection, session: SessionId, model: ModelRef, blocks: tuple[Block, ...]) -> None:
    db.execute(
        "INSERT INTO drafts (session_id, draft) VALUES (?, ?) ON CONFLICT DO UPDATE SET draft = excluded.draft",
        (session, encode_draft(model, blocks)),
    )


def draft(db: sqlite3.Connection, session: SessionId) -> tuple[ModelRef, tuple[Block, ...]] | None:
    """None when there is none, or none that can be read."""
    found = db.execute("SELECT draft FROM drafts WHERE session_id = ?", (session,)).fetchone()
    with suppress(ValueError):
        return decode_draft(found["draft"]) if found else None
    return None


def _row(found: sqlite3.Row) -> SessionRow:
    return SessionRow(
        id=SessionId(found["id"]),
        project=ProjectId(found["project_id"]),
        created_at=datetime.fromisoformat(found["created_at"]),
        first_message=found["first_message"],
        message_count=found["message_count"],
        turn=TurnId(found["turn"]) if found["turn"] else None,
    )


def _record(stored: sqlite3.Row) -> Record:
    try:
        at, event = datetime.fromisoformat(stored["at"]), decode_event(stored["event"])
    except ValueError as error:
        raise ValueError(f"record {stored['seq']} cannot be read") from error
    return Record(seq=Seq(stored["seq"]), at=at, event=event)
