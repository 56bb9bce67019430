"""What readers are told: valid by the contract, in its order, and the same whenever they join."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from appx.domain.deltas import CallDelta, TextDelta
from appx.domain.events import Event, ModelReplied, Record, ToolFinished, ToolStarted, TurnEnded, TurnStarted
from appx.domain.ids import CallId, Seq, TurnId
from appx.domain.messages import Reply, Text, ToolCall, ToolResult, UserMessage
from appx.http.story import Story, messages
from appx.http.wire import Json
from appx.sessions.closing import closing, open_turn
from appx.sessions.draft import Draft
from tests.contract.schema import check, recorded_turn
from tests.fakes.logs import AT, REF, logs

START = datetime(2026, 11, 24, tzinfo=UTC)
TURN = TurnId("t")


def records(events: Sequence[Event]) -> list[Record]:
    return [Record(seq=Seq(n), at=START + timedelta(seconds=n), event=event) for n, event in enumerate(events, start=1)]


def told(events: Sequence[Event]) -> list[Json]:
    story = Story()
    return [event for record in records(events) for event in story.tell(record)]


@given(logs())
def test_every_event_is_valid_by_the_contract(events: list[Event]) -> None:
    for event in told(events):
        check(event, "WireEvent")


@given(logs())
def test_every_message_is_valid_by_the_contract(events: list[Event]) -> None:
    for message in messages(records(events)):
        check(message, "AgentMessage")


@given(logs(), st.data())
def test_a_reader_that_joins_late_is_told_the_rest_and_nothing_else(events: list[Event], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(events)))
    story = Story()
    known, rest = records(events)[:place], records(events)[place:]
    for record in known:
        story.skip(record)
    late = [event for record in rest for event in story.tell(record)]

    assert late == told(events)[len(told(events[:place])) :]


@given(logs(), st.data())
def test_what_begins_ends_also_when_the_turn_was_cut(events: list[Event], data: st.DataObject) -> None:
    cut = events[: data.draw(st.integers(1, len(events)))]
    turn = open_turn(cut)
    end = [] if turn is None else closing(cut, turn=turn, outcome="interrupted", detail="", model=REF)
    kinds = [event["type"] for event in told([*cut, *end])]

    for begin, finish in (
        ("agent_start", "agent_end"),
        ("turn_start", "turn_end"),
        ("message_start", "message_end"),
        ("tool_execution_start", "tool_execution_end"),
    ):
        assert kinds.count(begin) == kinds.count(finish), begin


def test_a_turn_has_the_order_of_the_recorded_one() -> None:
    call = ToolCall(id=CallId("call_1"), name="write", arguments={"path": "hello.txt", "content": "hello\n"})
    shell = ToolCall(id=CallId("call_3"), name="bash", arguments={"command": "true"})
    story = Story()
    told: list[Json] = []
    number = 0

    def tell(*events: Event) -> None:
        for record in records(events):
            told.extend(story.tell(record))

    def stream(reply: Reply, *deltas: TextDelta | CallDelta) -> None:
        nonlocal number
        number += 1
        draft = Draft(number=number, model=REF, at=AT)
        told.extend(story.progress(draft))
        for delta in deltas:
            draft.add(delta)
            told.extend(story.progress(draft))
        tell(ModelReplied(turn=TURN, reply=reply))

    def run(call: ToolCall) -> None:
        stream(
            Reply(model=REF, blocks=(call,), stop="toolUse"),
            CallDelta(index=0, id=call.id, name=call.name, text='{"'),
        )
        tell(ToolStarted(turn=TURN, call=call))
        if call.name == "bash":
            told.extend(story.tool_progress(call.id, ""))
        tell(ToolFinished(turn=TURN, call_id=call.id, tool=call.name, result=ToolResult(ok=True, text="ok")))

    tell(TurnStarted(turn=TURN, prompt=UserMessage(text="build it")))
    run(call)
    run(shell)
    stream(Reply(model=REF, blocks=(Text(text="tok0 tok1 "),)), *[TextDelta(index=0, text=f"tok{n} ") for n in (0, 1)])
    tell(TurnEnded(turn=TURN, outcome="done"))

    for event in told:
        check(event, "WireEvent")
    assert _outline(told) == _outline(recorded_turn())


def test_a_late_reader_gets_the_reply_so_far_once_and_then_only_what_is_new() -> None:
    draft = Draft(number=1, model=REF, at=AT)
    draft.add(TextDelta(index=0, text="Hello"))
    early, late = Story(), Story()
    start = records([TurnStarted(turn=TURN, prompt=UserMessage(text="hi"))])[0]
    early.skip(start)
    late.skip(start)
    early.progress(Draft(number=1, model=REF, at=AT))
    early.progress(draft)

    joined = late.progress(draft)
    assert [event["type"] for event in joined] == ["message_start"]
    assert joined[0]["message"]["content"] == [{"type": "text", "text": "Hello"}]

    draft.add(TextDelta(index=0, text=", world"))
    for story in (early, late):
        (update,) = story.progress(draft)
        assert update["assistantMessageEvent"]["delta"] == ", world"
        assert update["message"]["content"] == [{"type": "text", "text": "Hello, world"}]


@given(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=20), st.data())
def test_lean_deltas_add_up_to_the_reply_however_slowly_they_are_read(words: list[str], data: st.DataObject) -> None:
    story = Story(lean=True)
    draft = Draft(number=1, model=REF, at=AT)
    events = story.progress(draft)
    for word in words:
        draft.add(TextDelta(index=0, text=word))
        if data.draw(st.booleans()):
            events += story.progress(draft)
    whole = Reply(model=REF, blocks=(Text(text="".join(words)),))
    (record,) = records([ModelReplied(turn=TURN, reply=whole)])
    events += story.tell(record)

    updates = [event["assistantMessageEvent"] for event in events if event["type"] == "message_update"]
    assert "".join(update["delta"] for update in updates if update["type"] == "text_delta") == "".join(words)
    assert [update["type"] for update in updates].count("text_end") == 1
    assert all("message" not in event for event in events if event["type"] == "message_update")


def _outline(events: Sequence[Json]) -> list[str]:
    """The kinds of events, with runs of deltas as one."""
    kinds = [event.get("assistantMessageEvent", event)["type"] for event in events]
    return [kind for n, kind in enumerate(kinds) if n == 0 or not (kind.endswith("_delta") and kinds[n - 1] == kind)]


def many_calls(count: int) -> tuple[Draft, Draft, Reply]:
    """A long text; the same with ``count`` short calls after it; and the reply that it becomes."""
    text, calls = "x" * 100_000, [ToolCall(id=CallId(f"c{n}"), name="ls", arguments={}) for n in range(count)]
    begun, whole = (Draft(number=1, model=REF, at=AT) for _ in range(2))
    for draft in begun, whole:
        draft.add(TextDelta(index=0, text=text))
    for index, call in enumerate(calls, start=1):
        whole.add(CallDelta(index=index, id=call.id, name=call.name, text="{}"))
    return begun, whole, Reply(model=REF, blocks=(Text(text=text), *calls), stop="toolUse")


def weight(events: Sequence[Json]) -> int:
    return len(json.dumps(events))


def test_a_long_reply_with_many_calls_is_not_told_anew_for_each() -> None:
    begun, whole, reply = many_calls(500)
    story, at_the_end = Story(), Story()
    for each in story, at_the_end:
        each.skip(records([TurnStarted(turn=TURN, prompt=UserMessage(text="hi"))])[0])
        each.progress(begun)
    told = story.progress(whole)
    assert weight(told) < 5_000_000
    assert told[-1]["type"] == "message_start"
    assert len(told[-1]["message"]["content"]) == 501
    assert story.progress(whole) == []
    (ended,) = records([ModelReplied(turn=TURN, reply=reply)])
    for each in story, at_the_end:
        told = each.tell(ended)
        assert weight(told) < 5_000_000
        assert told[-1]["type"] == "message_end"
        assert len(told[-1]["message"]["content"]) == 501


def test_a_lean_reader_and_one_of_a_short_reply_are_told_of_each_call() -> None:
    begun, whole, _ = many_calls(500)
    lean, short = Story(lean=True), Story()
    lean.progress(begun)
    assert len(lean.progress(whole)) == 3 * 500
    short.progress(Draft(number=2, model=REF, at=AT))
    draft = Draft(number=2, model=REF, at=AT)
    for index in range(50):
        draft.add(CallDelta(index=index, id=CallId(f"c{index}"), name="ls", text="{}"))
    assert len(short.progress(draft)) == 3 * 50 - 1
