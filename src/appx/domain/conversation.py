"""From the log to the model: a pure fold, so that a restart changes nothing."""

from collections.abc import Iterable
from dataclasses import replace

from appx.domain.events import (
    Event,
    ModelChosen,
    ModelReplied,
    PromptDelivered,
    PromptQueued,
    RetryEnded,
    RetryStarted,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnStarted,
)
from appx.domain.ids import CallId
from appx.domain.messages import Message, Text, ToolMessage, ToolResult, UserMessage

INTERRUPTED = ToolResult(ok=False, text="Interrupted before it finished. What it did up to then may have stayed.")


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
    return said


def conversation(events: Iterable[Event]) -> list[Message]:
    """What the model is sent. Every call has exactly one answer, wherever the log was cut.

    A reply that failed is left out. Of one that was cut off, the text stays: a person saw it; its calls never ran.
    """
    sent: list[Message] = []
    open_calls: dict[CallId, str] = {}

    def close() -> None:
        sent.extend(ToolMessage(call_id=call_id, tool=tool, result=INTERRUPTED) for call_id, tool in open_calls.items())
        open_calls.clear()

    for message in messages(events):
        if isinstance(message, ToolMessage):
            if open_calls.pop(message.call_id, None) is not None:
                sent.append(message)
            continue
        close()
        if isinstance(message, UserMessage):
            sent.append(message)
        elif message.stop == "aborted":
            seen = tuple(block for block in message.blocks if isinstance(block, Text))
            if seen:
                sent.append(replace(message, blocks=seen))
        elif message.stop != "error":
            sent.append(message)
            open_calls.update({call.id: call.name for call in message.calls})
    close()
    return sent
