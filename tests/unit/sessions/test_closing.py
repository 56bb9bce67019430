"""Wherever a turn is cut off, what is said at its end makes the log whole."""

from hypothesis import given
from hypothesis import strategies as st

from appx.domain.conversation import messages
from appx.domain.events import Event, Outcome, ToolFinished, TurnEnded
from appx.domain.messages import Reply, Text, ToolMessage
from appx.sessions.closing import closing, open_turn
from tests.fakes.logs import REF, logs

OUTCOMES: list[Outcome] = ["stopped", "failed", "interrupted", "limit"]


@given(logs(), st.sampled_from(OUTCOMES), st.data())
def test_a_cut_turn_gets_an_end_a_reply_and_a_result_for_each_call(
    events: list[Event], outcome: Outcome, data: st.DataObject
) -> None:
    cut = events[: data.draw(st.integers(1, len(events)))]
    turn = open_turn(cut)
    if turn is None:
        return

    end = closing(cut, turn=turn, outcome=outcome, detail="cut", model=REF, seen=(Text(text="seen"),))

    assert end[-1] == TurnEnded(turn=turn, outcome=outcome, detail="cut")
    assert open_turn([*cut, *end]) is None
    said = messages([*cut, *end])
    asked = [call.id for each in said if isinstance(each, Reply) for call in each.calls]
    answered = [each.call_id for each in said if isinstance(each, ToolMessage)]
    assert sorted(asked) == sorted(answered)
    assert isinstance(said[-1], Reply | ToolMessage), "the last word is never the person's"


@given(logs())
def test_a_call_that_has_a_result_gets_no_second_one(events: list[Event]) -> None:
    cut = events[:-1]
    turn = open_turn(cut)
    assert turn is not None

    end = closing(cut, turn=turn, outcome="stopped", detail="", model=REF)

    assert not any(isinstance(event, ToolFinished) for event in end)
