"""What arrives at a provider, by dialect: asked over a real socket, at an address of our own."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from appx.domain.messages import Message, Reply, ThinkingLevel, ToolMessage, ToolResult, ToolSpec, UserMessage
from appx.models.builtin import BUILTIN
from appx.models.catalogue import Api, ModelInfo
from appx.models.credentials import Credentials, Tokens
from appx.models.entry import ModelEntry
from appx.models.litellm import LitellmSettings
from appx.models.model import Request
from appx.models.registry import Models
from tests.fakes.openai_server import Asked, Server, Step
from tests.fakes.streams import CALL_ID, step

pytestmark = pytest.mark.anyio

KEY = "canary-key-0123456789"
TOKEN = "canary-token-0123456789"
SYSTEM = "You build apps."
SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}}
BASH = ToolSpec(name="bash", description="Run a command.", schema=SCHEMA)
PLAN: tuple[tuple[str, Api], ...] = (
    ("claude-sonnet-5-5", "anthropic-messages"),
    ("gpt-5.5", "openai-responses"),
    ("gemini-3.5-flash", "google-generative-ai"),
)
PROXIED = ModelEntry(id="openai/gpt-5.5").info(provider="litellm", api="openai-completions", base_url="http://later")


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """Two requests with a tool call between them: what came in there, what came out here."""

    asked: list[Asked]
    replies: list[Reply]


def builtin(model_id: str) -> ModelInfo:
    return next(info for info in BUILTIN if info.id == model_id)


async def talk(state: Path, info: ModelInfo, *, thinking: ThinkingLevel = "medium") -> Talk:
    plan = [step(info.api, text="I look.", call=("bash", {"command": "ls"})), step(info.api, text="One file.")]
    messages: list[Message] = [UserMessage(text="What is here?")]
    replies: list[Reply] = []
    with Server(plan) as server:
        models = Models(state=state, keys={info.provider: SecretStr(KEY)})
        address = server.url if info.api.startswith("openai") else server.url.removesuffix("/v1")
        model = models.open(replace(info, base_url=address))
        for _ in plan:
            request = Request(system=SYSTEM, messages=messages, tools=(BASH,), thinking=thinking, session="s1")
            reply = await model.reply(request, lambda _: None)
            replies.append(reply)
            messages.append(reply)
            result = ToolResult(ok=True, text="index.html")
            messages += [ToolMessage(call_id=call.id, tool=call.name, result=result) for call in reply.calls]
        await models.aclose()
    return Talk(asked=server.asked, replies=replies)


async def reply_of(info: ModelInfo, planned: Step) -> Reply:
    """What a stream makes."""
    with tempfile.TemporaryDirectory() as state, Server([planned]) as server:
        models = Models(state=Path(state), keys={info.provider: SecretStr(KEY)})
        address = server.url if info.api.startswith("openai") else server.url.removesuffix("/v1")
        ask = Request(system=SYSTEM, messages=(UserMessage(text="hi"),), tools=(BASH,), thinking="medium", session="s1")
        try:
            return await models.open(replace(info, base_url=address)).reply(ask, lambda _: None)
        finally:
            await models.aclose()


async def body(state: Path, info: ModelInfo, thinking: ThinkingLevel) -> dict[str, Any]:
    return (await talk(state, info, thinking=thinking)).asked[0].body


def texts(value: object) -> Iterable[str]:
    """All strings in a body."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)


@pytest.mark.parametrize("info", [*(builtin(name) for name, _ in PLAN), PROXIED], ids=lambda info: info.api)
async def test_every_dialect_sends_the_key_the_instructions_the_tools_and_the_conversation(
    tmp_path: Path, info: ModelInfo
) -> None:
    done = await talk(tmp_path, info)
    first, second = done.asked
    assert [value for value in first.headers.values() if KEY in value], "the key is in a header"
    assert KEY not in first.path, "and nowhere else"
    assert not [text for text in texts(first.body) if KEY in text]
    assert info.id in first.path or first.body["model"] == info.id
    for expected in (SYSTEM, "bash", "Run a command.", "What is here?"):
        assert [text for text in texts(first.body) if text == expected], expected
    for expected in ("I look.", "index.html", CALL_ID):
        assert [text for text in texts(second.body) if text == expected], expected


