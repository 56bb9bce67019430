"""What people leave out of a model's entry is taken from the catalogue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from appx.models.builtin import BUILTIN
from appx.models.catalogue import ModelInfo, Prices
from appx.models.entry import ConfiguredApi, ModelEntry

API: ConfiguredApi = "openai-completions"
URL = "http://proxy:4000"


def info(**fields: object) -> ModelInfo:
    return ModelEntry.model_validate(fields).info(provider="litellm", api=API, base_url=URL)


@given(st.sampled_from(BUILTIN))
def test_a_model_that_is_known_needs_only_its_id(known: ModelInfo) -> None:
    found = info(id=f"some/{known.id}")
    assert (found.provider, found.id, found.name, found.api) == ("litellm", f"some/{known.id}", known.name, API)
    for field in (
        "context_window",
        "max_tokens",
        "prices",
        "long_prices",
        "long_from",
        "thinking",
        "reasoning",
        "input",
    ):
        assert getattr(found, field) == getattr(known, field)
    assert found.base_url == URL
    assert found.sends_max_tokens, "the proxy may not know the model's own limit"


def test_a_model_that_nobody_knows_is_taken_for_a_plain_one() -> None:
    found = info(id="my/llama")
    assert found.name == "my/llama"
    assert (found.reasoning, found.thinking, found.input) == (False, ("off",), ("text",))
    assert found.prices == Prices()
    assert not found.sends_max_tokens


def test_what_the_entry_says_goes_before_what_the_catalogue_says() -> None:
    found = info(
        id="openai/gpt-5.5",
        name="Mine",
        api="openai-responses",
        input=["text"],
        contextWindow=8_000,
        maxTokens=500,
        cost={"input": 1, "output": 2, "cacheRead": 3, "cacheWrite": 4},
        defaultThinkingLevel="low",
        thinkingLevelMap={"off": None, "minimal": None, "medium": "mid", "xhigh": "max", "loud": "x"},
        compat={"maxTokensField": "max_tokens"},
        unheardOf="is left out",
    )
    assert (found.name, found.api, found.input) == ("Mine", "openai-responses", ("text",))
    assert (found.context_window, found.max_tokens, found.sends_max_tokens) == (8_000, 500, True)
    assert found.prices == Prices(input=1, output=2, cache_read=3, cache_write=4)
    assert found.long_prices is None, "the prices of the catalogue for long requests are not mixed with own ones"
    assert found.default_thinking == "low"
    assert found.thinking == ("low", "medium", "high", "xhigh")
    assert found.thinking_values == {"medium": "mid", "xhigh": "max"}
    assert found.compat == {"maxTokensField": "max_tokens"}


def test_a_model_that_does_not_reason_has_no_level_to_choose() -> None:
    found = info(id="openai/gpt-5.5", reasoning=False)
    assert (found.thinking, found.default_thinking) == (("off",), None)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"id": ""},
        {"id": "m", "contextWindow": 0},
        {"id": "m", "maxTokens": -1},
        {"id": "m", "api": "smoke-signals"},
        {"id": "m", "cost": {"input": -1}},
        {"id": "m", "thinkingLevelMap": {"low": 7}},
        {"id": "m", "input": ["smell"]},
    ],
)
def test_what_cannot_be_a_model_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ModelEntry.model_validate(fields)
