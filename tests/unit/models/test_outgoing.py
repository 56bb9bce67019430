"""Our conversation in the library's words: nothing is lost, nothing is told to whom it is not for."""

import base64
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from appx.domain.conversation import conversation as folded
from appx.domain.events import Event
from appx.domain.ids import CallId
from appx.domain.messages import (
    Image,
    Message,
    ModelRef,
    Reply,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    ToolSpec,
    UserMessage,
)
from appx.models.catalogue import ModelInfo
from appx.models.model import Request
from appx.models.outgoing import DAMAGED, NO_PICTURES, NOTHING, conversation, parameters
from tests.fakes.logs import logs

INFO = ModelInfo(provider="google", id="m", name="m", api="google-generative-ai", input=("text", "image"))
BLIND = ModelInfo(provider="google", id="m", name="m", api="google-generative-ai")
OTHER = ModelRef(provider="openai", id="n", api="openai-responses")
PICTURE = Image(data=base64.b64encode(b"\x89PNG").decode(), media_type="image/png")


def sent(*messages: Message, info: ModelInfo = INFO) -> list[ModelMessage]:
    return conversation(messages, info, "google")


ODD = [
    "EqQB+plain/base64==",
    "[]",
    "1",
    '"x"',
    "{",
    '{"details": [1]}',
    '{"id": 1}',
    '{"signature": {"a": "b"}}',
    "nope",
]


@pytest.mark.parametrize("signature", ODD)
def test_a_signature_that_is_not_ours_is_none(signature: str) -> None:
    """A session that was imported may have any."""
    blocks = (
        Thinking(text="hm", signature=signature),
        Text(text="hello", signature=signature),
        ToolCall(id=CallId("c"), name="bash", arguments={"command": "ls"}, signature=signature),
    )
    reply = Reply(model=ModelRef(provider=INFO.provider, id="m", api=INFO.api), blocks=blocks)
    (response,) = [each for each in sent(UserMessage(text="hi"), reply) if isinstance(each, ModelResponse)]
    text, call = response.parts
    assert isinstance(text, TextPart)
    assert (text.content, text.provider_name, text.provider_details) == ("hello", None, None)
    assert isinstance(call, ToolCallPart)
    assert (call.args, call.provider_details) == ({"command": "ls"}, None)


def signed(ref: ModelRef) -> Reply:
    blocks = (
        Thinking(text="hm", signature=json.dumps({"id": "t1", "signature": "s", "details": {"d": 1}})),
        Text(text="hello", signature=json.dumps({"details": {"e": 2}})),
        ToolCall(id=CallId("c"), name="bash", arguments={"command": "ls"}, signature=json.dumps({"details": {"f": 3}})),
    )
    return Reply(model=ref, blocks=blocks)


@given(logs(), st.data())
def test_every_conversation_can_be_sent_wherever_the_log_was_cut(events: list[Event], data: st.DataObject) -> None:
    messages = folded(events[: data.draw(st.integers(0, len(events)))])
    found = sent(*messages)
    kinds = [type(message) for message in found]
    assert (ModelRequest, ModelRequest) not in itertools.pairwise(kinds), "what lies between is one request"
    if messages:
        assert kinds[0] is ModelRequest
    calls = [part.tool_call_id for each in found for part in each.parts if isinstance(part, ToolCallPart)]
    answers = [part.tool_call_id for each in found for part in each.parts if isinstance(part, ToolReturnPart)]
    assert sorted(calls) == sorted(answers)


@given(logs())
def test_the_words_of_people_and_models_are_sent_in_order(events: list[Event]) -> None:
    messages = folded(events)
    words: list[str] = []
    for message in messages:
        match message:
            case UserMessage(text=text):
                words.append(text if text.strip() else NOTHING)
            case ToolMessage(result=result):
                words.append(result.text if result.text.strip() else NOTHING)
            case Reply(blocks=blocks):
                words += [block.text for block in blocks if isinstance(block, Text) and block.text.strip()]
    told = [
        part.content
        for each in sent(*messages)
        for part in each.parts
        if isinstance(part, UserPromptPart | ToolReturnPart | TextPart)
    ]
    assert told == words


