"""Questions of the agent to the person, and what comes back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Method: TypeAlias = Literal["select", "confirm", "input", "editor"]
"""How it is answered: one of the options, yes or no, a line, a longer text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """``options`` are for ``select``; ``text`` is the message of ``confirm`` or what an ``editor`` begins with."""

    method: Method
    title: str
    options: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``value`` for a select, an input or an editor; ``confirmed`` for a confirm; neither when it was cancelled."""

    value: str | None = None
    confirmed: bool | None = None

    @property
    def cancelled(self) -> bool:
        return self.value is None and self.confirmed is None

    @property
    def words(self) -> str:
        """As a person would say it; empty when it was cancelled."""
        if self.confirmed is not None:
            return "yes" if self.confirmed else "no"
        return self.value or ""


CANCELLED = Answer()

Ask: TypeAlias = Callable[[Question], Awaitable[Answer]]
"""Ask the person and wait, as long as it takes."""


def misfit(question: Question, answer: Answer) -> str:
    """Why ``answer`` does not answer ``question``, as a sentence; empty when it does."""
    if answer.cancelled:
        return ""
    if question.method == "confirm":
        return "" if answer.confirmed is not None else 'This question wants yes or no: send {"confirmed": true}.'
    if answer.value is None:
        return 'This question wants a text: send {"value": "…"}.'
    if question.method == "select" and answer.value not in question.options:
        return f"This is none of the options. Send one of them: {', '.join(question.options)}."
    return ""
