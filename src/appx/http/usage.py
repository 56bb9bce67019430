"""The route that tells what replies took: tokens and money, and what may be spent."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from appx.domain.errors import Invalid
from appx.domain.ids import ProjectId, SessionId
from appx.domain.limits import Limits, Spent
from appx.http.bodies import Answer
from appx.http.parts import Here
from appx.kit import clock
from appx.sessions.ledger import APPS, By, Part

DAYS = 30
MOST = 1_000

routes = APIRouter(prefix="/v1/usage", tags=["usage"])


class UsageSum(Answer):
    """Tokens by kind and together, US dollars, and of how many replies."""

    input: int
    output: int
    cache_read: Annotated[int, Field(alias="cacheRead")]
    cache_write: Annotated[int, Field(alias="cacheWrite")]
    total_tokens: Annotated[int, Field(alias="totalTokens")]
    cost: float
    replies: int

    @classmethod
    def of(cls, spent: Spent) -> "UsageSum":
        return cls(
            input=spent.input,
            output=spent.output,
            cache_read=spent.cache_read,
            cache_write=spent.cache_write,
            total_tokens=spent.tokens,
            cost=spent.cost,
            replies=spent.replies,
        )


class UsageGroup(Answer):
    """What belongs to one day, one project, one session (with its project) or one model (with its provider).

    In place of a session there is `app` for what the apps of a project took.
    """

    day: str | None = None
    project_id: Annotated[str | None, Field(alias="project")] = None
    session_id: Annotated[str | None, Field(alias="session")] = None
    provider: str | None = None
    model: str | None = None
    usage: UsageSum


class UsageLimits(Answer):
    """What a turn, a session and a day of UTC may take: dollars and tokens. What is not there has no limit."""

    turn_steps: Annotated[int, Field(alias="turnSteps")]
    turn_minutes: Annotated[float, Field(alias="turnMinutes")]
    session_cost: Annotated[float | None, Field(alias="sessionCost")] = None
    day_cost: Annotated[float | None, Field(alias="dayCost")] = None
    session_tokens: Annotated[int | None, Field(alias="sessionTokens")] = None
    day_tokens: Annotated[int | None, Field(alias="dayTokens")] = None

    @classmethod
    def of(cls, limits: Limits) -> "UsageLimits":
        return cls(
            turn_steps=limits.steps,
            turn_minutes=limits.minutes,
            session_cost=limits.session_cost,
            day_cost=limits.day_cost,
            session_tokens=limits.session_tokens,
            day_tokens=limits.day_tokens,
        )


class UsageResponse(Answer):
    first: Annotated[date | None, Field(alias="from")] = None
    last: Annotated[date | None, Field(alias="to")] = None
    total: UsageSum
    groups: list[UsageGroup]
    """The newest days first, else what cost most."""
    more: bool
    """Whether there are more groups than were asked for. `total` has them all."""
    today: UsageSum
    """By all sessions and apps, since midnight UTC: what the limits of a day are held against."""
    limits: UsageLimits


@routes.get("", operation_id="getUsage", response_model_exclude_none=True)
async def get_usage(  # noqa: PLR0913  one for each part of the query
    parts: Here,
    *,
    first: Annotated[date | None, Query(alias="from", description="The first day, of UTC.")] = None,
    last: Annotated[date | None, Query(alias="to", description="The last day, of UTC.")] = None,
    project: Annotated[ProjectId | None, Query(max_length=64, description="Only of this project.")] = None,
    session: Annotated[
        SessionId | None, Query(max_length=64, description="Only of this session, or of apps: app.")
    ] = None,
    by: Annotated[By, Query(description="What to group by.")] = "day",
    limit: Annotated[int, Query(ge=1, le=MOST, description="At most so many groups.")] = 100,
) -> UsageResponse:
    """What replies took, in deleted sessions, too. Without days: the last 30, or all of a session."""
    if first is None and session in {None, APPS}:
        first = max(date.min + timedelta(DAYS), last or clock.now().date()) - timedelta(DAYS - 1)
    if first is not None and last is not None and first > last:
        raise Invalid(f"from: {first} is after {last}. Give the first day as from, and the last as to.")
    part = Part(first=first or date.min, last=last or date.max, project=project, session=session)
    report = await parts.sessions.usage(part, by, limit + 1)
    return UsageResponse(
        first=first,
        last=last,
        total=UsageSum.of(report.total),
        groups=[UsageGroup(usage=UsageSum.of(spent), **keys) for keys, spent in report.groups[:limit]],
        more=len(report.groups) > limit,
        today=UsageSum.of(report.today),
        limits=UsageLimits.of(report.limits),
    )
