"""From the log to the model: a pure fold, so that a restart changes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from appx.domain.events import (
    Compacted,
    CompactionFailed,
    CompactionStarted,
    Event,
    ModelChosen,
    ModelReplied,
    PromptDelivered,
    PromptQueued,
    QuestionAnswered,
    QuestionAsked,
    RetryEnded,
    RetryStarted,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnStarted,
    Warned,
)
from appx.domain.ids import CallId
from appx.domain.messages import Message, Reply, Text, ToolMessage, ToolResult, UserMessage

INTERRUPTED = ToolResult(ok=False, text="Interrupted before it finished. What it did up to then may have stayed.")


SUMMARY = "The conversation so far was summarised, to make room. This is the summary:\n\n{}"


def messages(events: Iterable[Event]) -> list[Message]:
    """Everything that was said, in order: what people see. A failed attempt is part of it."""
    said: list[Message] = []
    for event in events:
        match event:
            case TurnStarted(prompt=prompt) | PromptDelivered(prompt=prompt):
                said.append(prompt)
            case ModelReplied(reply=reply):
                said.append(reply)
            case ToolFinished(call_id=call_id, tool=tool, result=result):
                said.append(ToolMessage(call_id=call_id, tool=tool, result=result))
            case ModelChosen() | PromptQueued() | RetryStarted() | RetryEnded() | ToolStarted() | TurnEnded():
                pass
            case QuestionAsked() | QuestionAnswered() | CompactionStarted() | Compacted() | CompactionFailed():
                pass
            case Warned():
                pass
    return said


def conversation(events: Sequence[Event]) -> list[Message]:
    """What the model is sent. Every call has exactly one answer, wherever the log was cut.

    A reply that failed is left out. Of one that was cut off, the text stays: a person saw it; its calls never ran.
    What was compacted is a summary.
    """
    compacted = last_compaction(events)
    sent: list[Message] = [] if compacted is None else [UserMessage(text=SUMMARY.format(compacted.summary))]
    open_calls: dict[CallId, str] = {}
    for message in messages(events if compacted is None else events[compacted.first_kept - 1 :]):
        if isinstance(message, ToolMessage):
            if open_calls.pop(message.call_id, None) is not None:
                sent.append(message)
            continue
        sent += _interrupted(open_calls)
        open_calls = {}
        kept = message if isinstance(message, UserMessage) else _kept(message)
        if kept is not None:
            sent.append(kept)
        if isinstance(kept, Reply):
            open_calls = {call.id: call.name for call in kept.calls}
    return sent + _interrupted(open_calls)


def last_compaction(events: Sequence[Event]) -> Compacted | None:
    """The one that holds: each summary takes up the one before."""
    return next((event for event in reversed(events) if isinstance(event, Compacted)), None)


def _kept(reply: Reply) -> Reply | None:
    """What the model is reminded of."""
    if reply.stop not in {"error", "aborted"}:
        return reply
    seen = tuple(block for block in reply.blocks if isinstance(block, Text))
    return replace(reply, blocks=seen) if seen and reply.stop == "aborted" else None


def _interrupted(calls: Mapping[CallId, str]) -> list[Message]:
    return [ToolMessage(call_id=call_id, tool=tool, result=INTERRUPTED) for call_id, tool in calls.items()]
