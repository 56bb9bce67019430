"""A model as people write it in a JSON file or a request."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from pydantic.alias_generators import to_camel

from appx.domain.messages import ThinkingLevel
from appx.models.builtin import known
from appx.models.catalogue import LEVELS, InputKind, ModelInfo, Prices, levels

ConfiguredApi: TypeAlias = Literal["openai-completions", "openai-responses", "anthropic-messages"]


class Wire(BaseModel):
    """camelCase outside, snake_case inside. Unknown fields are left out."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class CostEntry(Wire):
    """US dollars per million tokens."""

    input: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    output: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    cache_read: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    cache_write: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class ModelEntry(Wire):
    """Only ``id`` is needed. What is left out is taken from the catalogue when it knows a model of that name."""

    id: str = Field(min_length=1)
    name: str | None = None
    api: ConfiguredApi | None = None
    reasoning: bool | None = None
    thinking_level_map: dict[str, str | None] | None = None
    """Levels that appx does not know are left alone: the contract takes any."""
    default_thinking_level: ThinkingLevel | None = None
    input: tuple[InputKind, ...] | None = None
    context_window: PositiveInt | None = None
    max_tokens: PositiveInt | None = None
    cost: CostEntry | None = None
    compat: dict[str, object] = Field(default_factory=dict)

    def info(self, *, provider: str, api: ConfiguredApi, base_url: str) -> ModelInfo:
        base = known(self.id) or ModelInfo(provider=provider, id=self.id, name=self.id, api=api)
        reasoning = base.reasoning if self.reasoning is None else self.reasoning
        given = self.thinking_level_map or {}
        mapped = {level: given[level] for level in LEVELS if level in given}
        own = self.cost is not None
        return ModelInfo(
            provider=provider,
            id=self.id,
            name=self.name or base.name,
            api=self.api or api,
            reasoning=reasoning,
            input=self.input or base.input,
            context_window=self.context_window or base.context_window,
            max_tokens=self.max_tokens or base.max_tokens,
            sends_max_tokens=self.max_tokens is not None or base.provider != provider,
            default_thinking=self.default_thinking_level or (base.default_thinking if reasoning else None),
            thinking=_levels(base, reasoning=reasoning, mapped=mapped),
            thinking_values=base.thinking_values
            if self.thinking_level_map is None
            else {level: value for level, value in mapped.items() if value is not None},
            prices=Prices(**self.cost.model_dump()) if self.cost else base.prices,
            long_prices=None if own else base.long_prices,
            long_from=0 if own else base.long_from,
            base_url=base_url,
            compat=self.compat,
        )


def _levels(
    base: ModelInfo, *, reasoning: bool, mapped: Mapping[ThinkingLevel, str | None]
) -> tuple[ThinkingLevel, ...]:
    if reasoning and base.reasoning and not mapped:
        return base.thinking
    return levels(reasoning=reasoning, mapped=mapped)
