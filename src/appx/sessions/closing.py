"""What is still to be said when a turn ends early: a pure function, the same after a stop and after a crash."""

from collections.abc import Iterable, Sequence

from appx.domain.conversation import INTERRUPTED
from appx.domain.events import (
    Compacted,
    CompactionFailed,
    CompactionStarted,
    Event,
    ModelReplied,
    Outcome,
    PromptDelivered,
    QuestionAnswered,
    RetryStarted,
    ToolFinished,
    TurnEnded,
    TurnStarted,
)
from appx.domain.ids import CallId, TurnId
from appx.domain.messages import Block, ModelRef, Reply, StopReason, Usage
from appx.domain.questions import CANCELLED
from appx.sessions.questions import pending

NOTHING = Usage()


def open_turn(events: Iterable[Event]) -> TurnId | None:
    """The turn that has not ended, if there is one."""
    turn: TurnId | None = None
    for event in events:
        turn = None if isinstance(event, TurnEnded) else begins(event) or turn
    return turn


def begins(event: Event) -> TurnId | None:
    """The turn that ``event`` is the beginning of. A manual compaction is one, in which nothing is said."""
    match event:
        case TurnStarted(turn=turn) | CompactionStarted(turn=turn, reason="manual"):
            return turn
        case _:
            return None


def closing(  # noqa: PLR0913  by name, all of them
    events: Sequence[Event],
    *,
    turn: TurnId,
    outcome: Outcome,
    detail: str,
    model: ModelRef,
    seen: tuple[Block, ...] = (),
    usage: Usage = NOTHING,
) -> list[Event]:
    """The events that end ``turn``, so that every call has a result and every step a reply.

    A question stays open when the turn was interrupted: it was no wish of the person's, who may still answer.
    ``model``, ``seen`` and ``usage``: who was answering, the part of its reply that people saw, and what that took.
    """
    calls, waiting = _loose_ends(events, turn)
    asked = pending(events) if outcome != "interrupted" else {}
    end: list[Event] = [QuestionAnswered(id=each, answer=CANCELLED) for each in asked]
    compacting = open_compaction(events)
    if compacting is not None:
        error = detail or "Interrupted."
        end.append(CompactionFailed(turn=turn, reason=compacting.reason, error=error, model=model, usage=usage))
        usage = NOTHING
    end += [ToolFinished(turn=turn, call_id=call_id, tool=tool, result=INTERRUPTED) for call_id, tool in calls.items()]
    if waiting and outcome != "done":
        stop: StopReason = "error" if outcome == "failed" else "aborted"
        reply = Reply(model=model, blocks=seen, usage=usage, stop=stop, error=detail)
        end.append(ModelReplied(turn=turn, reply=reply))
    return [*end, TurnEnded(turn=turn, outcome=outcome, detail=detail)]


def open_compaction(events: Iterable[Event]) -> CompactionStarted | None:
    """The compaction that was begun and has no end."""
    found: CompactionStarted | None = None
    for event in events:
        match event:
            case CompactionStarted():
                found = event
            case Compacted() | CompactionFailed():
                found = None
            case _:
                pass
    return found


def _loose_ends(events: Iterable[Event], turn: TurnId) -> tuple[dict[CallId, str], bool]:
    """The calls without a result, and whether a reply was awaited when nothing more came."""
    calls: dict[CallId, str] = {}
    waiting = True
    for event in events:
        match event:
            case TurnStarted(turn=each) | PromptDelivered(turn=each) | RetryStarted(turn=each) if each == turn:
                waiting = True
            case CompactionStarted(turn=each, reason="manual") if each == turn:
                waiting = False
            case ModelReplied(turn=each, reply=reply) if each == turn:
                whole = reply.stop not in {"error", "aborted"}
                calls = {call.id: call.name for call in reply.calls} if whole else {}
                waiting = False
            case ToolFinished(turn=each, call_id=call_id) if each == turn:
                calls.pop(call_id, None)
                waiting = not calls
            case _:
                pass
    return calls, waiting and not calls
