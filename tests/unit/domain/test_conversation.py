"""The conversation that a model is sent is well formed, wherever the log ends."""

from hypothesis import given
from hypothesis import strategies as st

from appx.domain.conversation import conversation
from appx.domain.events import Event, ModelReplied, TurnStarted
from appx.domain.ids import TurnId
from appx.domain.messages import Reply, Text, ToolMessage, UserMessage
from tests.fakes.logs import REF, logs


@given(logs(), st.data())
def test_every_call_is_answered_once_and_right_after_its_reply_wherever_the_log_is_cut(
    events: list[Event], data: st.DataObject
) -> None:
    sent = conversation(events[: data.draw(st.integers(0, len(events)))])

    place = 0
    while place < len(sent):
        message = sent[place]
        assert not isinstance(message, ToolMessage), "an answer without a call"
        place += 1
        if isinstance(message, Reply):
            for call in message.calls:
                answer = sent[place]
                assert isinstance(answer, ToolMessage)
                assert answer.call_id == call.id
                place += 1


@given(logs())
def test_a_failed_attempt_is_not_sent_again(events: list[Event]) -> None:
    assert all(message.stop != "error" for message in conversation(events) if isinstance(message, Reply))


def test_the_text_of_a_stopped_reply_is_remembered() -> None:
    turn = TurnId("t")
    seen = Reply(model=REF, blocks=(Text(text="Half a sen"),), stop="aborted")
    unseen = Reply(model=REF, stop="aborted")

    sent = conversation(
        [
            TurnStarted(turn=turn, prompt=UserMessage(text="a")),
            ModelReplied(turn=turn, reply=seen),
            TurnStarted(turn=turn, prompt=UserMessage(text="b")),
            ModelReplied(turn=turn, reply=unseen),
        ]
    )

    assert sent == [UserMessage(text="a"), seen, UserMessage(text="b")]
