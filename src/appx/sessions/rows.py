"""The sessions in the database: rows, records, drafts, as SQL."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from appx.domain.events import Event, ModelReplied, Record, TurnEnded
from appx.domain.ids import ProjectId, Seq, SessionId, TurnId
from appx.domain.messages import Block, ModelRef
from appx.sessions.codec import decode_draft, decode_event, encode_draft, encode_event
from appx.sessions.row import SessionRow


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


def records(db: sqlite3.Connection, session: SessionId) -> list[Record]:
    found = db.execute("SELECT seq, at, event FROM records WHERE session_id = ? ORDER BY seq", (session,))
    return [
        Record(seq=Seq(each["seq"]), at=datetime.fromisoformat(each["at"]), event=decode_event(each["event"]))
        for each in found
    ]


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


def ends_draft(event: Event) -> bool:
    return isinstance(event, ModelReplied | TurnEnded)


def save_draft(db: sqlite3.Connection, session: SessionId, model: ModelRef, blocks: tuple[Block, ...]) -> None:
    db.execute(
        "INSERT INTO drafts (session_id, draft) VALUES (?, ?) ON CONFLICT DO UPDATE SET draft = excluded.draft",
        (session, encode_draft(model, blocks)),
    )


def draft(db: sqlite3.Connection, session: SessionId) -> tuple[ModelRef, tuple[Block, ...]] | None:
    found = db.execute("SELECT draft FROM drafts WHERE session_id = ?", (session,)).fetchone()
    return decode_draft(found["draft"]) if found else None


def _row(found: sqlite3.Row) -> SessionRow:
    return SessionRow(
        id=SessionId(found["id"]),
        project=ProjectId(found["project_id"]),
        created_at=datetime.fromisoformat(found["created_at"]),
        first_message=found["first_message"],
        message_count=found["message_count"],
        turn=TurnId(found["turn"]) if found["turn"] else None,
    )
