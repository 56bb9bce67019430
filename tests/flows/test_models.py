"""A provider is asked over a real socket: what comes back, what goes wrong, and that nothing leaks."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from pydantic import SecretStr

from appx.domain.deltas import CallDelta, Delta, TextDelta, ThinkingDelta
from appx.domain.messages import (
    Message,
    Reply,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    ToolSpec,
    UserMessage,
)
from appx.models.connections import Patience
from appx.models.litellm import LitellmSettings
from appx.models.model import Model, ModelFailed, Request
from appx.models.registry import Models
from tests.fakes.openai_server import Server, Step

pytestmark = pytest.mark.anyio

KEY = "my-very-secret-key-0123456789"
BASH = ToolSpec(
    name="bash", description="Run a command.", schema={"type": "object", "properties": {"command": {"type": "string"}}}
)


def request(*messages: Message) -> Request:
    return Request(
        system="You build apps.",
        messages=messages or (UserMessage(text="hello"),),
        tools=(BASH,),
        thinking="medium",
        session="s1",
    )


@asynccontextmanager
async def asked(tmp_path: Path, url: str, *, idle: float = 5.0) -> AsyncIterator[Model]:
    models = Models(
        state=tmp_path,
        keys={"litellm": SecretStr(KEY)},
        proxy=LitellmSettings(base_url=url, default_model="openai/gpt-5.5"),
        patience=Patience(silence=idle),
    )
    try:
        yield models.open(models.default())
    finally:
        await models.aclose()


async def reply_of(tmp_path: Path, plan: Sequence[Step], *messages: Message) -> tuple[Reply, list[Delta], Server]:
    deltas: list[Delta] = []
    with Server(plan) as server:
        async with asked(tmp_path, server.url) as model:
            return await model.reply(request(*messages), deltas.append), deltas, server


async def failure_of(tmp_path: Path, step: Step, *, idle: float = 5.0) -> tuple[ModelFailed, list[Delta], Server]:
    deltas: list[Delta] = []
    with Server([step]) as server:
        async with asked(tmp_path, server.url, idle=idle) as model:
            with pytest.raises(ModelFailed) as caught:
                await model.reply(request(), deltas.append)
    return caught.value, deltas, server


async def test_text_thoughts_and_calls_come_in_order_and_in_pieces(tmp_path: Path) -> None:
    plan = [
        {
            "thinking": "They greet me.",
            "text": "Hello, I will look around.",
            "calls": [{"name": "bash", "arguments": {"command": "ls -la"}}] * 2,
        }
    ]
    reply, deltas, _ = await reply_of(tmp_path, plan)

    assert [type(block) for block in reply.blocks] == [Thinking, Text, ToolCall, ToolCall]
    assert reply.text == "Hello, I will look around."
    assert [dict(call.arguments) for call in reply.calls] == [{"command": "ls -la"}] * 2
    assert reply.stop == "toolUse"
    assert "".join(delta.text for delta in deltas if isinstance(delta, ThinkingDelta)) == "They greet me."
    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == reply.text
    assert (
        "".join(delta.text for delta in deltas if isinstance(delta, CallDelta) and delta.index == 3)
        == '{"command": "ls -la"}'
    )
    assert {delta.id for delta in deltas if isinstance(delta, CallDelta)} == {call.id for call in reply.calls}
    assert len([delta for delta in deltas if isinstance(delta, TextDelta)]) > 1


async def test_usage_counts_the_cache_apart_and_is_priced(tmp_path: Path) -> None:
    usage = {
        "prompt_tokens": 1_000,
        "completion_tokens": 100,
        "total_tokens": 1_100,
        "prompt_tokens_details": {"cached_tokens": 800},
    }
    reply, _, _ = await reply_of(tmp_path, [{"text": "Hi", "usage": usage}])

    assert (reply.usage.input, reply.usage.output, reply.usage.cache_read) == (200, 100, 800)
    assert reply.usage.total == 1_100
    assert reply.usage.cost.total == pytest.approx((200 * 5 + 100 * 30 + 800 * 0.5) / 1_000_000)


async def test_the_key_and_the_conversation_are_sent(tmp_path: Path) -> None:
    call = {"id": "call_1", "name": "bash", "arguments": {"command": "ls"}}
    first, _, _ = await reply_of(tmp_path, [{"text": "I look.", "calls": [call]}])
    result = ToolMessage(call_id=first.calls[0].id, tool="bash", result=ToolResult(ok=True, text="index.html"))
    second, _, server = await reply_of(
        tmp_path, [{}, {"text": "One file."}], UserMessage(text="What is here?"), first, result
    )

    assert second.text == "One file."
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    body = server.asked[0].body
    assert body["model"] == "openai/gpt-5.5"
    assert body["reasoning_effort"] == "medium"
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool"]
    assert body["messages"][3] == {"role": "tool", "tool_call_id": "call_1", "content": "index.html"}


@pytest.mark.parametrize(("arguments", "says"), [('{"command": "l', "not JSON"), ("[1]", "not a JSON object")])
async def test_arguments_that_cannot_be_read_are_a_problem_of_the_call(
    tmp_path: Path, arguments: str, says: str
) -> None:
    reply, _, _ = await reply_of(tmp_path, [{"calls": [{"name": "bash", "arguments": arguments}]}])
    assert says in reply.calls[0].problem
    assert reply.calls[0].arguments == {}


async def test_a_reply_that_reached_its_limit_says_so(tmp_path: Path) -> None:
    call = {"name": "bash", "arguments": '{"command": "l'}
    reply, _, _ = await reply_of(tmp_path, [{"text": "So", "calls": [call], "finish": "length"}])
    assert reply.stop == "length"
    assert "limit of tokens" in reply.calls[0].problem


async def test_cancelling_closes_the_connection(tmp_path: Path) -> None:
    with Server([{"text": "a long story", "piece": 1, "hang": 4}]) as server:
        async with asked(tmp_path, server.url) as model, anyio.create_task_group() as tasks:
            seen = anyio.Event()

            async def ask() -> None:
                await model.reply(request(), lambda _: seen.set())

            tasks.start_soon(ask)
            await seen.wait()
            tasks.cancel_scope.cancel()
        assert await anyio.to_thread.run_sync(server.wait_closed)


@pytest.mark.parametrize(
    ("step", "again", "retry_after"),
    [
        ({"status": 429, "headers": {"Retry-After": "7"}, "error": {"error": {"message": "slow down"}}}, True, 7.0),
        ({"status": 500}, True, None),
        ({"status": 503, "error": {"error": {"message": "overloaded"}}}, True, None),
        ({"status": 408}, True, None),
        ({"status": 429, "error": {"error": {"message": "no money", "code": "insufficient_quota"}}}, False, None),
        ({"status": 400, "error": {"error": {"message": "bad schema"}}}, False, None),
        ({"status": 401, "error": {"error": {"message": "no such key"}}}, False, None),
        ({"status": 404, "error": {"error": {"message": "no such model"}}}, False, None),
        ({"text": "half a word", "cut": 2}, True, None),
        ({"chunks": ['{"error": {"message": "it broke", "code": "server_error"}}']}, True, None),
        ({"chunks": ["this is not JSON"]}, True, None),
        ({"chunks": ["[DONE]"]}, True, None),
    ],
)
async def test_a_failure_says_whether_asking_again_may_help(
    *, tmp_path: Path, step: Step, again: bool, retry_after: float | None
) -> None:
    failure, _, server = await failure_of(tmp_path, step)
    assert (failure.again, failure.retry_after, failure.overflow) == (again, retry_after, False)
    assert len(server.asked) == 1, "the library must not retry: the agent does"


@pytest.mark.parametrize(
    "error",
    [
        {"message": "This model's maximum context length is 8192 tokens.", "code": "context_length_exceeded"},
        {"message": "litellm.ContextWindowExceededError: prompt is too long: 210000 tokens > 200000 maximum"},
        {"message": "the request exceeds the available context size"},
    ],
)
async def test_a_conversation_that_is_too_long_is_told_apart(tmp_path: Path, error: dict[str, Any]) -> None:
    failure, _, _ = await failure_of(tmp_path, {"status": 400, "error": {"error": error}})
    assert failure.overflow
    assert not failure.again


async def test_what_came_before_a_stream_broke_was_shown(tmp_path: Path) -> None:
    failure, deltas, _ = await failure_of(tmp_path, {"text": "half a word is missing", "piece": 6, "cut": 2})
    assert failure.again
    assert "".join(delta.text for delta in deltas) == "half a"


@pytest.mark.parametrize("step", [{"delay": 30}, {"text": "a b c", "piece": 1, "hang": 2}])
async def test_a_silent_provider_is_given_up(tmp_path: Path, step: Step) -> None:
    failure, _, _ = await failure_of(tmp_path, step, idle=0.3)
    assert failure.again
    assert "silent" in str(failure)


async def test_nobody_listening_is_worth_another_try(tmp_path: Path) -> None:
    with Server([{}]) as server:
        url = server.url
    async with asked(tmp_path, url) as model:
        with pytest.raises(ModelFailed, match="connection") as caught:
            await model.reply(request(), lambda _: None)
    assert caught.value.again


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
async def test_no_error_holds_the_key(tmp_path: Path, status: int) -> None:
    echo = {"error": {"message": f"Bad request with Authorization: Bearer {KEY} and sk-other-key-123456"}}
    failure, _, _ = await failure_of(tmp_path, {"status": status, "error": echo})
    assert KEY not in str(failure)
    assert "sk-other-key-123456" not in str(failure)
    assert "Bad request" in str(failure)
    assert failure.__cause__ is None


async def test_a_provider_without_a_key_is_not_asked(tmp_path: Path) -> None:
    models = Models(state=tmp_path)
    model = models.open(models.find("anthropic", "claude-sonnet-5-5"))
    with pytest.raises(ModelFailed, match="no key for anthropic") as caught:
        await model.reply(request(), lambda _: None)
    await models.aclose()
    assert not caught.value.again


async def test_a_key_that_is_set_counts_at_once(tmp_path: Path) -> None:
    with Server([{"text": "Hi"}]) as server:
        models = Models(state=tmp_path, proxy=LitellmSettings(base_url=server.url, default_model="gpt-5.5"))
        model = models.open(models.default())
        await models.set_key("litellm", "another-key")
        await model.reply(request(), lambda _: None)
        await models.aclose()
    assert server.asked[0].headers["authorization"] == "Bearer another-key"
