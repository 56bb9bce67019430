"""The routes of providers and their keys."""

from fastapi import APIRouter

from appx.http.bodies import OkResponse
from appx.http.model_bodies import AuthProviderRow, ListAuthProvidersResponse, SetProviderApiKeyRequest
from appx.http.models import ProviderName
from appx.http.parts import Here

routes = APIRouter(prefix="/v1/auth/providers", tags=["auth"])


@routes.get("", operation_id="listAuthProviders", response_model_exclude_none=True)
async def list_auth_providers(parts: Here) -> ListAuthProvidersResponse:
    """Every provider, and whether there is a key or a login and where it comes from. Never a secret."""
    return ListAuthProvidersResponse(providers=[AuthProviderRow.of(row) for row in parts.models.providers()])


@routes.put("/{provider}/api-key", operation_id="setProviderApiKey")
async def set_provider_api_key(parts: Here, provider: ProviderName, body: SetProviderApiKeyRequest) -> OkResponse:
    """Store a key. It counts from the next request to the provider on."""
    await parts.models.set_key(provider, body.key.get_secret_value())
    return OkResponse()


@routes.delete("/{provider}", operation_id="removeProviderCredential")
async def remove_provider_credential(parts: Here, provider: ProviderName) -> OkResponse:
    """Forget the stored key or login, if there is one. A key of the environment stays."""
    await parts.models.remove_key(provider)
    return OkResponse()