@pytest.mark.parametrize("info", [*(builtin(name) for name, _ in PLAN), PROXIED], ids=lambda info: info.api)
async def test_every_dialect_gives_text_calls_and_usage(tmp_path: Path, info: ModelInfo) -> None:
    first, second = (await talk(tmp_path, info)).replies
    (call,) = first.calls
    assert (call.id, call.name, dict(call.arguments)) == (CALL_ID, "bash", {"command": "ls"})
    assert (first.text, first.stop) == ("I look.", "toolUse")
    assert (second.text, second.stop) == ("One file.", "stop")
    assert (first.usage.input, first.usage.cache_read, first.usage.output) == (40, 60, 20)
    assert first.usage.cost == info.cost(fresh=40, output=20, cache_read=60, cache_write=0)
    assert first.model == info.ref


@pytest.mark.parametrize("info", [*(builtin(name) for name, _ in PLAN), PROXIED], ids=lambda info: info.api)
async def test_every_dialect_sends_an_access_token_as_a_bearer_token_and_nowhere_else(
    tmp_path: Path, info: ModelInfo
) -> None:
    await Credentials(tmp_path / "credentials.json", {}).put(info.provider, Tokens(access=SecretStr(TOKEN)))
    for asked in (await talk(tmp_path, info)).asked:
        assert {name: value for name, value in asked.headers.items() if TOKEN in value or KEY in value} == {
            "authorization": f"Bearer {TOKEN}"
        }
        assert "x-goog-api-key" not in asked.headers
        assert TOKEN not in asked.path
        assert not [text for text in texts(asked.body) if TOKEN in text]


async def test_anthropic_is_told_what_to_cache_and_how_long_a_reply_may_be(tmp_path: Path) -> None:
    done = await talk(tmp_path, builtin("claude-sonnet-5-5"))
    assert done.asked[0].path == "/v1/messages"
    sent = done.asked[1].body
    assert sent["system"][-1]["cache_control"]["type"] == "ephemeral"
    assert sent["tools"][-1]["cache_control"]["type"] == "ephemeral"
    assert sent["messages"][-1]["content"][-1]["cache_control"]["type"] == "ephemeral"
    assert sent["messages"][-1]["content"][-1]["tool_use_id"] == CALL_ID
    assert sent["max_tokens"] == 128_000


@pytest.mark.parametrize(
    ("model_id", "level", "thinking", "effort"),
    [
        ("claude-sonnet-5-5", "high", {"type": "adaptive", "display": "summarized"}, "high"),
        ("claude-sonnet-5-5", "minimal", {"type": "adaptive", "display": "summarized"}, "low"),
        ("claude-sonnet-5-5", "off", {"type": "between_tools"}, None),
        ("claude-haiku-5-5", "off", {"type": "disabled"}, None),
        ("claude-opus-5-5", "off", {"type": "adaptive", "display": "summarized"}, "low"),
        ("claude-haiku-4-5", "medium", {"type": "enabled", "budget_tokens": 10_000}, None),
        ("claude-haiku-4-5", "off", None, None),
    ],
)
async def test_anthropic_is_told_how_much_to_think(
    *, tmp_path: Path, model_id: str, level: ThinkingLevel, thinking: dict[str, object] | None, effort: str | None
) -> None:
    sent = await body(tmp_path, builtin(model_id), level)
    assert sent.get("thinking") == thinking
    assert sent.get("output_config", {}).get("effort") == effort


@pytest.mark.parametrize(
    ("model_id", "level", "effort", "summary"),
    [
        ("gpt-5.5", "xhigh", "xhigh", "auto"),
        ("gpt-5.5", "minimal", "low", "auto"),
        ("gpt-5.5", "off", "none", None),
        ("gpt-6.1-sol", "off", "low", "auto"),
    ],
)
async def test_openai_is_told_how_much_to_think_and_to_store_nothing(
    *, tmp_path: Path, model_id: str, level: ThinkingLevel, effort: str, summary: str | None
) -> None:
    done = await talk(tmp_path, builtin(model_id), thinking=level)
    sent = done.asked[0].body
    assert done.asked[0].path == "/v1/responses"
    assert (sent["reasoning"]["effort"], sent["reasoning"].get("summary")) == (effort, summary)
    assert sent["store"] is False
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert sent["prompt_cache_key"] == "s1"
    assert sent["instructions"] == SYSTEM
    assert "previous_response_id" not in done.asked[1].body


