"""From the log to the model: a pure fold, so that a restart changes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from appx.domain.events import (
    CheckpointFailed,
    CheckpointTaken,
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
    QueueCleared,
    RetryEnded,
    RetryStarted,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnStarted,
    Warned,
)
from appx.domain.ids import CallId
from appx.domain.messages import Message, Reply, Text, ToolMessage, ToolResult, Usage, UserMessage

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
            case ModelChosen() | PromptQueued() | QueueCleared() | RetryStarted() | RetryEnded():
                pass
            case ToolStarted() | QuestionAsked() | QuestionAnswered() | TurnEnded():
                pass
            case (
                CompactionStarted()
                | Compacted()
                | CompactionFailed()
                | CheckpointTaken()
                | CheckpointFailed()
                | Warned()
            ):
                pass
    return said


def conversation(events: Sequence[Event]) -> list[Message]:
    """What the model is sent. Every call has exactly one answer, wherever the log was cut.

    A reply that failed is left out. Of one that was cut off, the text stays: a person saw it; its calls never ran.
    What was compacted is a summary; the replies that were kept then have no usage any more, since they counted it, too.
    """
    compacted = last_compaction(events)
    sent: list[Message] = [] if compacted is None else [UserMessage(text=SUMMARY.format(compacted.summary))]
    open_calls: dict[CallId, str] = {}
    for message in messages(events) if compacted is None else _since(events, compacted):
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


def _since(events: Sequence[Event], compacted: Compacted) -> list[Message]:
    at = next(place for place in range(len(events) - 1, -1, -1) if events[place] is compacted)
    kept = messages(events[compacted.first_kept - 1 : at])
    return [
        *(replace(each, usage=Usage()) if isinstance(each, Reply) else each for each in kept),
        *messages(events[at:]),
    ]


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
