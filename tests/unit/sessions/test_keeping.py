"""Which turn's files are to be kept."""

import pytest

from appx.domain.events import (
    CheckpointFailed,
    CheckpointTaken,
    Event,
    Outcome,
    ToolFinished,
    TurnEnded,
    TurnStarted,
)
from appx.domain.ids import CallId, TurnId
from appx.domain.messages import ToolResult, UserMessage
from appx.sessions.keeping import unkept


def started(number: int) -> TurnStarted:
    return TurnStarted(turn=TurnId(f"t{number}"), prompt=UserMessage(text=f"prompt {number}"))


def turn(number: int, *, outcome: Outcome = "done", tools: int = 1) -> list[Event]:
    worked = [
        ToolFinished(turn=TurnId(f"t{number}"), call_id=CallId("c"), tool="bash", result=ToolResult(ok=True, text=""))
    ]
    return [started(number), *worked * tools, TurnEnded(turn=TurnId(f"t{number}"), outcome=outcome)]


TAKEN = CheckpointTaken(turn=TurnId("t1"), checkpoint="0" * 40)
FAILED = CheckpointFailed(turn=TurnId("t1"), error="no room")


@pytest.mark.parametrize(
    ("events", "kept"),
    [
        ([], None),
        (turn(1), 1),
        (turn(1, tools=0), None),
        ([*turn(1), TAKEN], None),
        ([*turn(1), FAILED], None),
        ([*turn(1), TAKEN, *turn(2)], 2),
        ([*turn(1), started(2)], 1),
        # The checkpoint of the first turn came when the second, a follow-up, had begun.
        ([*turn(1), turn(2)[0], TAKEN, *turn(2)[1:]], 2),
        ([*turn(1), *turn(2, tools=0)], None),
    ],
)
def test_it_is_the_last_turn_that_ran_a_tool_and_has_no_checkpoint(events: list[Event], kept: int | None) -> None:
    found = unkept(events, only_interrupted=False)
    assert (found.turn if found else None) == (f"t{kept}" if kept else None)


def test_when_a_session_is_opened_only_what_was_cut_off_is_kept() -> None:
    assert unkept(turn(1), only_interrupted=True) is None
    assert unkept(turn(1, outcome="interrupted"), only_interrupted=True) == started(1)
