"""What a provider streams becomes our deltas and our reply; both tell the same."""

import json
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import (
    FinishReason,
    ModelResponse,
    ModelResponsePart,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
)
from pydantic_ai.usage import RequestUsage

from appx.domain.deltas import CallDelta, Delta
from appx.domain.events import ModelReplied, ToolStarted
from appx.domain.ids import TurnId
from appx.domain.messages import Reply, ToolCall
from appx.models.catalogue import ModelInfo, Prices
from appx.models.incoming import MAX_LEVELS, MAX_TOKENS, Incoming
from appx.models.model import ModelFailed
from appx.sessions.codec import decode_event, encode_event
from appx.sessions.draft import Draft
from tests.fakes.logs import AT

INFO = ModelInfo(
    provider="p", id="m", name="m", api="openai-completions", prices=Prices(input=1, output=2, cache_read=3)
)
WORDS = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=4)
ARGUMENTS = st.dictionaries(st.text(max_size=3), st.text(max_size=5) | st.integers(), min_size=1, max_size=3)
PART = st.tuples(st.just("text"), WORDS) | st.tuples(st.just("thinking"), WORDS) | st.tuples(st.just("call"), ARGUMENTS)


def nested(levels: int, kinds: Sequence[bool] = (True,), core: object = "core") -> dict[str, object]:
    """``core`` within so many objects and lists: where ``kinds`` are False, in turn, lists."""
    value: object = core
    for level in range(levels - 1):
        value = {"in": value} if kinds[level % len(kinds)] else [value, 0]
    return {"a": value}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
DEEP = st.builds(nested, st.integers(1, 400), st.lists(st.booleans(), min_size=1, max_size=5), JSON)


def stream(parts: Sequence[tuple[str, list[str] | dict[str, object]]]) -> list[ModelResponseStreamEvent]:
    """Each part opened, then sent in pieces."""
    events: list[ModelResponseStreamEvent] = []
    for index, (kind, content) in enumerate(parts):
        if isinstance(content, dict):
            text = json.dumps(content)
            call = ToolCallPart(tool_name="bash", args=text[:2], tool_call_id=f"c{index}")
            events.append(PartStartEvent(index=index, part=call))
            events += [
                PartDeltaEvent(index=index, delta=ToolCallPartDelta(args_delta=piece, tool_call_id=f"c{index}"))
                for piece in (text[2:5], text[5:])
            ]
        elif kind == "text":
            events.append(PartStartEvent(index=index, part=TextPart(content=content[0])))
            events += [PartDeltaEvent(index=index, delta=TextPartDelta(content_delta=each)) for each in content[1:]]
        else:
            events.append(PartStartEvent(index=index, part=ThinkingPart(content=content[0])))
            events += [PartDeltaEvent(index=index, delta=ThinkingPartDelta(content_delta=each)) for each in content[1:]]
    return events


def whole(
    parts: Sequence[tuple[str, list[str] | dict[str, object]]], reason: FinishReason | None = "stop"
) -> ModelResponse:
    found: list[TextPart | ThinkingPart | ToolCallPart] = []
    for index, (kind, content) in enumerate(parts):
        if isinstance(content, dict):
            found.append(ToolCallPart(tool_name="bash", args=json.dumps(content), tool_call_id=f"c{index}"))
        else:
            found.append((TextPart if kind == "text" else ThinkingPart)(content="".join(content)))
    return ModelResponse(parts=found, finish_reason=reason)


def reply_to(response: ModelResponse) -> Reply:
    return Incoming(lambda _: None).reply(response, INFO)


def call_of(args: str | Mapping[str, object] | None, reason: FinishReason = "stop") -> ToolCall:
    part = ToolCallPart(tool_name="bash", args=None if args is None else args if isinstance(args, str) else dict(args))
    (call,) = reply_to(ModelResponse(parts=[part], finish_reason=reason)).calls
    return call


@given(st.lists(PART, max_size=5))
def test_the_sum_of_the_deltas_is_the_reply(parts: list[tuple[str, list[str] | dict[str, object]]]) -> None:
    draft = Draft(number=1, model=INFO.ref, at=AT)
    incoming = Incoming(draft.add)
    for event in stream(parts):
        incoming.take(event)
    assert draft.so_far() == incoming.reply(whole(parts), INFO).blocks


