"""Which client and which settings a model needs, by its dialect."""

from typing import cast

import httpx2
from anthropic import AsyncAnthropic
from openai import Omit
from pydantic import SecretStr
from pydantic_ai.models import Model as Client
from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
from pydantic_ai.models.google import GoogleModel, GoogleModelSettings
from pydantic_ai.models.openai import (
    OpenAIChatModel,
    OpenAIChatModelSettings,
    OpenAIResponsesModel,
    OpenAIResponsesModelSettings,
)
from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer, OpenAIModelProfile
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.settings import ModelSettings, ThinkingEffort

from appx.models.builtin import PROVIDER_NAMES
from appx.models.catalogue import ModelInfo
from appx.models.credentials import AccessToken
from appx.models.model import AUTO, NONE, REQUIRED, Form, ModelFailed, Request
from appx.models.openai_client import PlainOpenAI

OPENAI = "https://api.openai.com/v1"
ANTHROPIC = "https://api.anthropic.com"
GOOGLE = "https://generativelanguage.googleapis.com"
NO_KEY = "none"
BEARER = "Bearer "
NO_ORGANISATION = cast(dict[str, str], {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()})
"""The library would take them from OPENAI_ORG_ID and OPENAI_PROJECT_ID: each copy of a client looks again."""


def client_for(info: ModelInfo, *, key: SecretStr | None, http: httpx2.AsyncClient) -> Client:
    """A client that takes no address, no key and no organisation from the environment; of it, only proxies and
    authorities count (``http_proxy`` …, ``SSL_CERT_FILE``; without that, what the machine trusts).

    A schema goes out as large as it was reserved: by the name of a model, the library would write out each ``$ref``.

    Raises ModelFailed when the provider needs a key and there is none.
    """
    if key is None and info.provider in PROVIDER_NAMES:
        raise ModelFailed(f"There is no key for {info.provider}. Set one, or choose another model.", free=True)
    secret = key.get_secret_value() if key else NO_KEY
    match info.api:
        case "openai-completions":
            profile = OpenAIModelProfile(
                json_schema_transformer=OpenAIJsonSchemaTransformer,
                openai_chat_streaming_requires_finish_reason=True,
                openai_supports_strict_tool_definition=info.provider == "openai",
                openai_chat_supports_max_completion_tokens=info.compat.get("maxTokensField") != "max_tokens",
                supports_json_schema_output=True,
                supports_json_object_output=True,
            )
            return OpenAIChatModel(info.id, provider=_openai(info, secret, http), profile=profile)
        case "openai-responses":
            profile = OpenAIModelProfile(json_schema_transformer=OpenAIJsonSchemaTransformer)
            return OpenAIResponsesModel(info.id, provider=_openai(info, secret, http), profile=profile)
        case "anthropic-messages":
            address = info.base_url or ANTHROPIC
            if isinstance(key, AccessToken):
                anthropic = AsyncAnthropic(auth_token=secret, base_url=address, http_client=http)
            else:
                anthropic = AsyncAnthropic(api_key=secret, base_url=address, http_client=http)
            return AnthropicModel(info.id, provider=AnthropicProvider(anthropic_client=anthropic))
        case "google-generative-ai":
            given = f"{BEARER}{secret}" if isinstance(key, AccessToken) else secret
            google = GoogleProvider(api_key=given, base_url=info.base_url or GOOGLE, http_client=http)
            return GoogleModel(info.id, provider=google)
        case "scripted":
            raise ModelFailed(f"{info.provider}/{info.id} is asked without a provider.")


def _openai(info: ModelInfo, secret: str, http: httpx2.AsyncClient) -> OpenAIProvider | OpenAICompatibleProvider:
    client = PlainOpenAI(
        api_key=secret, base_url=info.base_url or OPENAI, http_client=http, default_headers=NO_ORGANISATION
    )
    if info.provider == "openai":
        return OpenAIProvider(openai_client=client)
    return OpenAICompatibleProvider(info.provider, openai_client=client)


async def bear(request: httpx2.Request) -> None:
    """For every request. Google's library knows only keys: an access token moves to where RFC 6750 wants it."""
    if request.headers.get("x-goog-api-key", "").startswith(BEARER):
        request.headers["Authorization"] = request.headers.pop("x-goog-api-key")


def settings_for(info: ModelInfo, request: Request, client: Client) -> ModelSettings:
    """Nothing is retried here: the agent retries, and tells people."""
    common = _common(info, request.form)
    level = info.clamp(request.thinking)
    match info.api:
        case "openai-completions":
            return cast(ModelSettings, {**common, **_effort(info, request)})
        case "openai-responses":
            return cast(ModelSettings, {**common, **_responses(info, request)})
        case "anthropic-messages":
            return cast(ModelSettings, {**common, **_anthropic(info, request, client)})
        case "google-generative-ai":
            google = GoogleModelSettings()
            if info.reasoning:
                google["thinking"] = False if level == "off" else level
            return cast(ModelSettings, {**common, **google})
        case "scripted":
            return common


def _common(info: ModelInfo, form: Form) -> ModelSettings:
    found: dict[str, object] = {
        "max_retries": 0,
        "max_tokens": min(form.max_tokens or info.max_tokens, info.max_tokens)
        if form.max_tokens or info.sends_max_tokens
        else None,
        "temperature": form.temperature,
        "top_p": form.top_p,
        "stop_sequences": list(form.stop) or None,
        "seed": form.seed,
        "tool_choice": form.tool if form.tool in {None, AUTO, NONE, REQUIRED} else [form.tool],
        "parallel_tool_calls": form.parallel,
    }
    return cast(ModelSettings, {name: value for name, value in found.items() if value is not None})


def _effort(info: ModelInfo, request: Request) -> OpenAIChatModelSettings:
    """The level by the provider's name of it. ``off`` is only said where it has one, else nothing is said."""
    settings = OpenAIChatModelSettings()
    level = info.clamp(request.thinking)
    value = info.thinking_values.get(level) or ("" if level == "off" else level)
    if info.reasoning and value and info.compat.get("supportsReasoningEffort") is not False:
        settings["openai_reasoning_effort"] = cast(ThinkingEffort, value)
    if info.provider == "openai":
        settings["openai_prompt_cache_key"] = request.session
    return settings


def _responses(info: ModelInfo, request: Request) -> OpenAIResponsesModelSettings:
    """The provider stores nothing: what it reasoned comes back to us encrypted, and goes back with the next request."""
    settings = OpenAIResponsesModelSettings(openai_store=False)
    if info.reasoning and info.clamp(request.thinking) != "off":
        settings["openai_reasoning_summary"] = "auto"
    return cast(OpenAIResponsesModelSettings, {**settings, **_effort(info, request)})


def _anthropic(info: ModelInfo, request: Request, client: Client) -> AnthropicModelSettings:
    """With cache breakpoints after the tools, the instructions and the last message."""
    settings = AnthropicModelSettings(anthropic_cache_tool_definitions=True, anthropic_cache_instructions=True)
    if request.form.goes_on:
        settings["anthropic_cache_messages"] = True
    if not info.reasoning:
        return settings
    level = info.clamp(request.thinking)
    if level == "off":
        settings["thinking"] = False
    elif client.profile.get("anthropic_supports_adaptive_thinking", False):
        settings["anthropic_thinking"] = {"type": "adaptive", "display": "summarized"}
        settings["anthropic_effort"] = "low" if level == "minimal" else level
    else:
        settings["thinking"] = level
    return settings
