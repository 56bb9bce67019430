"""The log of a session that goes another way from a point of an older one: a pure function."""

from collections.abc import Sequence

from appx.domain.errors import Invalid
from appx.domain.events import Event, QueueCleared, Record
from appx.domain.ids import Seq
from appx.sessions.closing import closing, open_turn
from appx.sessions.queue import Queue, waiting
from appx.sessions.session import last_model

DETAIL = "The conversation was forked here."


def forked(records: Sequence[Record], seq: Seq) -> list[Record]:
    """The records up to number ``seq``, an end for the turn that ran there, and for what waited."""
    if not 1 <= seq <= len(records):
        raise Invalid(f"The session has records 1 to {len(records)}, none of number {seq}.")
    kept, at = list(records[:seq]), records[seq - 1].at
    events = [record.event for record in kept]
    turn = open_turn(events)
    ends: list[Event] = []
    if turn is not None:
        ends += closing(events, turn=turn, outcome="stopped", detail=DETAIL, model=last_model(events))
    if waiting(events) != Queue():
        ends.append(QueueCleared())
    return kept + [Record(seq=Seq(number), at=at, event=event) for number, event in enumerate(ends, start=seq + 1)]
