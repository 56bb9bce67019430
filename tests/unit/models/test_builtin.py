"""The catalogue says what the packages say that it cites: genai-prices and pydantic-ai's profiles."""

from collections.abc import Mapping
from decimal import Decimal

import httpx2
import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo as Priced
from genai_prices.types import ModelPrice, TieredPrices
from pydantic import SecretStr

from appx.domain.messages import ThinkingLevel
from appx.models.builtin import BUILTIN, PROVIDER_NAMES, known
from appx.models.catalogue import LEVELS, ModelInfo, Prices
from appx.models.dialects import client_for

UNKNOWN: Mapping[str, str] = {}
"""Models of ours that genai-prices does not know, each with the reason why it may stand in the catalogue."""

FIELDS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
}

each_model = pytest.mark.parametrize("info", BUILTIN, ids=lambda info: info.id)
each_priced_model = pytest.mark.parametrize(
    "info", [info for info in BUILTIN if info.id not in UNKNOWN], ids=lambda info: info.id
)


def priced(info: ModelInfo) -> Priced | None:
    provider = next(each for each in get_snapshot().providers if each.id == info.provider)
    found = provider.find_model(info.id)
    return found if found is not None and found.id == info.id else None


def last_price(found: Priced) -> ModelPrice:
    """Where the price changes at a date: the one of the latest date."""
    return found.prices[-1].prices if isinstance(found.prices, list) else found.prices


def amount(price: Decimal | TieredPrices | None, *, long: bool) -> float:
    if isinstance(price, TieredPrices):
        (tier,) = price.tiers
        return float(tier.price if long else price.base)
    return float(price or 0)


def starts(price: ModelPrice) -> set[int]:
    """From how many tokens of input on the tiers of ``price`` hold."""
    found = [getattr(price, field) for field in FIELDS.values()]
    return {tier.start for each in found if isinstance(each, TieredPrices) for tier in each.tiers}


def test_only_the_models_that_say_why_are_unknown_to_genai_prices() -> None:
    assert {info.id for info in BUILTIN if priced(info) is None} == set(UNKNOWN)


@each_priced_model
def test_a_price_is_that_of_genai_prices(info: ModelInfo) -> None:
    found = priced(info)
    assert found is not None
    price = last_price(found)
    for prices, long in ((info.prices, False), (info.long_prices or info.prices, True)):
        told = {field: amount(getattr(price, theirs), long=long) for field, theirs in FIELDS.items()}
        assert prices == Prices(**told)
    assert starts(price) == ({info.long_from} if info.long_prices else set())


@each_priced_model
def test_a_window_and_a_name_are_those_of_genai_prices(info: ModelInfo) -> None:
    found = priced(info)
    assert found is not None
    assert info.context_window == found.context_window
    assert info.name.lower() == (found.name or "").lower()
    assert not found.deprecated


def profile_of(info: ModelInfo) -> Mapping[str, object]:
    client = client_for(info, key=SecretStr("a-key"), http=httpx2.AsyncClient(timeout=60))
    return dict(client.profile)


@each_model
def test_a_model_can_be_told_not_to_think_only_when_it_then_does_not(info: ModelInfo) -> None:
    profile = profile_of(info)
    off = not profile["thinking_always_enabled"]
    match info.api:
        case "openai-responses":
            off = bool(profile["openai_supports_reasoning_effort_none"])
        case "google-generative-ai":
            off = not profile["google_supports_thinking_level"]
        case _:
            pass
    assert ("off" in info.thinking) is off
    assert info.reasoning is profile["supports_thinking"] is True
    assert ("image" in info.input) is profile["supports_image_input"]


@each_model
def test_a_level_is_one_that_the_profile_has(info: ModelInfo) -> None:
    profile = profile_of(info)
    assert list(info.thinking) == sorted(info.thinking, key=LEVELS.index)
    assert info.default_thinking in info.thinking
    denied: dict[ThinkingLevel, bool] = {}
    match info.api:
        case "anthropic-messages":
            assert info.max_tokens == profile["anthropic_max_output_tokens"]
            assert ("xhigh" in info.thinking) is profile["anthropic_supports_xhigh_effort"]
            denied = {"minimal": bool(profile["anthropic_supports_adaptive_thinking"])}
        case "openai-responses":
            efforts = profile.get("openai_reasoning_efforts")
            assert efforts is None or {*info.thinking} - {"off"} <= {*efforts}  # type: ignore[misc]
            denied = {"minimal": not profile["openai_supports_minimal_reasoning_effort"]}
        case "google-generative-ai":
            denied = {"minimal": not profile["google_supports_minimal_thinking_level"], "xhigh": True}
        case _:
            pass
    assert not [level for level, no in denied.items() if no and level in info.thinking]


def test_ids_are_unique_and_every_provider_has_a_default() -> None:
    assert len({(info.provider, info.id) for info in BUILTIN}) == len(BUILTIN)
    assert {info.provider for info in BUILTIN} == set(PROVIDER_NAMES)


def test_a_model_is_known_by_the_last_part_of_its_id() -> None:
    found = known("litellm/openai/gpt-5.5")
    assert found is not None
    assert found.id == "gpt-5.5"
    assert known("openai/gpt-5.5-unheard-of") is None
