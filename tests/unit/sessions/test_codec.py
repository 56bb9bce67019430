import pytest
from hypothesis import given

from appx.domain.events import Event, ModelReplied, ToolFinished, ToolStarted
from appx.domain.ids import CallId, TurnId
from appx.domain.messages import Cost, Reply, Text, Thinking, ToolCall, ToolResult, Usage
from appx.sessions.codec import decode_draft, decode_event, encode_draft, encode_event
from tests.fakes.logs import REF, logs


@given(logs())
def test_what_was_stored_comes_back_as_it_was(events: list[Event]) -> None:
    assert [decode_event(encode_event(event)) for event in events] == events


def test_a_draft_comes_back_as_it_was() -> None:
    blocks = (Thinking(text="hm", signature="s"), Text(text="naïve ☃"))
    assert decode_draft(encode_draft(REF, blocks)) == (REF, blocks)


def nested(levels: int) -> dict[str, object]:
    value: dict[str, object] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


TURN = TurnId("t")
ENDLESS = Usage(cost=Cost(input=float("inf")))
HALF = ToolResult(ok=True, text="half of a pair: \ud800")


@pytest.mark.parametrize(
    "event",
    [
        *(
            ToolStarted(turn=TURN, call=ToolCall(id=CallId("c"), name="bash", arguments=nested(levels)))
            for levels in (200, 225, 251, 300)
        ),
        ToolStarted(turn=TURN, call=ToolCall(id=CallId("c"), name="bash", arguments={"a": 10**5_000})),
        ModelReplied(turn=TURN, reply=Reply(model=REF, usage=ENDLESS)),
        ToolFinished(turn=TURN, call_id=CallId("c"), tool="bash", result=HALF),
    ],
    ids=["200", "225", "251", "300", "digits", "infinite", "half"],
)
def test_what_could_not_be_read_again_is_not_written(event: Event) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  pydantic's own
        encode_event(event)
