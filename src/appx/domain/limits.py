"""What a turn, a session and a day may take, and what is said when that is used up. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from appx.domain.errors import AppxError


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What replies took: tokens by kind, US dollars, and how many replies it was."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cost: float = 0.0
    replies: int = 0

    @property
    def tokens(self) -> int:
        return self.input + self.output + self.cache_read + self.cache_write


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """``steps`` and ``minutes`` bound a turn; costs are US dollars; a day is one of UTC. None: no limit."""

    steps: int = 200
    minutes: float = 60.0
    session_cost: float | None = None
    day_cost: float | None = None
    session_tokens: int | None = None
    day_tokens: int | None = None


class LimitReached(AppxError):
    """The turn may not go on. The text says which limit, the numbers, and what to do."""


def used_up(limits: Limits, *, session: Spent, day: Spent) -> str:
    """Why the model may not be asked again, as a sentence; empty when it may."""
    return next(_used_up(limits, session, day), "")


def too_many_steps(limit: int) -> str:
    return f"The turn took {limit} steps, its limit (APPX_MAX_STEPS). Prompt again to go on."


def too_long(minutes: float) -> str:
    return f"The turn took {minutes:g} minutes, its limit (APPX_MAX_TURN_MINUTES). Prompt again to go on."


def _used_up(limits: Limits, session: Spent, day: Spent) -> Iterator[str]:
    if limits.session_cost is not None and session.cost >= limits.session_cost:
        numbers = f"{dollars(session.cost)} of the {dollars(limits.session_cost)}"
        yield f"This session cost {numbers} that one may cost (APPX_MAX_SESSION_COST). {NEW_SESSION}"
    if limits.session_tokens is not None and session.tokens >= limits.session_tokens:
        numbers = f"{session.tokens:,} of the {limits.session_tokens:,}"
        yield f"This session took {numbers} tokens that one may take (APPX_MAX_SESSION_TOKENS). {NEW_SESSION}"
    if limits.day_cost is not None and day.cost >= limits.day_cost:
        numbers = f"{dollars(day.cost)} of the {dollars(limits.day_cost)}"
        yield f"Sessions and apps together cost {numbers} that a day may cost (APPX_MAX_DAY_COST). {NEW_DAY}"
    if limits.day_tokens is not None and day.tokens >= limits.day_tokens:
        numbers = f"{day.tokens:,} of the {limits.day_tokens:,}"
        yield f"Sessions and apps together took {numbers} tokens that a day may take (APPX_MAX_DAY_TOKENS). {NEW_DAY}"


NEW_SESSION = "Begin a new session, or raise the limit and prompt again."
NEW_DAY = "Raise the limit, or prompt again after midnight UTC."


def dollars(amount: float) -> str:
    """With cents, and with more places when it is less than one."""
    if amount >= 1 or not amount:
        return f"${amount:,.2f}"
    return f"${f'{amount:.6f}'.rstrip('0'):0<4}"
