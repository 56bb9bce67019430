"""The log of a session that goes another way from a point of an older one: a pure function."""

from collections.abc import Sequence

from appx.domain.errors import Invalid
from appx.domain.events import Record
from appx.domain.ids import Seq
from appx.sessions.closing import closing, open_turn
from appx.sessions.session import last_model

DETAIL = "The conversation was forked here."


def forked(records: Sequence[Record], seq: Seq) -> list[Record]:
    """The records up to number ``seq``, and an end for the turn that ran there."""
    if not 1 <= seq <= len(records):
        raise Invalid(f"The session has records 1 to {len(records)}, none of number {seq}.")
    kept, at = list(records[:seq]), records[seq - 1].at
    events = [record.event for record in kept]
    turn = open_turn(events)
    if turn is not None:
        for event in closing(events, turn=turn, outcome="stopped", detail=DETAIL, model=last_model(events)):
            kept.append(Record(seq=Seq(len(kept) + 1), at=at, event=event))
    return kept
