"""Tokens and their cost are what the provider counted, by dialect, whatever it calls them."""

import json
from typing import Any

import pytest

from appx.agent.window import tokens_of
from appx.domain.messages import ToolMessage, ToolResult, Usage, UserMessage
from appx.models.catalogue import Api
from tests.fakes.openai_server import Step
from tests.fakes.streams import step
from tests.unit.models.requests import MODELS
from tests.unit.models.test_dialects import reply_of

pytestmark = pytest.mark.anyio

NAMES = frozenset({"usage", "usageMetadata"})


def counting(api: Api, usage: dict[str, Any] | None) -> Step:
    """A stream that says ``usage`` wherever the dialect has a place for it, or nothing of it."""
    planned = dict(step(api, text="Hi."))
    if "chunks" not in planned:
        return planned | {"usage": usage}
    planned["chunks"] = [_with(line, usage) for line in planned["chunks"]]
    return planned


def _with(line: str, usage: dict[str, Any] | None) -> str:
    before, mark, data = line.rpartition("data: ")
    return f"{before}{mark}{json.dumps(_replaced(json.loads(data), usage))}"


def _replaced(found: Any, usage: dict[str, Any] | None) -> Any:  # noqa: ANN401  JSON
    if not isinstance(found, dict):
        return found
    rest = {name: _replaced(value, usage) for name, value in found.items() if name not in NAMES}
    names = NAMES & found.keys() if usage is not None else ()
    return rest | dict.fromkeys(names, usage)


@pytest.mark.parametrize(
    ("api", "reported", "expected"),
    [
        ("openai-completions", {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}, (10, 4, 0, 0)),
        (
            "openai-completions",
            {
                "prompt_tokens": 1_000, "completion_tokens": 50, "total_tokens": 1_050,
                "prompt_tokens_details": {"cached_tokens": 900},
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
            (100, 50, 900, 0),
        ),
        (
            "openai-responses",
            {
                "input_tokens": 1_000, "input_tokens_details": {"cached_tokens": 900, "cache_write_tokens": 60},
                "output_tokens": 50, "output_tokens_details": {"reasoning_tokens": 40}, "total_tokens": 1_050,
            },
            (40, 50, 900, 60),
        ),
        ("anthropic-messages", {"input_tokens": 10, "output_tokens": 4}, (10, 4, 0, 0)),
        (
            "anthropic-messages",
            {
                "input_tokens": 10, "output_tokens": 4, "cache_read_input_tokens": 900,
                "cache_creation_input_tokens": 70,
                "cache_creation": {"ephemeral_5m_input_tokens": 70, "ephemeral_1h_input_tokens": 0},
            },
            (10, 4, 900, 70),
        ),
        (
            "google-generative-ai",
            {
                "promptTokenCount": 1_000, "cachedContentTokenCount": 900, "candidatesTokenCount": 10,
                "thoughtsTokenCount": 40, "totalTokenCount": 1_050,
            },
            (100, 50, 900, 0),
        ),
    ],
)  # fmt: skip
async def test_what_was_counted_is_told_apart_and_priced(
    api: Api, reported: dict[str, Any], expected: tuple[int, int, int, int]
) -> None:
    """Fresh input, output with the thoughts, read from the cache, written to it."""
    info = MODELS[api]
    usage = (await reply_of(info, counting(api, reported))).usage
    assert (usage.input, usage.output, usage.cache_read, usage.cache_write) == expected
    fresh, output, read, write = expected
    prices = info.prices
    assert usage.cost.total == pytest.approx(
        (fresh * prices.input + output * prices.output + read * prices.cache_read + write * prices.cache_write) / 1e6
    )
    assert usage.total == sum(expected)


@pytest.mark.parametrize("api", MODELS)
async def test_what_was_not_counted_is_nought_and_the_window_estimates_it(api: Api) -> None:
    planned = counting(api, None if api != "anthropic-messages" else {"input_tokens": 0, "output_tokens": 0})
    reply = await reply_of(MODELS[api], planned)
    assert (reply.text, reply.usage) == ("Hi.", Usage())
    asked = UserMessage(text="x" * 4_000)
    assert 1_000 <= tokens_of("", [asked, reply]) <= 1_020


@pytest.mark.parametrize("api", MODELS)
async def test_the_window_takes_what_was_counted_and_estimates_only_what_came_after(api: Api) -> None:
    reply = await reply_of(MODELS[api], step(api, text="Hi.", call=("bash", {"command": "ls"})))
    assert reply.usage.total == 120
    asked = UserMessage(text="x" * 40_000)
    result = ToolResult(ok=True, text="y" * 4_000)
    after = ToolMessage(call_id=reply.calls[0].id, tool="bash", result=result)
    assert tokens_of("z" * 4_000, [asked, reply]) == 120
    assert 1_120 <= tokens_of("z" * 4_000, [asked, reply, after]) <= 1_130
