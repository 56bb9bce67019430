"""Which model a session uses, and how long it thinks: what was chosen, or else the defaults."""

from dataclasses import dataclass

from appx.domain.errors import Invalid, NotFound
from appx.domain.events import ModelChosen
from appx.domain.messages import ThinkingLevel
from appx.models.catalogue import ModelInfo
from appx.models.registry import Models


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """``model`` is None when the one that was chosen is no longer there; ``thinking`` is a level that it has."""

    model: ModelInfo | None
    thinking: ThinkingLevel


def choice_of(models: Models, chosen: ModelChosen | None) -> Choice:
    """What holds for a session in which ``chosen`` was the last choice."""
    if chosen is None:
        model = models.default()
        return Choice(model=model, thinking=model.clamp(model.default_thinking or "off"))
    try:
        model = models.find(chosen.provider, chosen.model_id)
    except NotFound:
        return Choice(model=None, thinking=chosen.thinking)
    return Choice(model=model, thinking=model.clamp(chosen.thinking))


def choose(
    models: Models,
    now: Choice,
    *,
    provider: str | None = None,
    model_id: str | None = None,
    thinking: ThinkingLevel | None = None,
) -> ModelChosen:
    """The next choice. Without a model the one of ``now`` stays, without a level as much of it as the model has.

    Raises Invalid for half a model, NotFound for an unknown one.
    """
    if (provider is None) != (model_id is None):
        raise Invalid("provider and modelId: give both or neither.")
    if provider is not None and model_id is not None:
        model = models.find(provider, model_id)
    elif now.model is not None:
        model = now.model
    else:
        raise NotFound("The model of this session is no longer there. Choose another: provider and modelId.")
    level = thinking or now.thinking
    return ModelChosen(provider=model.provider, model_id=model.id, thinking=model.clamp(level))
