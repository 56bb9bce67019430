"""Ends the turn that the last server left open: of its session, only what that needs is read."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from appx.domain.events import Event, ModelReplied, Record
from appx.domain.ids import Seq
from appx.domain.messages import Block, ModelRef
from appx.kit import clock
from appx.sessions import rows
from appx.sessions.closing import begins, closing, open_turn
from appx.sessions.row import SessionRow, after
from appx.sessions.session import last_model

DETAIL = "The server ended before the turn did. Prompt again to go on."


def interrupted(events: Sequence[Event], seen: tuple[ModelRef, tuple[Block, ...]] | None) -> list[Event]:
    """What ends the open turn; nothing when there is none.

    ``events``: the log, at least from the beginning of that turn and from the last reply on.
    ``seen``: who was answering, and the part of the reply that people saw.
    """
    turn = open_turn(events)
    if turn is None:
        return []
    model, blocks = seen or (last_model(events), ())
    return closing(events, turn=turn, outcome="interrupted", detail=DETAIL, model=model, seen=blocks)


def end_turn(db: sqlite3.Connection, row: SessionRow) -> bool:
    """End the turn of a session that nobody drives; False when none runs any more. Raises ValueError, see ``rows``."""
    now = rows.find(db, row.project, row.id)
    if now is None or now.turn is None:
        return False
    records = _last(db, now)
    ends = interrupted([record.event for record in records], rows.draft(db, now.id))
    at, first = clock.now(), records[-1].seq + 1 if records else 1
    new = [Record(seq=Seq(number), at=at, event=event) for number, event in enumerate(ends, start=first)]
    rows.append(db, replace(after(now, ends), turn=None), new)
    return True


def _last(db: sqlite3.Connection, row: SessionRow) -> list[Record]:
    """The records from the beginning of the turn that runs and from the last reply on, which may be before it."""
    found: list[Record] = []
    begun = replied = False
    for record in rows.backwards(db, row.id):
        found.append(record)
        begun = begun or begins(record.event) == row.turn
        replied = replied or isinstance(record.event, ModelReplied)
        if begun and replied:
            break
    return found[::-1]
