"""What an app wants of a reply arrives at each provider in its own words, as far as it knows them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from appx.domain.messages import UserMessage
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


async def sent(state: Path, info: ModelInfo, form: Form, *, tools: bool = False) -> dict[str, Any]:
    """The body that the provider got."""
    with Server([step(info.api, text='{"tea": "green"}')]) as server:
        address = server.url if info.api.startswith("openai") else server.url.removesuffix("/v1")
        models = Models(state=state, keys={info.provider: SecretStr(KEY)})
        said = [UserMessage(text="Tea? Answer as JSON.")]
        asked = Request(
            system="", messages=said, tools=(BASH,) if tools else (), thinking="off", session="s", form=form
        )
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
        body = await sent(tmp_path, info, Form(max_tokens=77, tool=tool), tools=True)
        assert forced(info, body)


async def test_a_conversation_that_does_not_go_on_is_not_written_to_a_cache(tmp_path: Path) -> None:
    info = builtin("claude-haiku-5-5")
    assert "cache_control" in str(await sent(tmp_path, info, Form()))
    assert "cache_control" not in str(await sent(tmp_path, info, Form(goes_on=False)))
