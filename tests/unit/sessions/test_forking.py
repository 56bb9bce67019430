"""A fork is a log like any other, wherever it was cut."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.conversation import conversation
from appx.domain.errors import Invalid
from appx.domain.events import Event, PromptQueued, Record, TurnStarted
from appx.domain.ids import Seq, TurnId
from appx.domain.messages import Reply, ToolMessage, UserMessage
from appx.sessions.closing import open_turn
from appx.sessions.forking import forked
from appx.sessions.queue import Queue, waiting
from tests.fakes.logs import logs

AT = datetime(2026, 1, 1, tzinfo=UTC)


def records(events: list[Event]) -> list[Record]:
    return [Record(seq=Seq(number), at=AT, event=event) for number, event in enumerate(events, start=1)]


@given(logs(), st.data())
def test_a_fork_has_an_end_no_queue_and_a_well_formed_conversation(events: list[Event], data: st.DataObject) -> None:
    seq = data.draw(st.integers(1, len(events)))
    fork = forked(records(events), Seq(seq))
    assert fork[:seq] == records(events)[:seq]
    assert [record.seq for record in fork] == list(range(1, len(fork) + 1))
    told = [record.event for record in fork]
    assert open_turn(told) is None
    assert waiting(told) == Queue()
    sent = conversation(told)
    calls = [call.id for each in sent if isinstance(each, Reply) for call in each.calls]
    assert calls == [each.call_id for each in sent if isinstance(each, ToolMessage)]


def test_what_waited_does_not_come_along() -> None:
    late = PromptQueued(prompt=UserMessage(text="and this"))
    fork = forked(records([TurnStarted(turn=TurnId("t"), prompt=UserMessage(text="go")), late]), Seq(2))
    assert waiting(record.event for record in fork) == Queue()


@pytest.mark.parametrize("seq", [0, 2])
def test_there_is_no_fork_from_where_nothing_is(seq: int) -> None:
    started = TurnStarted(turn=TurnId("t"), prompt=UserMessage(text="go"))
    with pytest.raises(Invalid, match="records 1 to 1"):
        forked(records([started]), Seq(seq))
