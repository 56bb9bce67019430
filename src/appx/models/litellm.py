"""The provider ``litellm``: a proxy that the operator names in the settings."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from pydantic import TypeAdapter, ValidationError

from appx.domain.errors import Misconfigured
from appx.models.catalogue import ModelInfo
from appx.models.entry import ConfiguredApi, ModelEntry

PROVIDER = "litellm"

_ENTRIES = TypeAdapter(list[ModelEntry])
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LitellmSettings:
    """The values of LITELLM_BASE_URL, LITELLM_MODELS_PATH, LITELLM_DEFAULT_MODEL and LITELLM_API; None: not set.

    LITELLM_API_KEY is one of the keys: see ``Models``.
    """

    base_url: str | None = None
    models_path: Path | None = None
    default_model: str | None = None
    api: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Litellm:
    """The proxy's models, and the one that new sessions use."""

    models: tuple[ModelInfo, ...] = ()
    default: ModelInfo | None = None


def litellm(settings: LitellmSettings) -> Litellm:
    """Raises Misconfigured, naming the variable, when the settings cannot work."""
    if not settings.base_url:
        for name, value in (
            ("LITELLM_MODELS_PATH", settings.models_path),
            ("LITELLM_DEFAULT_MODEL", settings.default_model),
        ):
            if value:
                raise Misconfigured(f"{name} is set, but LITELLM_BASE_URL is not. Set both or neither.")
        return Litellm()
    if not settings.base_url.startswith(("http://", "https://")):
        raise Misconfigured("LITELLM_BASE_URL must begin with http:// or https://.")
    api = _api(settings.api)
    entries = _entries(settings)
    models = tuple(entry.info(provider=PROVIDER, api=api, base_url=settings.base_url) for entry in entries)
    if not models:
        _logger.warning("LITELLM_BASE_URL is set without models. Set LITELLM_MODELS_PATH or LITELLM_DEFAULT_MODEL.")
    return Litellm(models=models, default=_default(settings.default_model, models))


def _api(name: str | None) -> ConfiguredApi:
    apis: tuple[ConfiguredApi, ...] = get_args(ConfiguredApi)
    found = next((api for api in apis if api == (name or "openai-completions")), None)
    if found is None:
        raise Misconfigured(f"LITELLM_API is {name!r}. It must be one of: {', '.join(apis)}.")
    return found


def _entries(settings: LitellmSettings) -> list[ModelEntry]:
    if settings.models_path:
        return _read(settings.models_path)
    return [ModelEntry(id=settings.default_model.removeprefix(f"{PROVIDER}/"))] if settings.default_model else []


def _read(path: Path) -> list[ModelEntry]:
    try:
        entries = _ENTRIES.validate_json(path.read_bytes())
    except OSError as error:
        raise Misconfigured(f"LITELLM_MODELS_PATH cannot be read: {path}: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise Misconfigured(
            f"LITELLM_MODELS_PATH must be a JSON array of models, each with an id. {path}: {place}: {first['msg']}."
        ) from None
    twice = {entry.id for entry in entries if sum(other.id == entry.id for other in entries) > 1}
    if twice:
        raise Misconfigured(f"LITELLM_MODELS_PATH names a model twice: {', '.join(sorted(twice))}. {path}")
    return entries


def _default(name: str | None, models: tuple[ModelInfo, ...]) -> ModelInfo | None:
    if not name:
        return None
    wanted = {name, name.removeprefix(f"{PROVIDER}/")}
    found = next((info for info in models if info.id in wanted), None)
    if found is None:
        raise Misconfigured(f"LITELLM_DEFAULT_MODEL is {name!r}, which LITELLM_MODELS_PATH does not have.")
    return found
