"""What an app wants of a reply arrives at each provider in its own words, as far as it knows them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from appx.domain.messages import ToolSpec, UserMessage
from appx.models.catalogue import ModelInfo
from appx.models.model import REQUIRED, Form, JsonOutput, Request
from appx.models.registry import Models
from tests.fakes.openai_server import Server
from tests.fakes.streams import step
from tests.unit.models.test_dialects import BASH, KEY, PROXIED, builtin

pytestmark = pytest.mark.anyio

SCHEMA = {
    "type": "object", "properties": {"tea": {"type": "string"}}, "required": ["tea"], "additionalProperties": False,
}  # fmt: skip
WANTED = JsonOutput(schema=SCHEMA, name="choice")
INFOS = [builtin("claude-haiku-5-5"), builtin("gpt-5.5"), builtin("gemini-2.5-flash"), PROXIED]


async def sent(state: Path, info: ModelInfo, form: Form, *, tools: Sequence[ToolSpec] = ()) -> dict[str, Any]:
    """The body that the provider got."""
    with Server([step(info.api, text='{"tea": "green"}')]) as server:
        address = server.url if info.api.startswith("openai") else server.url.removesuffix("/v1")
        models = Models(state=state, keys={info.provider: SecretStr(KEY)})
        said = [UserMessage(text="Tea? Answer as JSON.")]
        asked = Request(system="", messages=said, tools=tools, thinking="off", session="s", form=form)
        try:
            await models.open(replace(info, base_url=address)).reply(asked, lambda _: None)
        finally:
            await models.aclose()
        return server.asked[0].body


@pytest.mark.parametrize("info", INFOS, ids=lambda info: info.api)
async def test_the_most_tokens_of_a_reply_are_told_to_every_provider(tmp_path: Path, info: ModelInfo) -> None:
    body = await sent(tmp_path, info, Form(max_tokens=77))
    told = {
        "anthropic-messages": lambda: body["max_tokens"],
        "openai-responses": lambda: body["max_output_tokens"],
        "google-generative-ai": lambda: body["generationConfig"]["maxOutputTokens"],
        "openai-completions": lambda: body["max_completion_tokens"],
    }
    assert told[info.api]() == 77


@pytest.mark.parametrize("info", INFOS, ids=lambda info: info.api)
async def test_a_schema_is_told_to_every_provider(tmp_path: Path, info: ModelInfo) -> None:
    body = await sent(tmp_path, info, Form(max_tokens=77, output=WANTED))
    told = {
        "anthropic-messages": lambda: body["output_config"]["format"]["schema"],
        "openai-responses": lambda: body["text"]["format"]["schema"],
        "google-generative-ai": lambda: body["generationConfig"]["responseJsonSchema"],
        "openai-completions": lambda: body["response_format"]["json_schema"]["schema"],
    }
    assert told[info.api]()["properties"].keys() == {"tea"}


def forced(info: ModelInfo, body: dict[str, Any]) -> bool:
    """Whether the provider was told that a tool must be called."""
    if info.api == "google-generative-ai":
        return bool(body["toolConfig"]["functionCallingConfig"]["mode"] == "ANY")
    choice = body["tool_choice"]
    if info.api == "anthropic-messages":
        return choice["type"] in {"any", "tool"}
    return choice not in ("auto", "none")


@pytest.mark.parametrize("info", INFOS, ids=lambda info: info.api)
async def test_that_a_tool_must_be_called_is_told_to_every_provider(tmp_path: Path, info: ModelInfo) -> None:
    for tool in (REQUIRED, BASH.name):
        body = await sent(tmp_path, info, Form(max_tokens=77, tool=tool), tools=(BASH,))
        assert forced(info, body)


async def test_a_conversation_that_does_not_go_on_is_not_written_to_a_cache(tmp_path: Path) -> None:
    info = builtin("claude-haiku-5-5")
    assert "cache_control" in str(await sent(tmp_path, info, Form()))
    assert "cache_control" not in str(await sent(tmp_path, info, Form(goes_on=False)))


def doubling(depth: int) -> dict[str, Any]:
    """A schema that is 2 ** depth times as large when each ``$ref`` is written out."""
    parts: dict[str, Any] = {
        f"d{each}": {"type": "object", "properties": {name: {"$ref": f"#/$defs/d{each + 1}"} for name in "ab"}}
        for each in range(depth)
    }
    parts[f"d{depth}"] = {"type": "string"}
    return {"type": "object", "properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": parts}


FAMILIES = (
    "alibaba/qwen3-max", "amazon/nova-pro", "deepseek/deepseek-v4", "google/gemini-3.5-flash", "gpt-oss-120b",
    "meta-llama/llama-4-scout", "meta/llama-4-scout", "mistralai/mistral-large", "moonshotai/kimi-k2",
    "openai/gpt-oss-120b", "qwen/qwen3-coder", "x-ai/grok-5", "z-ai/glm-5.3",
)  # fmt: skip
"""Ids of a kind by which the library chooses what it does with a schema."""


@pytest.mark.parametrize(
    "info",
    [*INFOS, *(replace(PROXIED, id=each) for each in FAMILIES), replace(builtin("gpt-5.5"), id="gpt-oss-120b")],
    ids=lambda info: f"{info.api} {info.id}",
)
async def test_a_schema_goes_out_no_larger_than_it_came(tmp_path: Path, info: ModelInfo) -> None:
    """What may be spent was reserved by its size; written out, a kilobyte becomes a megabyte that nobody reserved."""
    schema = doubling(10)
    called = await sent(tmp_path, info, Form(), tools=[ToolSpec(name="look", description="", schema=schema)])
    answered = await sent(tmp_path, info, Form(output=JsonOutput(schema=schema, name="answer")))
    assert max(len(json.dumps(body)) for body in (called, answered)) < 4 * len(json.dumps(schema))