def test_a_provider_gets_its_own_words_back_with_all_that_it_signed() -> None:
    (response,) = sent(signed(INFO.ref))
    assert isinstance(response, ModelResponse)
    thought, text, call = response.parts
    assert isinstance(thought, ThinkingPart)
    assert (thought.content, thought.id, thought.signature, thought.provider_details) == ("hm", "t1", "s", {"d": 1})
    assert isinstance(text, TextPart)
    assert text.provider_details == {"e": 2}
    assert isinstance(call, ToolCallPart)
    assert call.provider_details == {"f": 3}
    assert {part.provider_name for part in (thought, text, call)} == {"google"}


def test_another_provider_gets_the_words_and_calls_but_no_thoughts_and_no_signatures() -> None:
    (response,) = sent(signed(OTHER))
    assert isinstance(response, ModelResponse)
    text, call = response.parts
    assert isinstance(text, TextPart)
    assert isinstance(call, ToolCallPart)
    assert (text.content, call.args) == ("hello", {"command": "ls"})
    assert [(part.provider_name, part.provider_details) for part in (text, call)] == [(None, None)] * 2
    assert response.provider_name is None


def test_thoughts_without_a_signature_stay_with_us() -> None:
    assert sent(Reply(model=INFO.ref, blocks=(Thinking(text="hm"),))) == []


def test_a_reply_without_anything_to_say_is_left_out() -> None:
    (request,) = sent(UserMessage(text="a"), Reply(model=INFO.ref, blocks=(Text(text=""),)), UserMessage(text="b"))
    assert isinstance(request, ModelRequest)
    assert [part.content for part in request.parts if isinstance(part, UserPromptPart)] == ["a", "b"]


def test_pictures_are_sent_to_a_model_that_sees() -> None:
    result = ToolResult(ok=True, text="", images=(PICTURE,))
    (request,) = sent(
        UserMessage(text="look", images=(PICTURE,)), ToolMessage(call_id=CallId("c"), tool="read", result=result)
    )
    prompt, answer = request.parts
    assert isinstance(prompt, UserPromptPart)
    assert isinstance(answer, ToolReturnPart)
    assert not isinstance(prompt.content, str)
    words, picture = prompt.content
    assert words == "look"
    assert isinstance(picture, BinaryContent)
    assert (picture.data, picture.media_type) == (b"\x89PNG", "image/png")
    assert isinstance(answer.content, list)
    assert isinstance(answer.content[0], BinaryContent)


def test_a_picture_that_is_none_is_said_to_be_damaged() -> None:
    broken = Image(data="not base64!", media_type="image/png")
    (request,) = sent(UserMessage(text="look", images=(broken,)))
    (prompt,) = request.parts
    assert isinstance(prompt, UserPromptPart)
    assert prompt.content == ["look", DAMAGED]


def test_a_model_that_does_not_see_is_told_that_there_was_a_picture() -> None:
    (request,) = sent(UserMessage(text="look", images=(PICTURE,)), info=BLIND)
    (prompt,) = request.parts
    assert isinstance(prompt, UserPromptPart)
    assert prompt.content == f"look\n{NO_PICTURES}"


def test_a_failed_result_is_sent_as_one() -> None:
    failed = ToolMessage(call_id=CallId("c"), tool="bash", result=ToolResult(ok=False, text="no such file"))
    ((answer,),) = (each.parts for each in sent(failed))
    assert isinstance(answer, ToolReturnPart)
    assert (answer.outcome, answer.content, answer.tool_call_id) == ("failed", "no such file", "c")


def test_the_model_is_told_its_instructions_and_its_tools() -> None:
    tool = ToolSpec(name="bash", description="Run.", schema={"type": "object"})
    found = parameters(Request(system="Be brief.", messages=(), tools=(tool,), thinking="off", session="s"))
    assert [part.content for part in found.instruction_parts or []] == ["Be brief."]
    (definition,) = found.function_tools
    assert (definition.name, definition.description, definition.parameters_json_schema) == (
        "bash",
        "Run.",
        {"type": "object"},
    )
    assert not parameters(Request(system="", messages=(), tools=(), thinking="off", session="s")).instruction_parts
