"""The bodies about models, providers and keys, named as the contract names them. No answer has room for a key."""

from typing import Annotated, Self

from pydantic import AnyHttpUrl, ConfigDict, Field, SecretStr, ValidationError

from appx.domain.errors import Invalid
from appx.http.bodies import Answer, Body, never_null
from appx.http.shapes import ThinkingLevel
from appx.models.catalogue import InputKind, ModelInfo
from appx.models.choice import Choice
from appx.models.credentials import CredentialType, Source
from appx.models.custom import NAME, CustomProvider
from appx.models.entry import ConfiguredApi, ModelEntry
from appx.models.registry import CustomRow, ProviderRow


class AgentModelRow(Answer):
    provider: str
    id: str
    name: str
    api: str
    reasoning: bool
    available: bool
    input: list[InputKind]
    context_window: Annotated[int, Field(alias="contextWindow", ge=0)]
    max_tokens: Annotated[int, Field(alias="maxTokens", ge=0)]
    default_thinking_level: Annotated[
        ThinkingLevel | None, Field(alias="defaultThinkingLevel", exclude_if=lambda level: level is None)
    ] = None

    @classmethod
    def of(cls, info: ModelInfo, *, available: bool) -> Self:
        return cls(
            provider=info.provider,
            id=info.id,
            name=info.name,
            api=info.api,
            reasoning=info.reasoning,
            available=available,
            input=list(info.input),
            context_window=info.context_window,
            max_tokens=info.max_tokens,
            default_thinking_level=info.default_thinking,
        )


class ListModelsResponse(Answer):
    models: list[AgentModelRow]


class SessionModelSettingsResponse(Answer):
    model: AgentModelRow | None
    """None when the model that was chosen is no longer there."""
    thinking_level: Annotated[ThinkingLevel, Field(alias="thinkingLevel")]
    available_thinking_levels: Annotated[list[ThinkingLevel], Field(alias="availableThinkingLevels")]
    supports_thinking: Annotated[bool, Field(alias="supportsThinking")]
    is_streaming: Annotated[bool, Field(alias="isStreaming")]
    """Whether a turn runs: then the settings cannot be changed."""

    @classmethod
    def of(cls, choice: Choice, *, available: bool, running: bool) -> Self:
        model = choice.model
        return cls(
            model=None if model is None else AgentModelRow.of(model, available=available),
            thinking_level=choice.thinking,
            available_thinking_levels=[choice.thinking] if model is None else list(model.thinking),
            supports_thinking=model is not None and model.reasoning,
            is_streaming=running,
        )


class PatchSessionSettingsRequest(Body):
    provider: Annotated[str | None, Field(min_length=1)] = None
    model_id: Annotated[str | None, Field(alias="modelId", min_length=1)] = None
    thinking_level: Annotated[ThinkingLevel | None, Field(alias="thinkingLevel")] = None


class AuthProviderRow(Answer):
    provider: str
    name: str
    configured: bool
    credential_type: Annotated[CredentialType | None, Field(alias="credentialType")] = None
    source: Source | None = None
    label: str | None = None
    """Whose subscription it is, as far as the provider says so."""
    supports_api_key: Annotated[bool, Field(alias="supportsApiKey")]
    supports_subscription: Annotated[bool, Field(alias="supportsSubscription")] = False
    model_count: Annotated[int, Field(alias="modelCount", ge=0)]
    available_model_count: Annotated[int, Field(alias="availableModelCount", ge=0)]

    @classmethod
    def of(cls, row: ProviderRow) -> Self:
        return cls(
            provider=row.provider,
            name=row.name,
            configured=row.key.configured,
            credential_type=row.key.type,
            source=row.key.source,
            supports_api_key=row.supports_key,
            supports_subscription=row.supports_login,
            model_count=row.models,
            available_model_count=row.available,
        )


class ListAuthProvidersResponse(Answer):
    providers: list[AuthProviderRow]


class SetProviderApiKeyRequest(Body):
    key: Annotated[SecretStr, Field(min_length=1)]


class CustomProviderModel(ModelEntry):
    """Only ``id`` is needed. What is left out is taken from the catalogue when it knows a model of that name."""

    model_config = ConfigDict(json_schema_extra=never_null)


class UpsertCustomProviderRequest(Body):
    provider: Annotated[str, Field(min_length=1, pattern=NAME)]
    name: str | None = None
    base_url: Annotated[AnyHttpUrl, Field(alias="baseUrl")]
    api: ConfiguredApi
    api_key: Annotated[SecretStr | None, Field(alias="apiKey")] = None
    """Kept with the other keys. Left out: the one that is stored stays."""
    models: Annotated[tuple[CustomProviderModel, ...], Field(min_length=1)]

    def as_provider(self) -> CustomProvider:
        """Raises Invalid for what only shows in the whole."""
        try:
            return CustomProvider(name=self.name, base_url=str(self.base_url), api=self.api, models=self.models)
        except ValidationError as error:
            first = error.errors()[0]
            raise Invalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from None


class CustomProviderRow(Answer):
    provider: str
    name: str | None = None
    base_url: Annotated[str, Field(alias="baseUrl")]
    api: ConfiguredApi
    api_key_configured: Annotated[bool, Field(alias="apiKeyConfigured")]
    model_count: Annotated[int, Field(alias="modelCount", ge=0)]
    models: list[CustomProviderModel]

    @classmethod
    def of(cls, row: CustomRow) -> Self:
        return cls(
            provider=row.provider,
            name=row.custom.name,
            base_url=row.custom.base_url,
            api=row.custom.api,
            api_key_configured=row.key_configured,
            model_count=len(row.custom.models),
            models=[CustomProviderModel(**entry.model_dump()) for entry in row.custom.models],
        )


class ListCustomProvidersResponse(Answer):
    providers: list[CustomProviderRow]
