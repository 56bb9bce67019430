"""The routes by which a person lets the apps of a project ask models."""

from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from appx.domain.ids import ProjectId
from appx.gateway.gateway import Access
from appx.gateway.grant import Budget, Grant
from appx.gateway.place import BASE_URL
from appx.http.bodies import Answer, Body, never_null
from appx.http.parts import Here
from appx.http.usage import UsageSum

MAX_MODELS = 1_000

routes = APIRouter(prefix="/v1/projects", tags=["projects"])

Cost = Annotated[float | None, Field(alias="dayCost", gt=0, le=1_000_000, allow_inf_nan=False)]
Tokens = Annotated[int | None, Field(alias="dayTokens", ge=1, le=1_000_000_000_000, strict=True)]


class ModelBudget(Answer):
    """For all apps of the project together, in a day of UTC: US dollars, tokens of all kinds."""

    day_cost: Cost = None
    day_tokens: Tokens = None


class SetModelAccessRequest(Body):
    """In place of what was set before. With `enabled` a budget is needed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=never_null)

    enabled: Annotated[bool, Field(strict=True)]
    models: Annotated[list[str] | None, Field(max_length=MAX_MODELS)] = None
    """The names, provider/model, of those that apps may ask. Left out: all that can be used."""
    budget: ModelBudget | None = None

    def as_grant(self, project: ProjectId) -> Grant:
        given = self.budget or ModelBudget()
        return Grant(
            project=project,
            enabled=self.enabled,
            models=None if self.models is None else tuple(dict.fromkeys(self.models)),
            budget=Budget(day_cost=given.day_cost, day_tokens=given.day_tokens),
        )


class Reserved(Answer):
    """What the requests that run now might take."""

    cost: float
    tokens: int


class ModelAccess(Answer):
    """What a person allows, and what it took: today, since midnight UTC, and in all."""

    enabled: bool
    models: list[str] | None = None
    budget: ModelBudget
    base_url: Annotated[str, Field(alias="baseUrl")]
    """What an app sets as OPENAI_BASE_URL."""
    token: bool
    """Whether one was made."""
    today: UsageSum
    total: UsageSum
    reserved: Reserved

    @classmethod
    def of(cls, found: Access) -> Self:
        grant = found.grant
        return cls(
            enabled=grant.enabled,
            models=None if grant.models is None else list(grant.models),
            budget=ModelBudget(day_cost=grant.budget.day_cost, day_tokens=grant.budget.day_tokens),
            base_url=BASE_URL,
            token=grant.has_token,
            today=UsageSum.of(found.today),
            total=UsageSum.of(found.ever),
            reserved=Reserved(cost=found.reserved.cost, tokens=found.reserved.tokens),
        )


class ModelToken(Answer):
    token: str
    """Shown this once. The one before it is worthless now."""


@routes.get("/{id}/model-access", operation_id="getModelAccess", response_model_exclude_none=True)
async def get_model_access(parts: Here, id: str) -> ModelAccess:  # noqa: A002  as in getProject
    """Whether the apps of a project may ask models, which, for how much, and what they took."""
    return ModelAccess.of(await parts.gateway.access(ProjectId(id)))


@routes.put("/{id}/model-access", operation_id="setModelAccess", response_model_exclude_none=True)
async def set_model_access(parts: Here, id: str, body: SetModelAccessRequest) -> ModelAccess:  # noqa: A002
    """Let the apps of a project ask models, or no more. It counts from their next request on."""
    return ModelAccess.of(await parts.gateway.allow(body.as_grant(ProjectId(id))))


@routes.post("/{id}/model-access/token", operation_id="newModelToken")
async def new_model_token(parts: Here, id: str) -> ModelToken:  # noqa: A002
    """A token that says which project asks, for where the network does not. It replaces the one before."""
    return ModelToken(token=await parts.gateway.new_token(ProjectId(id)))
