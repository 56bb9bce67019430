"""What was said in a session survives the way through a file of pi."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from appx.domain.conversation import conversation
from appx.domain.errors import Invalid
from appx.domain.events import Compacted, Event, ModelChosen, PromptDelivered, Record, TurnEnded
from appx.domain.ids import CallId, Seq, TurnId
from appx.domain.messages import (
    Cost,
    ModelRef,
    Reply,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    Usage,
    UserMessage,
)
from appx.http import story, wire
from appx.http.foreign import MessageEntry
from appx.http.interchange import lines, records
from appx.kit.json_values import MOST_VALUES
from appx.sessions.closing import open_turn
from tests.contract.schema import check
from tests.fakes.conversations import png
from tests.fakes.logs import logs

AT = datetime(2026, 11, 25, 9, 0, 0, 123456, tzinfo=UTC)
HEADER = {"type": "session", "version": 3, "id": "s", "timestamp": "2026-11-25T09:00:00.000Z", "cwd": "/w/shop"}
TIMES = st.integers(0, 10**15).map(lambda micros: AT + timedelta(microseconds=micros))


def everything(_provider: str, _model_id: str) -> bool:
    return True


def record(events: Sequence[Event], times: Sequence[datetime] = (AT,)) -> list[Record]:
    return [
        Record(seq=Seq(number), at=times[number % len(times)], event=event) for number, event in enumerate(events, 1)
    ]


def exported(log: Sequence[Record]) -> bytes:
    return b"".join(lines(log, session="s", created_at=AT, cwd="/w/shop"))


def file(*entries: dict[str, Any], header: dict[str, Any] = HEADER) -> bytes:
    """Entries one below the other."""
    found: list[dict[str, Any]] = [header]
    for number, entry in enumerate(entries, 1):
        parent = f"e{number - 1}" if number > 1 else None
        found.append({"id": f"e{number}", "parentId": parent, "timestamp": "2026-11-25T09:00:00.000Z", **entry})
    return "\n".join(map(json.dumps, found)).encode()


def said(message: object) -> dict[str, Any]:
    assert isinstance(message, UserMessage | Reply | ToolMessage)
    return {"type": "message", "message": wire.message(message, 1)}


@given(logs(), st.lists(TIMES, min_size=1, max_size=7))
def test_what_was_said_comes_back_with_its_times(events: list[Event], times: list[datetime]) -> None:
    log = record(events, times)
    back = records(exported(log), everything)
    assert story.messages(back) == story.messages(log)
    assert conversation([each.event for each in back]) == conversation(events)
    assert [each.seq for each in back] == list(range(1, len(back) + 1))
    assert exported(back) == exported(log)


@given(logs(), st.data())
def test_a_session_that_is_exported_in_the_middle_comes_back_at_rest(events: list[Event], data: st.DataObject) -> None:
    cut = record(events[: data.draw(st.integers(0, len(events)))])
    back = records(exported(cut), everything)
    before = story.messages(cut)
    assert story.messages(back)[: len(before)] == before
    assert open_turn(each.event for each in back) is None
    whole = conversation([each.event for each in back])
    asked = [call.id for each in whole if isinstance(each, Reply) for call in each.calls]
    assert [each.call_id for each in whole if isinstance(each, ToolMessage)] == asked


def test_every_part_of_a_message_is_kept() -> None:
    picture = png(1)
    call = ToolCall(id=CallId("c"), name="bash", arguments={"n": [1, None, {"x": "☃"}]}, signature="g")
    usage = Usage(input=1, output=2, cache_read=3, cache_write=4, cost=Cost(input=0.1, output=0.2, cache_write=0.3))
    reply = Reply(
        model=ModelRef(provider="p", id="m/x", api="openai-completions"),
        blocks=(Thinking(text="hm", signature="s"), Text(text="I look", signature="t"), call),
        usage=usage,
        stop="toolUse",
    )
    result = ToolMessage(call_id=call.id, tool="bash", result=ToolResult(ok=False, text="no", images=(picture,)))
    last = Reply(model=reply.model, stop="error", error="overloaded")
    messages = [UserMessage(text="hi\nthere\u2028", images=(picture, picture)), reply, result, last]
    log = records(file(*map(said, messages)), everything)
    assert conversation([each.event for each in log]) == messages[:3]
    assert [each["message"] for each in map(json.loads, exported(log).splitlines()[1:])] == story.messages(log)
    for each in story.messages(log):
        check(each, "AgentMessage")


def test_an_entry_has_what_pi_wants() -> None:
    log = record([ModelChosen(provider="p", model_id="m", thinking="high")])
    header, model, level = map(json.loads, exported(log).splitlines())
    assert header == {**HEADER, "timestamp": "2026-11-25T09:00:00.123Z"}
    placed = {"id": "00000001", "parentId": None, "timestamp": "2026-11-25T09:00:00.123Z"}
    assert model == {"type": "model_change", **placed, "provider": "p", "modelId": "m"}
    assert (level["thinkingLevel"], level["parentId"], level["id"]) == ("high", "00000001", "00000002")
    assert [each.event for each in records(exported(log), everything)] == [each.event for each in log]


@given(logs(), st.data())
def test_what_was_summarised_stays_a_summary(events: list[Event], data: st.DataObject) -> None:
    turn = TurnId("t0")
    place = data.draw(st.integers(0, len(events)), label="place")
    first = Seq(data.draw(st.integers(1, place + 1), label="first kept"))
    compacted = Compacted(turn=turn, reason="threshold", summary="They met.", first_kept=first, tokens_before=9)
    log = record([*events[:place], compacted, *events[place:]])
    back = records(exported(log), everything)
    assert conversation([each.event for each in back]) == conversation([each.event for each in log])
    assert exported(back) == exported(log)


def test_a_model_that_is_not_here_is_not_chosen() -> None:
    log = record([ModelChosen(provider="p", model_id="m", thinking="high")])
    assert records(exported(log), lambda provider, model_id: (provider, model_id) != ("p", "m")) == []


def test_of_a_tree_the_way_to_the_last_entry_counts() -> None:
    one, wrong, right = (said(UserMessage(text=text)) for text in ("one", "wrong", "right"))
    reply = said(Reply(model=ModelRef(provider="p", id="m", api="a"), blocks=(Text(text="yes"),)))
    tree = file(one, reply, wrong, reply, {**right, "parentId": "e2"}, reply)
    texts = [each["content"][0]["text"] for each in story.messages(records(tree, everything))]
    assert texts == ["one", "yes", "right", "yes"]


def test_a_prompt_between_results_and_reply_is_part_of_the_turn() -> None:
    ref = ModelRef(provider="p", id="m", api="a")
    call = ToolCall(id=CallId("c"), name="ls")
    messages = [
        UserMessage(text="one"),
        Reply(model=ref, blocks=(call,), stop="toolUse"),
        ToolMessage(call_id=call.id, tool="ls", result=ToolResult(ok=True, text="")),
        UserMessage(text="two"),
        Reply(model=ref, blocks=(Text(text="done"),)),
    ]
    log = records(file(*map(said, messages)), everything)
    assert sum(isinstance(each.event, TurnEnded) for each in log) == 1
    assert sum(isinstance(each.event, PromptDelivered) for each in log) == 1


def test_what_appx_does_not_know_is_left_out() -> None:
    content = {"role": "user", "content": "as a plain text", "timestamp": 1, "more": True}
    kinds = ("label", "session_info", "custom", "branch_summary", "of_tomorrow")
    others = [{"type": kind, "summary": "x"} for kind in kinds]
    log = records(file(*others, {"type": "message", "message": content}, *others), everything)
    prompt, reply = story.messages(log)
    assert prompt["content"] == [{"type": "text", "text": "as a plain text"}]
    assert (reply["content"], reply["stopReason"]) == ([], "aborted"), "nobody had answered"


HI, WORDS = said(UserMessage(text="hi")), {"role": "user", "content": "x", "timestamp": 1}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"{", "line 1: .*JSON"),
        (b"\xff\xfe", "line 1: "),
        (b'{"type": "message"}', "line 1: type"),
        (file(header={**HEADER, "version": 2}), "line 1: .*version 2"),
        (file(header={"type": "session"}), "line 1: .*version 1"),
        (file() + b"\n\n{", "line 3: .*JSON"),
        (file() + b"\n[]", "line 2: "),
        (file(HI, {"type": "message"}), "line 3: message: Field required"),
        (file(HI, {"type": "message", "message": {**WORDS, "role": "judge"}}), "line 3: message: .*judge"),
        (file(HI, {**HI, "timestamp": "yesterday"}), "line 3: timestamp"),
        (file(HI, {**HI, "timestamp": "2026-11-25T09:00:00"}), "line 3: timestamp"),
        (file(HI, {"type": "compaction"}), "line 3: summary: Field required"),
        (
            file(HI, {"type": "compaction", "summary": "x", "tokensBefore": 1, "firstKeptEntryId": "e9"}),
            "line 3: firstKeptEntryId: e9",
        ),
        (file(HI, {**HI, "id": "e1"}), "line 3: the id e1 was used"),
        (file(HI, {**HI, "parentId": "e9"}), "line 3: no line above has the id e9"),
        (file(HI, {"type": "thinking_level_change", "thinkingLevel": "vast"}), "line 3: thinkingLevel"),
        (file(said(Reply(model=ModelRef(provider="p", id="m", api="a")))), "line 2: a reply stands before"),
        (
            file(HI, said(ToolMessage(call_id=CallId("c9"), tool="x", result=ToolResult(ok=True, text="")))),
            "line 3: no reply before it has the call c9",
        ),
    ],
)
def test_a_wrong_line_is_named(data: bytes, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        records(data, everything)


@given(st.text(alphabet='{}[]":,x\n 0', max_size=40))
def test_no_text_makes_more_than_a_sentence(text: str) -> None:
    for data in (text.encode(), file(HI) + b"\n" + text.encode()):
        with suppress(Invalid):
            records(data, everything)


@pytest.mark.parametrize("role", ["user", "assistant", "toolResult"])
def test_a_line_of_many_wrong_parts_costs_little(role: str) -> None:
    """A problem for each would take minutes in which nothing else runs, and gigabytes."""
    message = {"role": role, "content": [0] * 50_000, "api": "a", "provider": "p", "model": "m", "stopReason": "stop"}
    entry = {"type": "message", "id": "e1", "parentId": None, "timestamp": "2026-11-25T09:00:00.000Z"}
    line = json.dumps({**entry, "message": {**message, "toolCallId": "c", "toolName": "t", "isError": False}})
    with pytest.raises(ValidationError) as error:
        TypeAdapter(MessageEntry).validate_json(line)
    assert error.value.error_count() < 10


def test_a_line_of_too_many_values_is_not_read() -> None:
    call = {"type": "toolCall", "id": "c", "name": "t", "arguments": {"a": [0] * MOST_VALUES}}
    said = {"role": "assistant", "content": [call], "api": "a", "provider": "p", "model": "m", "stopReason": "stop"}
    with pytest.raises(Invalid, match=r"^line 2: more than 100,000 values\. Nothing was imported\.$"):
        records(file({"type": "message", "message": said}), everything)
