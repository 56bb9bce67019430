"""Whether the model gets nowhere: the same calls with the same results, or replies without a word. Pure.

All of it is told from the conversation; what a person says begins anew.
"""

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

from appx.domain.limits import LimitReached
from appx.domain.messages import Message, Reply, ToolCall, ToolMessage, ToolResult, UserMessage
from appx.models.model import ModelFailed
from appx.tools.tool import MAX_NAME

MAX_SAME = 5
"""Steps with the same calls and the same results; a further one is refused. Who waits for something may look again."""

MAX_REFUSED = 2
"""How often it is refused before the turn ends."""

MAX_EMPTY = 3
"""Replies without a word and without a call before the turn ends."""

REFUSED = ToolResult(
    ok=False,
    text=f"Not run: this was called {MAX_SAME} times in a row, with the same result each time. Do something else. "
    "When you wait for something, wait in one call; when you cannot go on, say what is missing.",
)
GO_ON = UserMessage(text="Your last reply was empty. Go on with the work, or say in a sentence how it ended.")


def nudged(messages: Sequence[Message]) -> Sequence[Message]:
    """The conversation, with a word to the model when its last reply was empty."""
    return [*messages, GO_ON] if any(_is_empty(reply) for reply, _ in islice(_steps(messages), 1)) else messages


def refusal(before: Sequence[Message], calls: Sequence[ToolCall]) -> ToolResult | None:
    """The result of ``calls`` when they are not to be run, since they were made often enough ``before``."""
    wanted = _wishes(calls)
    repeats = 0
    known: list[ToolResult] | None = None
    for reply, results in _steps(before):
        if _wishes(reply.calls) != wanted or not (REFUSED in results or known in (None, results)):
            break
        known = known if REFUSED in results else results
        repeats += 1
    return REFUSED if repeats >= MAX_SAME else None


def rests(messages: Sequence[Message]) -> bool:
    """Whether the model said its last word, and calls nothing more.

    Raises LimitReached or ModelFailed when it gets nowhere.
    """
    steps = list(_steps(messages))
    empty = len(list(takewhile(lambda step: _is_empty(step[0]), steps)))
    if empty >= MAX_EMPTY:
        raise ModelFailed(f"The model gave {empty} empty replies in a row. Prompt again, or choose another model.")
    last = steps[0][0]
    if len(list(takewhile(lambda step: REFUSED in step[1], steps))) >= MAX_REFUSED:
        names = ", ".join(dict.fromkeys(call.name[:MAX_NAME] for call in last.calls))
        raise LimitReached(f"The agent made the same call again and again ({names}). Tell it what to do instead.")
    return not last.calls and not empty


def _steps(messages: Sequence[Message]) -> Iterator[tuple[Reply, list[ToolResult]]]:
    """Replies and the results of their calls, the newest first, back to what a person said last."""
    results: list[ToolResult] = []
    for message in reversed(messages):
        match message:
            case ToolMessage(result=result):
                results.insert(0, result)
            case Reply():
                yield message, results
                results = []
            case UserMessage():
                return


def _is_empty(reply: Reply) -> bool:
    return not reply.calls and not reply.text.strip()


def _wishes(calls: Sequence[ToolCall]) -> list[tuple[object, ...]]:
    return [(call.name, call.arguments, call.problem) for call in calls]