@given(st.lists(PART, max_size=4))
def test_a_reply_with_a_call_goes_on_and_one_without_rests(
    parts: list[tuple[str, list[str] | dict[str, object]]],
) -> None:
    reply = reply_to(whole(parts))
    assert reply.stop == ("toolUse" if reply.calls else "stop")
    assert reply.model == INFO.ref


@given(st.text())
def test_no_arguments_of_a_model_can_break_us(args: str) -> None:
    call = call_of(args)
    assert call.problem == "" or not call.arguments
    assert isinstance(call.arguments, Mapping)


@pytest.mark.parametrize(
    ("args", "arguments", "says"),
    [
        (None, {}, ""),
        ("", {}, ""),
        ({}, {}, ""),
        ({"a": 1}, {"a": 1}, ""),
        ('{"a": "line\nbreak"}', {"a": "line\nbreak"}, ""),
        ('{"a": ', {}, "not JSON"),
        ("[1]", {}, "not a JSON object"),
        ("null", {}, "not a JSON object"),
        ("[" * 100_000, {}, f"more than {MAX_LEVELS} levels"),
        ('{"a": "\\ud800"}', {}, "half a surrogate pair"),
        ('{"\\ud800": 1}', {}, "half a surrogate pair"),
        ({"a": "\ud800"}, {}, "half a surrogate pair"),
        ({"a": 10**5_000}, {}, "thousands of digits"),
        ('{"a": ' + "9" * 5_000 + "}", {}, "not JSON"),
    ],
)
def test_arguments_are_read_or_the_call_says_why_not(
    args: str | Mapping[str, object] | None, arguments: Mapping[str, object], says: str
) -> None:
    call = call_of(args)
    assert call.arguments == arguments
    assert says in call.problem
    assert bool(says) is bool(call.problem)


@pytest.mark.parametrize("kinds", [(True,), (False,), (True, False)])
@pytest.mark.parametrize("levels", [MAX_LEVELS, MAX_LEVELS + 1, 197, 199, 251, 253, 400, 900, 5_000])
def test_arguments_have_a_limit_of_levels_whether_they_come_as_text_or_not(levels: int, kinds: Sequence[bool]) -> None:
    arguments = nested(levels, kinds)
    text = '{"in": ' * (levels - 1) + "{}" + "}" * (levels - 1)
    for call in (call_of(arguments), call_of(text)):
        assert bool(call.arguments) is (levels <= MAX_LEVELS)
        assert (f"more than {MAX_LEVELS} levels" in call.problem) is (levels > MAX_LEVELS)


@given(arguments=DEEP | st.dictionaries(st.text(max_size=3), JSON, max_size=3), as_text=st.booleans())
def test_whatever_a_model_says_as_arguments_the_stored_event_can_be_read_again(
    *, arguments: dict[str, object], as_text: bool
) -> None:
    call = call_of(json.dumps(arguments) if as_text else arguments)
    for event in (
        ToolStarted(turn=TurnId("t"), call=call),
        ModelReplied(turn=TurnId("t"), reply=Reply(model=INFO.ref, blocks=(call,))),
    ):
        again = decode_event(encode_event(event))
        assert type(again) is type(event)
        assert decode_event(encode_event(again)) == again


def test_arguments_that_ended_with_the_limit_of_tokens_say_so() -> None:
    assert "limit of tokens" in call_of('{"a": ', "length").problem


@pytest.mark.parametrize(("reason", "again"), [(None, True), ("error", True), ("content_filter", False)])
def test_what_is_not_a_whole_reply_is_a_failure(*, reason: FinishReason | None, again: bool) -> None:
    with pytest.raises(ModelFailed) as raised:
        reply_to(ModelResponse(parts=[TextPart(content="half")], finish_reason=reason))
    assert raised.value.again is again


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_tokens_of_the_input_are_counted_once(fresh: int, read: int, write: int, output: int) -> None:
    usage = RequestUsage(
        input_tokens=fresh + read + write, cache_read_tokens=read, cache_write_tokens=write, output_tokens=output
    )
    found = reply_to(ModelResponse(parts=[], usage=usage, finish_reason="stop")).usage
    assert (found.input, found.cache_read, found.cache_write, found.output) == (fresh, read, write, output)
    assert found.total == fresh + read + write + output
    assert found.cost == INFO.cost(fresh=fresh, output=output, cache_read=read, cache_write=write)