@pytest.mark.parametrize(
    ("model_id", "level", "config"),
    [
        ("gemini-4-argon", "high", {"include_thoughts": True, "thinking_level": "HIGH"}),
        ("gemini-4-argon", "off", {"include_thoughts": True, "thinking_level": "LOW"}),
        ("gemini-3.5-flash", "off", {"include_thoughts": True, "thinking_level": "MINIMAL"}),
        ("gemini-2.5-flash", "medium", {"include_thoughts": True, "thinking_budget": 8_192}),
        ("gemini-2.5-flash", "off", {"thinking_budget": 0}),
    ],
)
async def test_gemini_is_told_how_much_to_think(
    tmp_path: Path, model_id: str, level: ThinkingLevel, config: dict[str, object]
) -> None:
    done = await talk(tmp_path, builtin(model_id), thinking=level)
    assert done.asked[0].path == f"/v1beta/models/{model_id}:streamGenerateContent?alt=sse"
    assert done.asked[0].headers["x-goog-api-key"] == KEY
    assert done.asked[0].body["generationConfig"]["thinkingConfig"] == config


async def test_a_proxy_is_told_the_limit_of_a_reply_and_the_level_by_the_providers_name(tmp_path: Path) -> None:
    sent = await body(tmp_path, PROXIED, "off")
    assert (sent["max_completion_tokens"], sent["reasoning_effort"]) == (128_000, "none")
    old = replace(PROXIED, compat={"maxTokensField": "max_tokens", "supportsReasoningEffort": False})
    sent = await body(tmp_path, old, "high")
    assert sent["max_tokens"] == 128_000
    assert "reasoning_effort" not in sent
    assert "max_completion_tokens" not in sent


async def test_a_level_that_is_mapped_goes_out_by_its_other_name(tmp_path: Path) -> None:
    entry = ModelEntry.model_validate({"id": "mine", "reasoning": True, "thinkingLevelMap": {"high": "max"}})
    info = entry.info(provider="litellm", api="openai-completions", base_url="http://later")
    assert (await body(tmp_path, info, "high"))["reasoning_effort"] == "max"
    assert (await body(tmp_path, info, "low"))["reasoning_effort"] == "low"
    assert "reasoning_effort" not in await body(tmp_path, info, "off")


async def test_a_proxy_that_needs_no_key_is_asked_without_one_of_ours(tmp_path: Path) -> None:
    with Server([{"text": "Hi"}]) as server:
        models = Models(
            state=tmp_path,
            keys={"anthropic": SecretStr(KEY)},
            proxy=LitellmSettings(base_url=server.url, default_model="m"),
        )
        ask = Request(system="", messages=(UserMessage(text="hi"),), tools=(), thinking="off", session="s")
        await models.open(models.default()).reply(ask, lambda _: None)
        await models.aclose()
    assert KEY not in repr(server.asked)


@pytest.mark.parametrize(("model_id", "api"), PLAN[:2])
async def test_an_address_of_the_operator_is_where_a_provider_is_asked(tmp_path: Path, model_id: str, api: Api) -> None:
    info = builtin(model_id)
    with Server([step(api, text="Hi")]) as server:
        address = server.url if info.provider == "openai" else server.url.removesuffix("/v1")
        models = Models(state=tmp_path, keys={info.provider: SecretStr(KEY)}, addresses={info.provider: address})
        ask = Request(system="", messages=(UserMessage(text="hi"),), tools=(), thinking="off", session="s")
        reply = await models.open(models.find(info.provider, info.id)).reply(ask, lambda _: None)
        await models.aclose()
    assert reply.text == "Hi"
    assert reply.usage.cost.total > 0
    assert len(server.asked) == 1
