"""What goes over the network to a provider, recorded on loopback, for the snapshots in ``data/requests``.

To renew them after a change that is meant, and to read what it did:

    make snapshots && git diff tests/unit/models/data
"""

import json
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import anyio
from pydantic import SecretStr

from appx.domain.conversation import conversation
from appx.domain.messages import Message, ThinkingLevel, ToolSpec, UserMessage
from appx.models.builtin import BUILTIN
from appx.models.catalogue import LEVELS, Api, ModelInfo
from appx.models.entry import ModelEntry
from appx.models.model import Request
from appx.models.registry import Models
from tests.fakes.conversations import CONVERSATIONS
from tests.fakes.openai_server import Asked, Server
from tests.fakes.streams import step

Json: TypeAlias = dict[str, Any]
Record: TypeAlias = Callable[..., Awaitable[Json]]

DATA = Path(__file__).parent / "data" / "requests"
KEY = "canary-key-0123456789"
HEADERS = ("accept-encoding", "anthropic-beta", "anthropic-version", "authorization", "content-type", "x-api-key",
           "x-goog-api-key")  # fmt: skip
COMMON = frozenset(
    {"model", "messages", "input", "contents", "system", "systemInstruction", "instructions", "tools", "stream"}
)
SYSTEM = "You build apps."
TOOLS = (
    ToolSpec(
        name="bash",
        description="Run a command.",
        schema={"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
    ),
    ToolSpec(
        name="read",
        description="Show a file.",
        schema={
            "type": "object",
            "properties": {"path": {"type": "string"}, "offset": {"anyOf": [{"type": "integer"}, {"type": "null"}]}},
            "required": ["path"],
        },
    ),
)
PROXIED = replace(
    ModelEntry(id="openai/gpt-5.5").info(provider="litellm", api="openai-completions", base_url="http://later"),
    id="my-proxy/gpt-5.5",
)
MODELS: Mapping[Api, ModelInfo] = {
    "anthropic-messages": next(info for info in BUILTIN if info.id == "claude-sonnet-5-5"),
    "openai-responses": next(info for info in BUILTIN if info.id == "gpt-5.5"),
    "google-generative-ai": next(info for info in BUILTIN if info.id == "gemini-3.5-flash"),
    "openai-completions": PROXIED,
}


@asynccontextmanager
async def recording(api: Api) -> AsyncIterator[Record]:
    """A function that makes the one request for a conversation: its path, the headers that matter, its body."""
    with tempfile.TemporaryDirectory() as state, Server([step(api, text="Well.")]) as server:
        keys = {provider: SecretStr(KEY) for provider in ("anthropic", "openai", "google", "litellm")}
        models = Models(state=Path(state), keys=keys)
        address = server.url if api.startswith("openai") else server.url.removesuffix("/v1")

        async def record(info: ModelInfo, messages: Sequence[Message], thinking: ThinkingLevel = "medium") -> Json:
            request = Request(system=SYSTEM, messages=messages, tools=TOOLS, thinking=thinking, session="session-1")
            await models.open(replace(info, base_url=address)).reply(request, lambda _: None)
            return _normal(server.asked.pop())

        try:
            yield record
        finally:
            await models.aclose()


def _normal(asked: Asked) -> Json:
    """Without the key, the address and what the library tells of itself."""
    headers = {name: asked.headers[name].replace(KEY, "<key>") for name in HEADERS if name in asked.headers}
    return {"path": asked.path, "headers": headers, "body": asked.body}


async def conversations(api: Api) -> dict[str, Json]:
    """Every conversation of the shared list, by name."""
    info = MODELS[api]
    async with recording(api) as record:
        return {name: await record(info, conversation(said(info.ref))) for name, said in CONVERSATIONS.items()}


async def levels(api: Api) -> dict[str, Json]:
    """How every model of the catalogue is told to think, by level: the body without what all have in common."""
    found: dict[str, Json] = {}
    async with recording(api) as record:
        for info in (each for each in (*BUILTIN, PROXIED) if each.api == api):
            for level in LEVELS:
                body = (await record(info, [UserMessage(text="Hi")], level))["body"]
                found[f"{info.id} {level}"] = {name: value for name, value in body.items() if name not in COMMON}
    return found


def text_of(found: object) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


async def renew() -> None:
    for api in MODELS:
        directory = DATA / api
        directory.mkdir(parents=True, exist_ok=True)
        for name, found in (await conversations(api)).items():
            (directory / f"{name}.json").write_text(text_of(found))
        (directory / "levels.json").write_text(text_of(await levels(api)))


if __name__ == "__main__":
    anyio.run(renew)
