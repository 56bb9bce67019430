"""What is known of a model: its dialect, its limits, how it thinks, what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from appx.domain.messages import Cost, ModelRef, ThinkingLevel

Api: TypeAlias = Literal[
    "openai-completions", "openai-responses", "anthropic-messages", "google-generative-ai", "scripted"
]
"""The dialect that is spoken with a model."""

InputKind: TypeAlias = Literal["text", "image"]

LEVELS: tuple[ThinkingLevel, ...] = get_args(ThinkingLevel)
"""From least to most."""

PER_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """US dollars per million tokens. ``input`` is for what was neither read from nor written to a cache."""

    input: float = 0.0
    output: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0


FREE = Prices()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """One model of one provider.

    ``context_window``, ``max_tokens``: tokens; what fits in all, and what one reply may have.
    ``thinking``: the levels that it has, from least to most; without reasoning only ``off``.
    ``thinking_values``: what the provider calls a level, where that is not the level's own name.
    ``long_prices`` hold for a request with more than ``long_from`` tokens of input.
    ``sends_max_tokens``: the provider is told ``max_tokens``; otherwise it is left to its own limit.
    ``base_url``: where it is asked; empty: where the provider's own library asks.
    ``added``: the provider was added over the API, and not by the operator.
    """

    provider: str
    id: str
    name: str
    api: Api
    reasoning: bool = False
    input: tuple[InputKind, ...] = ("text",)
    context_window: int = 128_000
    max_tokens: int = 16_384
    sends_max_tokens: bool = False
    default_thinking: ThinkingLevel | None = None
    thinking: tuple[ThinkingLevel, ...] = ("off",)
    thinking_values: Mapping[ThinkingLevel, str] = field(default_factory=dict)
    prices: Prices = FREE
    long_prices: Prices | None = None
    long_from: int = 0
    base_url: str = ""
    added: bool = False
    compat: Mapping[str, object] = field(default_factory=dict)

    @property
    def ref(self) -> ModelRef:
        return ModelRef(provider=self.provider, id=self.id, api=self.api)

    def clamp(self, level: ThinkingLevel) -> ThinkingLevel:
        return clamp(level, self.thinking)

    def cost(self, *, fresh: int, output: int, cache_read: int, cache_write: int) -> Cost:
        """What tokens cost. ``fresh``: input that was neither read from nor written to a cache."""
        long = self.long_prices is not None and fresh + cache_read + cache_write > self.long_from
        prices = self.long_prices if long and self.long_prices else self.prices
        return Cost(
            input=fresh * prices.input / PER_MILLION,
            output=output * prices.output / PER_MILLION,
            cache_read=cache_read * prices.cache_read / PER_MILLION,
            cache_write=cache_write * prices.cache_write / PER_MILLION,
        )

    @property
    def is_priced(self) -> bool:
        """Whether it is known what it costs. The script is known to cost nothing."""
        return self.api == "scripted" or self.prices != FREE

    def most(self, *, input: int, output: int) -> float:  # noqa: A002  as in Usage
        """The US dollars that no request with so many tokens costs more than, however much of it a cache takes."""
        long = self.long_prices is not None and input > self.long_from
        tiers = [self.prices] + ([self.long_prices] if long and self.long_prices else [])
        highest = max(max(each.input, each.cache_read, each.cache_write) for each in tiers)
        return (input * highest + output * max(each.output for each in tiers)) / PER_MILLION


def clamp(level: ThinkingLevel, supported: tuple[ThinkingLevel, ...]) -> ThinkingLevel:
    """The level itself when it is supported, else the next higher one, else the highest: never less than asked for
    while there is more. Without any supported level: ``off``.
    """
    wanted = LEVELS.index(level)
    ranks = sorted(LEVELS.index(each) for each in supported)
    if not ranks:
        return "off"
    return LEVELS[next((rank for rank in ranks if rank >= wanted), ranks[-1])]


def levels(*, reasoning: bool, mapped: Mapping[ThinkingLevel, str | None]) -> tuple[ThinkingLevel, ...]:
    """The levels of a model that somebody configured.

    A level mapped to null is not supported; ``xhigh`` only when it is mapped; the others unless they are.
    """
    if not reasoning:
        return ("off",)
    return tuple(
        level for level in LEVELS if mapped.get(level, "") is not None and (level != "xhigh" or mapped.get(level))
    )


DEMO = ModelInfo(provider="scripted", id="demo", name="Scripted demo (no language model)", api="scripted")
