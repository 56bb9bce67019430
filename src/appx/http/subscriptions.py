"""The routes of subscription logins: a person logs in at a provider in place of setting a key."""

from typing import Annotated, Self

from fastapi import APIRouter, Path
from pydantic import Field, SecretStr

from appx.http.bodies import Answer, Body
from appx.http.models import ProviderName
from appx.http.parts import Here
from appx.kit import clock
from appx.models.flows import FlowState, Status

INSTRUCTIONS = (
    "Open the address and log in. Your browser is then sent to a page that may fail to load. "
    "Copy the whole address of that page, or the code that it shows, and enter it here."
)

FlowId = Annotated[str, Path(alias="flowId", min_length=1)]

routes = APIRouter(prefix="/v1/auth", tags=["auth"])


class OAuthFlowOption(Answer):
    id: str
    label: str


class OAuthFlowPrompt(Answer):
    message: str
    placeholder: str | None = None
    allow_empty: Annotated[bool | None, Field(alias="allowEmpty")] = None
    options: list[OAuthFlowOption] | None = None


class OAuthFlowState(Answer):
    id: str
    provider: str
    provider_name: Annotated[str, Field(alias="providerName")]
    status: Status
    auth_url: Annotated[str | None, Field(alias="authUrl")] = None
    instructions: str | None = None
    prompt: OAuthFlowPrompt | None = None
    progress: list[str]
    error: str | None = None
    expires_at: Annotated[str, Field(alias="expiresAt")]

    @classmethod
    def of(cls, flow: FlowState) -> Self:
        asks = flow.status == "auth"
        return cls(
            id=flow.id,
            provider=flow.provider,
            provider_name=flow.name,
            status=flow.status,
            auth_url=flow.auth_url if asks else None,
            instructions=INSTRUCTIONS if asks else None,
            prompt=_prompt(flow) if asks else None,
            progress=list(flow.progress),
            error=flow.error,
            expires_at=clock.iso(flow.expires_at),
        )


class ContinueOAuthFlowRequest(Body):
    value: SecretStr


def _prompt(flow: FlowState) -> OAuthFlowPrompt:
    return OAuthFlowPrompt(
        message="The address of the page on which the login ended, or the code:",
        placeholder=f"{flow.redirect_uri}?code=…&state=…",
        allow_empty=False,
    )


@routes.post(
    "/providers/{provider}/subscription/start",
    operation_id="startProviderSubscriptionLogin",
    response_model_exclude_none=True,
)
async def start_provider_subscription_login(parts: Here, provider: ProviderName) -> OAuthFlowState:
    """Begin a login. The answer says where to log in."""
    return OAuthFlowState.of(parts.models.start_login(provider))


@routes.get("/subscription/{flowId}", operation_id="getProviderSubscriptionLogin", response_model_exclude_none=True)
async def get_provider_subscription_login(parts: Here, flow: FlowId) -> OAuthFlowState:
    """How far a login is."""
    return OAuthFlowState.of(parts.models.flows.get(flow))


@routes.delete(
    "/subscription/{flowId}", operation_id="cancelProviderSubscriptionLogin", response_model_exclude_none=True
)
async def cancel_provider_subscription_login(parts: Here, flow: FlowId) -> OAuthFlowState:
    """End a login that is under way. One that has ended stays as it is."""
    return OAuthFlowState.of(await parts.models.flows.cancel(flow))


@routes.post(
    "/subscription/{flowId}/continue",
    operation_id="continueProviderSubscriptionLogin",
    response_model_exclude_none=True,
)
async def continue_provider_subscription_login(
    parts: Here, flow: FlowId, body: ContinueOAuthFlowRequest
) -> OAuthFlowState:
    """Enter the code, or the address with the code. Answers when the login has ended, well or not."""
    return OAuthFlowState.of(await parts.models.flows.go_on(flow, body.value.get_secret_value()))
