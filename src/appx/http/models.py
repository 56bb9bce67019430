"""The routes of models and of the providers that people add."""

from typing import Annotated

from fastapi import APIRouter, Path

from appx.http.bodies import OkResponse
from appx.http.model_bodies import (
    AgentModelRow,
    CustomProviderRow,
    ListCustomProvidersResponse,
    ListModelsResponse,
    UpsertCustomProviderRequest,
)
from appx.http.parts import Here
from appx.models.custom import NAME

ProviderName = Annotated[str, Path(min_length=1, pattern=NAME)]

routes = APIRouter(prefix="/v1", tags=["models"])


@routes.get("/sessions/models", operation_id="listModels", response_model_exclude_none=True)
async def list_models(parts: Here) -> ListModelsResponse:
    """Every model, and whether it can be used now."""
    return ListModelsResponse(models=[AgentModelRow.of(info, available=usable) for info, usable in parts.models.rows()])


@routes.get("/custom/providers", operation_id="listCustomProviders", response_model_exclude_none=True)
async def list_custom_providers(parts: Here) -> ListCustomProvidersResponse:
    """The providers that people added. Without their keys."""
    return ListCustomProvidersResponse(providers=[CustomProviderRow.of(row) for row in parts.models.custom_providers()])


@routes.put("/custom/providers", operation_id="upsertCustomProvider", response_model_exclude_none=True)
async def upsert_custom_provider(parts: Here, body: UpsertCustomProviderRequest) -> CustomProviderRow:
    """Add a provider, or replace the one of that name. Without a key the one that it had stays."""
    key = None if body.api_key is None else body.api_key.get_secret_value()
    return CustomProviderRow.of(await parts.models.upsert_custom(body.provider, body.as_provider(), key))


@routes.delete("/custom/providers/{provider}", operation_id="removeCustomProvider")
async def remove_custom_provider(parts: Here, provider: ProviderName) -> OkResponse:
    """Forget a provider that somebody added, and its key."""
    await parts.models.remove_custom(provider)
    return OkResponse()
