"""The row of a session in a list: a fold over its events, kept in the database beside them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from appx.domain.events import (
    CompactionStarted,
    Event,
    ModelReplied,
    PromptDelivered,
    ToolFinished,
    TurnEnded,
    TurnStarted,
)
from appx.domain.ids import ProjectId, SessionId, TurnId


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """``turn`` is the running one, None while the session rests."""

    id: SessionId
    project: ProjectId
    created_at: datetime
    first_message: str = ""
    message_count: int = 0
    turn: TurnId | None = None


def after(row: SessionRow, events: Iterable[Event]) -> SessionRow:
    """The row when ``events`` have been added."""
    for event in events:
        match event:
            case TurnStarted(turn=turn, prompt=prompt):
                first = row.first_message if row.message_count else prompt.text
                row = replace(row, turn=turn, first_message=first, message_count=row.message_count + 1)
            case PromptDelivered() | ModelReplied() | ToolFinished():
                row = replace(row, message_count=row.message_count + 1)
            case CompactionStarted(turn=turn, reason="manual"):
                row = replace(row, turn=turn)
            case TurnEnded():
                row = replace(row, turn=None)
            case _:
                pass
    return row
