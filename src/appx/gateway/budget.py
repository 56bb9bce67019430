"""Whether a request fits into what is left of a day, and what is said when it does not. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from appx.domain.ids import ProjectId
from appx.domain.limits import Limits, Spent, dollars
from appx.gateway.bound import Bound
from appx.gateway.grant import Budget

PLACES = 9
"""Of a dollar. Sums of floats are wrong behind that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What is gone of a day: spent, or reserved by requests that run."""

    cost: float = 0.0
    tokens: int = 0

    @classmethod
    def of(cls, spent: Spent, reserved: "Taken") -> "Taken":
        return cls(cost=spent.cost + reserved.cost, tokens=spent.tokens + reserved.tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A request of a project's app to the model ``name``, and the most that it may take. ``priced``: that is known."""

    project: ProjectId
    name: str
    bound: Bound
    priced: bool


def no_room(wish: Wish, *, budget: Budget, apps: Taken, limits: Limits, everything: Taken) -> str:
    """Why the wish cannot be granted, as a sentence; empty when it can.

    ``apps``: what is gone of the project's ``budget``; ``everything``: of the whole server's day.
    """
    return next(_no_room(wish, budget, apps, limits, everything), "")


def _no_room(wish: Wish, budget: Budget, apps: Taken, limits: Limits, everything: Taken) -> Iterator[str]:
    bound, whose = wish.bound, f"the apps of {wish.project}"
    if budget.day_cost is not None and not wish.priced and budget.day_tokens is None:
        yield (
            f"Budget spent: {wish.name} has no known price, so the budget of {whose} in dollars cannot hold it. "
            "A person gives it a budget of tokens, too: appx model-access PROJECT --day-tokens N."
        )
    yield from _money(whose, budget.day_cost, bound, apps, OWN)
    yield from _tokens(whose, budget.day_tokens, bound, apps, OWN)
    yield from _money("sessions and apps together", limits.day_cost, bound, everything, "APPX_MAX_DAY_COST")
    yield from _tokens("sessions and apps together", limits.day_tokens, bound, everything, "APPX_MAX_DAY_TOKENS")


OWN = "appx model-access"


def _money(whose: str, limit: float | None, bound: Bound, taken: Taken, where: str) -> Iterator[str]:
    if limit is not None and round(taken.cost + bound.cost, PLACES) > round(limit, PLACES):
        numbers = f"{dollars(taken.cost)} of the {dollars(limit)} that {whose} may cost in a day"
        yield _sentence(numbers, f"{dollars(bound.cost)}", where)


def _tokens(whose: str, limit: int | None, bound: Bound, taken: Taken, where: str) -> Iterator[str]:
    if limit is not None and taken.tokens + bound.tokens > limit:
        numbers = f"{taken.tokens:,} of the {limit:,} tokens that {whose} may take in a day"
        yield _sentence(numbers, f"{bound.tokens:,} tokens", where)


def _sentence(numbers: str, wanted: str, where: str) -> str:
    return (
        f"Budget spent: {numbers} are spent or reserved by requests that run, and this one might take {wanted}. "
        f"Ask for less (max_tokens), raise the budget ({where}), or try again after midnight UTC."
    )
