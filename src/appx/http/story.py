"""The wire events of a session, as a fold over its records and its live draft. One ``Story`` per reader; no I/O.

A reader first lets it ``skip`` the records that it already knows, then asks for the events of each new record, and in
between for those of the draft. Fed with the same records, every reader is told the same.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from appx.domain import conversation
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
    Record,
    RetryEnded,
    RetryStarted,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnStarted,
    Warned,
)
from appx.domain.ids import CallId
from appx.domain.messages import Message, Reply, Text, Thinking, ToolCall, ToolMessage, Usage
from appx.http import wire
from appx.http.notes import note
from appx.http.once import plainly
from appx.http.wire import Json
from appx.kit import clock
from appx.sessions.draft import Draft, DraftBlock
from appx.sessions.queue import Queue, after

Encode: TypeAlias = Callable[[Hashable, Callable[[], Json]], object]
"""Gives the JSON that the function makes, or what it made for the same key; as a dict or as ``orjson`` takes it."""

MOST_UPDATES, MOST_AT_ONCE = 8, 1 << 20
"""Of one look at a reply, and characters of it in them: each has all of it, unless the reader is lean. Of a long reply
with a thousand short calls it would be gigabytes. With more, the reader is told as one who comes late.
"""

NAMES = {"text": "text", "thinking": "thinking", "call": "toolcall"}


@dataclass(slots=True)
class Shown:
    """What a reader was shown of the draft with this number: the characters of each block."""

    draft: int
    sizes: list[int] = field(default_factory=list)
    ended: int = 0


class Story:
    """``lean``: deltas come without the whole message so far. ``once``: makes what other readers are told, too."""

    def __init__(self, *, lean: bool = False, once: Encode = plainly) -> None:
        self._lean = lean
        self._once = once
        self._shown: Shown | None = None
        self._running = False
        self._step_open = False
        self._reply: object = None
        self._results: list[object] = []
        self._open_calls: dict[CallId, ToolCall] = {}
        self._started: set[CallId] = set()
        self._said: list[object] = []
        self._queue = Queue()

    def skip(self, record: Record) -> None:
        """Take note of a record that the reader already knows."""
        self.tell(record)

    def skip_all(self, records: Sequence[Record]) -> None:
        """As ``skip`` of each, at the cost of the last turn: of those before, only who still waits counts."""
        begins = (at for at in range(len(records) - 1, -1, -1) if isinstance(records[at].event, TurnStarted))
        start = next(begins, 0)
        self._queue = after(self._queue, (record.event for record in records[:start]))
        for record in records[start:]:
            self.skip(record)

    def tell(self, record: Record) -> list[Json]:
        """The wire events of ``record``, in order."""
        event = record.event
        match event:
            case TurnStarted() | PromptDelivered():
                return self._prompted(event, record)
            case PromptQueued() | QueueCleared():
                return self._queued(event)
            case ModelReplied(reply=reply):
                return self._replied(reply, record)
            case ToolStarted(call=call):
                return self._start(call)
            case ToolFinished():
                return self._finished(event, record)
            case TurnEnded():
                return self._ended(event)
            case (
                ModelChosen()
                | RetryStarted()
                | RetryEnded()
                | QuestionAsked()
                | QuestionAnswered()
                | CompactionStarted()
                | Compacted()
                | CompactionFailed()
                | CheckpointTaken()
                | CheckpointFailed()
                | Warned()
            ):
                return note(event)

    def progress(self, draft: Draft) -> list[Json]:
        """What came since the reader was last shown ``draft``; a reader that comes late gets it whole, once."""
        if self._shown is None or self._shown.draft != draft.number:
            return [*self._open_step(), self._whole(draft)]
        return self._grown(draft, self._shown)

    def _whole(self, draft: Draft) -> Json:
        sizes = [len(block.text) for block in draft.blocks]
        self._shown = Shown(draft=draft.number, sizes=sizes, ended=max(0, len(sizes) - 1))
        return {"type": "message_start", "message": self._partial(draft)}

    def _too_much(self, told: Sequence[Json], size: int) -> bool:
        return not self._lean and len(told) >= MOST_UPDATES and len(told) * size > MOST_AT_ONCE

    def tool_progress(self, call_id: CallId, tail: str) -> list[Json]:
        """The output so far of a running call."""
        call = self._open_calls.get(call_id)
        if call is None:
            return []
        return [
            {
                "type": "tool_execution_update",
                "toolCallId": call_id,
                "toolName": call.name,
                "args": dict(call.arguments),
                "partialResult": {"content": [wire.text(tail)]},
            }
        ]

    def _grown(self, draft: Draft, shown: Shown) -> list[Json]:
        told: list[Json] = []
        size = sum(len(block.text) for block in draft.blocks)
        for index, block in enumerate(draft.blocks):
            if self._too_much(told, size):
                return [*told, self._whole(draft)]
            if index == len(shown.sizes):
                shown.sizes.append(0)
                told.append(self._update(draft, {"type": f"{NAMES[block.kind]}_start", "contentIndex": index}))
            told += self._more(draft, shown, index, block)
            if index < len(draft.blocks) - 1 and shown.ended == index:
                shown.ended = index + 1
                told.append(self._update(draft, _end(index, block)))
        return told

    def _more(self, draft: Draft, shown: Shown, index: int, block: DraftBlock) -> list[Json]:
        new = block.text[shown.sizes[index] :]
        if not new:
            return []
        shown.sizes[index] += len(new)
        return [self._update(draft, {"type": f"{NAMES[block.kind]}_delta", "contentIndex": index, "delta": new})]

    def _update(self, draft: Draft, event: Json) -> Json:
        if self._lean:
            return {"type": "message_update", "assistantMessageEvent": event}
        partial = self._partial(draft)
        return {
            "type": "message_update",
            "message": partial,
            "assistantMessageEvent": {**event, "partial": partial},
        }

    def _partial(self, draft: Draft) -> object:
        def make() -> Json:
            millis = clock.millis(draft.at)
            return wire.assistant(draft.model, draft.so_far(), usage=Usage(), stop="stop", millis=millis)

        return self._once(("draft", draft.number, draft.version), make)

    def _open_step(self) -> list[Json]:
        if self._step_open:
            return []
        self._step_open = True
        return [{"type": "turn_start"}]

    def _prompted(self, event: TurnStarted | PromptDelivered, record: Record) -> list[Json]:
        told = self._queued(event)
        if not self._running:
            self._running, self._said = True, []
            told.append({"type": "agent_start"})
        return [*told, *self._open_step(), *self._message(event.prompt, record)]

    def _ended(self, event: TurnEnded) -> list[Json]:
        """``outcome`` and ``detail`` go beyond the contract."""
        self._open_calls = {}
        if not self._running:
            return []
        self._running = False
        end: Json = {"type": "agent_end", "messages": self._said, "willRetry": False, "outcome": event.outcome}
        return [*self._end_step(), end | ({"detail": event.detail} if event.detail else {})]

    def _encoded(self, message: Message, record: Record) -> object:
        """Each record holds at most one message."""
        return self._once(("record", record.seq), lambda: wire.message(message, clock.millis(record.at)))

    def _message(self, message: Message, record: Record) -> list[Json]:
        said = self._encoded(message, record)
        self._said.append(said)
        return [{"type": "message_start", "message": said}, {"type": "message_end", "message": said}]

    def _replied(self, reply: Reply, record: Record) -> list[Json]:
        runs = reply.stop not in {"error", "aborted"}
        told = self._open_step()
        said = self._encoded(reply, record)
        self._said.append(said)
        if self._shown is None:
            told.append({"type": "message_start", "message": said})
        elif runs:
            told += self._rest(reply, said, self._shown)
        told.append({"type": "message_end", "message": said})
        self._shown = None
        self._reply, self._results = said, []
        self._open_calls = {call.id: call for call in reply.calls} if runs else {}
        return told + ([] if self._open_calls else self._end_step())

    def _rest(self, reply: Reply, said: object, shown: Shown) -> list[Json]:
        """The end of a reply whose beginning the reader was shown."""
        told: list[Json] = []
        size = sum(map(_length, reply.blocks))
        for index, block in enumerate(reply.blocks):
            if index < shown.ended:
                continue
            if self._too_much(told, size):
                break
            name = NAMES[block.type]
            if index >= len(shown.sizes):
                shown.sizes.append(0)
                told.append(self._last(said, {"type": f"{name}_start", "contentIndex": index}))
            if not isinstance(block, ToolCall) and len(block.text) > shown.sizes[index]:
                new = block.text[shown.sizes[index] :]
                told.append(self._last(said, {"type": f"{name}_delta", "contentIndex": index, "delta": new}))
            told.append(self._last(said, _end(index, block)))
        return told

    def _last(self, said: object, event: Json) -> Json:
        if self._lean:
            return {"type": "message_update", "assistantMessageEvent": event}
        return {"type": "message_update", "message": said, "assistantMessageEvent": {**event, "partial": said}}

    def _start(self, call: ToolCall) -> list[Json]:
        self._started.add(call.id)
        return [
            {
                "type": "tool_execution_start",
                "toolCallId": call.id,
                "toolName": call.name,
                "args": dict(call.arguments),
            }
        ]

    def _finished(self, event: ToolFinished, record: Record) -> list[Json]:
        call = self._open_calls.pop(event.call_id, None)
        told = self._start(call) if call is not None and call.id not in self._started else []
        self._started.discard(event.call_id)
        told.append(
            {
                "type": "tool_execution_end",
                "toolCallId": event.call_id,
                "toolName": event.tool,
                "result": wire.result(event.result),
                "isError": not event.result.ok,
            }
        )
        answer = ToolMessage(call_id=event.call_id, tool=event.tool, result=event.result)
        told += self._message(answer, record)
        self._results.append(self._said[-1])
        return told + ([] if self._open_calls else self._end_step())

    def _end_step(self) -> list[Json]:
        if not self._step_open or self._reply is None:
            return []
        self._step_open = False
        ended = {"type": "turn_end", "message": self._reply, "toolResults": self._results}
        self._reply = None
        return [ended]

    def _queued(self, event: Event) -> list[Json]:
        """The queue, when ``event`` changed it."""
        before, self._queue = self._queue, after(self._queue, [event])
        return [] if self._queue == before else [{"type": "queue_update", **wire.queue(self._queue)}]


def _length(block: Text | Thinking | ToolCall) -> int:
    return len(str(dict(block.arguments)) if isinstance(block, ToolCall) else block.text)


def _end(index: int, block: DraftBlock | Text | Thinking | ToolCall) -> Json:
    found = block.block() if isinstance(block, DraftBlock) else block
    match found:
        case Text():
            return {"type": "text_end", "contentIndex": index, "content": found.text}
        case Thinking():
            return {"type": "thinking_end", "contentIndex": index, "content": found.text}
        case ToolCall():
            return {"type": "toolcall_end", "contentIndex": index, "toolCall": wire.block(found)}


def messages(records: Iterable[Record]) -> list[Json]:
    """All that was said, with the time of each message."""
    return [
        wire.message(said, clock.millis(record.at))
        for record in records
        for said in conversation.messages([record.event])
    ]