def test_what_a_provider_counts_is_bounded() -> None:
    for count in (-5, 10**308):
        usage = RequestUsage(input_tokens=count, cache_read_tokens=count, cache_write_tokens=count, output_tokens=count)
        reply = reply_to(ModelResponse(parts=[], usage=usage, finish_reason="stop"))
        assert all(0 <= each <= MAX_TOKENS for each in (reply.usage.input, reply.usage.cache_read, reply.usage.output))
        event = ModelReplied(turn=TurnId("t"), reply=reply)
        assert decode_event(encode_event(event)) == event


def test_half_a_token_is_none() -> None:
    """Clients know whole numbers only."""
    usage = RequestUsage()
    usage.input_tokens = usage.output_tokens = 1.5  # type: ignore[assignment]
    found = reply_to(ModelResponse(parts=[], usage=usage, finish_reason="stop")).usage
    assert [type(each) for each in (found.input, found.output)] == [int, int]


def test_the_name_and_the_id_of_a_call_have_a_longest_length() -> None:
    """Each piece of its arguments is shown with both."""
    for name, call_id in (("x" * 1_001, "id"), ("bash", "x" * 65_537)):
        call = ToolCallPart(tool_name=name, args="{", tool_call_id=call_id)
        with pytest.raises(ModelFailed, match="name of more than 1,000"):
            Incoming(lambda _: None).take(PartStartEvent(index=0, part=call))
        with pytest.raises(ModelFailed, match="name of more than 1,000"):
            reply_to(ModelResponse(parts=[call], finish_reason="stop"))


def test_a_reply_has_so_many_blocks_and_no_more() -> None:
    incoming = Incoming(lambda _: None)
    for index in range(2_000):
        incoming.take(PartStartEvent(index=index, part=TextPart(content="")))
    with pytest.raises(ModelFailed, match="more than 2,000"):
        incoming.take(PartStartEvent(index=2_000, part=TextPart(content="")))


def test_signatures_have_a_bound_as_words_have() -> None:
    """They are stored with the session, and sent each time."""
    parts: list[ModelResponsePart] = [ThinkingPart(content="hm", signature="x" * 2_100_000) for _ in range(2)]
    assert reply_to(ModelResponse(parts=parts[:1], finish_reason="stop")).blocks
    with pytest.raises(ModelFailed, match="signatures"):
        reply_to(ModelResponse(parts=parts, finish_reason="stop"))


def test_what_a_provider_wants_back_is_kept_with_its_words() -> None:
    parts: list[ModelResponsePart] = [
        ThinkingPart(content="hm", id="rs_1", signature="sig", provider_details={"raw": ["x"]}),
        TextPart(content="hello", provider_details={"phase": "final"}),
        ToolCallPart(tool_name="bash", args={}, provider_details={"thought_signature": "abc"}),
    ]
    blocks = reply_to(ModelResponse(parts=parts, finish_reason="stop")).blocks
    assert [json.loads(block.signature or "null") for block in blocks] == [
        {"id": "rs_1", "signature": "sig", "details": {"raw": ["x"]}},
        {"details": {"phase": "final"}},
        {"details": {"thought_signature": "abc"}},
    ]


def test_a_piece_of_a_part_that_never_opened_is_left_out() -> None:
    deltas: list[Delta] = []
    Incoming(deltas.append).take(PartDeltaEvent(index=3, delta=TextPartDelta(content_delta="lost")))
    assert deltas == []


def test_blocks_are_numbered_in_the_order_in_which_they_open() -> None:
    deltas: list[Delta] = []
    incoming = Incoming(deltas.append)
    for index, part in ((4, TextPart(content="a")), (7, ToolCallPart(tool_name="bash", args={"a": 1}))):
        incoming.take(PartStartEvent(index=index, part=part))
    assert [delta.index for delta in deltas] == [0, 1]
    assert isinstance(deltas[1], CallDelta)
    assert deltas[1].text == '{"a": 1}'
