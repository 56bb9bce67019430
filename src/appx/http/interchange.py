"""A session as a file of pi, JSONL version 3, and back: two folds. What was said comes back as it was.

A file is a tree; the session is the way from its last entry up to its root.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from pydantic import TypeAdapter, ValidationError

from appx.domain import conversation
from appx.domain.errors import Invalid
from appx.domain.events import (
    Compacted,
    CompactionStarted,
    Event,
    ModelChosen,
    ModelReplied,
    Outcome,
    PromptDelivered,
    PromptQueued,
    Record,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnStarted,
)
from appx.domain.ids import CallId, Seq, TurnId, uuid7
from appx.domain.messages import Message, Reply, ThinkingLevel, ToolCall, ToolMessage, UserMessage
from appx.http import wire
from appx.http.foreign import CompactionEntry, Entry, Header, MessageEntry, ModelEntry, OtherEntry, ThinkingEntry
from appx.http.once import encode
from appx.http.wire import Json
from appx.kit import clock
from appx.kit.json_values import check_values
from appx.sessions.closing import closing
from appx.sessions.session import NO_MODEL

VERSION = 3
MEDIA_TYPE = "application/x-ndjson"
CUT_OFF = "The turn had not ended when the session was exported. Prompt again to go on."

Known: TypeAlias = Callable[[str, str], bool]
"""Whether there is a model of this provider and id here."""

_KINDS: dict[str, TypeAdapter[Entry]] = {
    "message": TypeAdapter(MessageEntry),
    "model_change": TypeAdapter(ModelEntry),
    "thinking_level_change": TypeAdapter(ThinkingEntry),
    "compaction": TypeAdapter(CompactionEntry),
}
_OTHER: TypeAdapter[Entry] = TypeAdapter(OtherEntry)
_HEADER = TypeAdapter(Header)


def lines(records: Iterable[Record], *, session: str, created_at: datetime, cwd: str) -> Iterator[bytes]:
    """The session as lines with their ends."""
    header = {"type": "session", "version": VERSION, "id": session, "timestamp": clock.iso(created_at), "cwd": cwd}
    yield _line(header)
    number, parent = 0, None
    firsts: list[tuple[Seq, str]] = []
    for record in records:
        for entry in _entries(record):
            number += 1
            name = f"{number:08x}"
            if isinstance(record.event, Compacted):
                entry["firstKeptEntryId"] = _first_kept(firsts, record.event.first_kept) or name
            placed = {"id": name, "parentId": parent, "timestamp": clock.iso(record.at)}
            yield _line({"type": entry.pop("type"), **placed, **entry})
            parent = name
            firsts.append((record.seq, name))


def _first_kept(firsts: Sequence[tuple[Seq, str]], seq: Seq) -> str | None:
    """The entry that the record of this number became, or else the next. None when nothing was kept."""
    place = bisect_left(firsts, (seq, ""))
    return firsts[place][1] if place < len(firsts) else None


def _entries(record: Record) -> list[Json]:
    if isinstance(record.event, ModelChosen):
        chosen = record.event
        return [
            {"type": "model_change", "provider": chosen.provider, "modelId": chosen.model_id},
            {"type": "thinking_level_change", "thinkingLevel": chosen.thinking},
        ]
    if isinstance(record.event, Compacted):
        compacted = record.event
        return [{"type": "compaction", "summary": compacted.summary, "tokensBefore": compacted.tokens_before}]
    millis = clock.millis(record.at)
    return [
        {"type": "message", "message": wire.message(said, millis)} for said in conversation.messages([record.event])
    ]


def _line(found: Json) -> bytes:
    return encode(found) + b"\n"


def records(data: bytes, known: Known) -> list[Record]:
    """The log of a session with what ``data`` tells. Raises Invalid, naming the line."""
    log = _Log(known)
    for number, entry in _way(_parsed(data)):
        log.add(number, entry)
    return log.whole()


def _parsed(data: bytes) -> list[tuple[int, Entry]]:
    found: list[tuple[int, Entry]] = []
    begun = False
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        if begun:
            found.append((number, _entry(number, line)))
        else:
            _check_header(number, line)
            begun = True
    if not begun:
        raise Invalid("The body is empty. Send a session file of pi: one JSON object on each line.")
    return found


def _check_header(number: int, line: bytes) -> None:
    try:
        header = _HEADER.validate_json(line)
    except ValidationError as error:
        raise _invalid(number, error) from None
    if header.version != VERSION:
        raise Invalid(f"line {number}: this is version {header.version} of the format; appx reads version {VERSION}.")


def _entry(number: int, line: bytes) -> Entry:
    try:
        check_values(line)
    except ValueError as error:
        raise Invalid(f"line {number}: {error}. Nothing was imported.") from None
    try:
        kind = _OTHER.validate_json(line)
        return _KINDS[kind.type].validate_json(line) if kind.type in _KINDS else kind
    except ValidationError as error:
        raise _invalid(number, error) from None


def _invalid(number: int, error: ValidationError) -> Invalid:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(each) for each in first["loc"])
    return Invalid(f"line {number}: {f'{place}: ' if place else ''}{first['msg']}. Nothing was imported.")


def _way(entries: Sequence[tuple[int, Entry]]) -> list[tuple[int, Entry]]:
    """From the root to the last entry."""
    by_id: dict[str, tuple[int, Entry]] = {}
    for number, entry in entries:
        if entry.id in by_id:
            raise Invalid(f"line {number}: the id {entry.id} was used before. Nothing was imported.")
        if entry.parent_id is not None and entry.parent_id not in by_id:
            raise Invalid(f"line {number}: no line above has the id {entry.parent_id}. Nothing was imported.")
        by_id[entry.id] = (number, entry)
    way = entries[-1:]
    found: list[tuple[int, Entry]] = []
    while way:
        found += way
        parent = way[0][1].parent_id
        way = [by_id[parent]] if parent is not None else []
    return found[::-1]


class _Log:
    """Entries in, facts out: turns that begin and end, calls that have a result."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._records: list[Record] = []
        self._turn: TurnId | None = None
        self._begun = 0
        self._last: Reply | None = None
        self._calls: dict[CallId, ToolCall] = {}
        self._model: tuple[str, str] | None = None
        self._level: ThinkingLevel = "off"
        self._choice = False
        self._first: dict[str, Seq] = {}
        self._at = datetime.min.replace(tzinfo=UTC)

    def add(self, number: int, entry: Entry) -> None:
        self._at = entry.timestamp
        self._first[entry.id] = Seq(len(self._records) + 1)
        match entry:
            case MessageEntry(message=message):
                self._say(number, message.ours())
            case ModelEntry(provider=provider, model_id=model_id):
                self._model, self._choice = (provider, model_id), True
            case ThinkingEntry(thinking_level=level):
                self._level, self._choice = level, True
            case CompactionEntry():
                self._compact(number, entry)
            case OtherEntry():
                pass

    def whole(self) -> list[Record]:
        self._end_turn()
        self._choose()
        return self._records

    def _say(self, number: int, message: Message) -> None:
        match message:
            case UserMessage():
                self._prompt(message)
            case Reply():
                if self._turn is None:
                    raise Invalid(f"line {number}: a reply stands before any prompt. Nothing was imported.")
                self._interrupt_calls()
                self._reply(self._turn, message)
            case ToolMessage():
                self._result(number, message)

    def _prompt(self, prompt: UserMessage) -> None:
        """In the middle of a turn when the last reply called tools and all have answered, else the start of one."""
        between = self._last is not None and self._last.stop == "toolUse" and not self._calls and not self._choice
        if self._turn is not None and between:
            self._add(PromptQueued(prompt=prompt), PromptDelivered(turn=self._turn, prompt=prompt))
            return
        self._end_turn()
        self._choose()
        self._turn, self._begun = TurnId(uuid7()), len(self._records)
        self._add(TurnStarted(turn=self._turn, prompt=prompt))

    def _reply(self, turn: TurnId, reply: Reply) -> None:
        self._add(ModelReplied(turn=turn, reply=reply))
        self._last = reply
        if reply.stop not in {"error", "aborted"}:
            self._calls = {call.id: call for call in reply.calls}

    def _result(self, number: int, message: ToolMessage) -> None:
        call = self._calls.pop(message.call_id, None)
        if call is None or self._turn is None:
            raise Invalid(f"line {number}: no reply before it has the call {message.call_id}. Nothing was imported.")
        self._add(
            ToolStarted(turn=self._turn, call=call),
            ToolFinished(turn=self._turn, call_id=call.id, tool=message.tool, result=message.result),
        )

    def _compact(self, number: int, entry: CompactionEntry) -> None:
        """It happened in the turn, as far as this log knows: one that a person asks for is a turn of its own."""
        first = self._first.get(entry.first_kept_entry_id)
        if first is None:
            raise Invalid(
                f"line {number}: firstKeptEntryId: {entry.first_kept_entry_id} is not on the way here. "
                "Nothing was imported."
            )
        turn = self._turn or TurnId(uuid7())
        kept = Compacted(
            turn=turn, reason="threshold", summary=entry.summary, first_kept=first, tokens_before=entry.tokens_before
        )
        self._add(CompactionStarted(turn=turn, reason="threshold"), kept)

    def _end_turn(self) -> None:
        if self._turn is None:
            return
        if self._calls or self._last is None or self._last.stop == "toolUse":
            self._add(*self._cut_off(self._turn))
        else:
            self._add(TurnEnded(turn=self._turn, outcome=self._outcome()))
        self._turn = self._last = None
        self._calls = {}

    def _cut_off(self, turn: TurnId) -> list[Event]:
        """What is said after a crash, too."""
        so_far = [record.event for record in self._records[self._begun :]]
        model = self._last.model if self._last is not None else NO_MODEL
        return closing(so_far, turn=turn, outcome="interrupted", detail=CUT_OFF, model=model)

    def _outcome(self) -> Outcome:
        stop = self._last.stop if self._last is not None else "stop"
        return "failed" if stop == "error" else "stopped" if stop == "aborted" else "done"

    def _interrupt_calls(self) -> None:
        for call in self._calls.values():
            assert self._turn is not None
            result = conversation.INTERRUPTED
            self._add(ToolFinished(turn=self._turn, call_id=call.id, tool=call.name, result=result))
        self._calls = {}

    def _choose(self) -> None:
        """A model that is not here is not chosen: the session goes on with the default."""
        if self._choice and self._model is not None and self._known(*self._model):
            provider, model_id = self._model
            self._add(ModelChosen(provider=provider, model_id=model_id, thinking=self._level))
        self._choice = False

    def _add(self, *events: Event) -> None:
        for event in events:
            self._records.append(Record(seq=Seq(len(self._records) + 1), at=self._at, event=event))
