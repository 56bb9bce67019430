"""What a provider's library streams, as our deltas and our reply."""

import json
from collections.abc import Iterable, Mapping
from itertools import chain, count

from pydantic_ai.messages import (
    ModelResponse,
    ModelResponsePart,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ThinkingPartDelta,
    ToolCallPart,
    ToolCallPartDelta,
)
from pydantic_ai.usage import RequestUsage
from pydantic_core import from_json, to_json

from appx.domain.deltas import CallDelta, Delta, TextDelta, ThinkingDelta
from appx.domain.ids import CallId
from appx.domain.messages import Block, Message, Reply, StopReason, Text, Thinking, ToolCall, Usage
from appx.models.catalogue import ModelInfo
from appx.models.model import ModelFailed, OnDelta

MAX_REPLY = 4_000_000
"""Characters, and as many of signatures. The longest replies that a model may give have about a tenth of it."""

MAX_BLOCKS = 2_000
"""Of one reply. Also one without a word takes memory, and the library looks through all that there are."""

MAX_NAME = 1_000
MAX_ID = 65_536
"""Characters, of a call: each piece of its arguments is shown with both. LiteLLM puts signatures into ids."""

MAX_LEVELS = 100
"""Of objects and lists within each other, in the arguments of a call. About 195 can be stored and read again."""

MAX_TOKENS = 1_000_000_000
"""Of a kind, in one reply. No model has so many; a provider may say anything, and the ledger adds it up."""

TOO_DEEP = f"they have more than {MAX_LEVELS} levels of objects and lists within each other"
CUT_OFF = "the reply ended at its limit of tokens in the middle of them"


class Incoming:
    """Takes the events of one stream. Blocks are counted in the order in which they open.

    ``taken``: the ids of calls that the conversation has. A call that comes with one of them, or with that of another
    call of the reply, gets a new one: no provider takes a conversation in which two are the same.
    """

    def __init__(self, on_delta: OnDelta, *, taken: Iterable[CallId] = ()) -> None:
        self._show = on_delta
        self._places: dict[int, int] = {}
        self._calls: dict[int, ToolCallPart] = {}
        self._taken = set(taken)
        self._ids: dict[int, CallId] = {}
        self._size = 0

    def take(self, event: ModelResponseStreamEvent) -> None:
        """Raises ModelFailed when the reply is too large."""
        match event:
            case PartStartEvent(index=index, part=TextPart() | ThinkingPart() | ToolCallPart() as part):
                self._open(index, self._places.setdefault(index, len(self._places)), part)
            case PartDeltaEvent(index=index, delta=delta) if index in self._places:
                self._more(index, self._places[index], delta)
            case _:
                pass

    def _on_delta(self, delta: Delta) -> None:
        self._size += len(delta.text)
        if self._size > MAX_REPLY:
            raise ModelFailed(f"The reply has more than {MAX_REPLY:,} characters, the limit.")
        self._show(delta)

    def _open(self, index: int, place: int, part: TextPart | ThinkingPart | ToolCallPart) -> None:
        if place >= MAX_BLOCKS:
            raise ModelFailed(f"The reply has more than {MAX_BLOCKS:,} texts, thoughts and calls, the limit.")
        match part:
            case TextPart(content=text):
                self._on_delta(TextDelta(index=place, text=_whole(text)))
            case ThinkingPart(content=text):
                self._on_delta(ThinkingDelta(index=place, text=_whole(text)))
            case ToolCallPart():
                self._calls[place] = part
                self._on_call(index, place, part.args)

    def _more(self, index: int, place: int, delta: object) -> None:
        match delta:
            case TextPartDelta(content_delta=text) if text:
                self._on_delta(TextDelta(index=place, text=_whole(text)))
            case ThinkingPartDelta(content_delta=text) if text:
                self._on_delta(ThinkingDelta(index=place, text=_whole(text)))
            case ToolCallPartDelta(args_delta=more) if more and place in self._calls:
                self._on_call(index, place, more)
            case _:
                pass

    def _on_call(self, index: int, place: int, arguments: str | Mapping[str, object] | None) -> None:
        text = arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""
        call = self._calls[place]
        _check_named(call)
        self._on_delta(CallDelta(index=place, id=self._id(index, call), name=_whole(call.tool_name), text=_whole(text)))

    def _id(self, index: int, part: ToolCallPart) -> CallId:
        if index not in self._ids:
            given = _whole(part.tool_call_id) or "call"
            others = (CallId(f"{given}_{number}") for number in count(2))
            self._ids[index] = next(each for each in chain([CallId(given)], others) if each not in self._taken)
            self._taken.add(self._ids[index])
        return self._ids[index]

    def reply(self, response: ModelResponse, info: ModelInfo) -> Reply:
        """Raises ModelFailed when what came is not a whole reply."""
        reason = response.finish_reason
        if reason is None:
            raise ModelFailed("The stream ended early.", again=True)
        if reason == "content_filter":
            raise ModelFailed("The provider's content filter ended the reply. Say it in another way.")
        if reason == "error":
            raise ModelFailed("The provider ended the reply with an error.", again=True)
        cut = reason == "length"
        found = (self._block(index, part, cut=cut) for index, part in enumerate(response.parts))
        blocks = tuple(block for block in found if block is not None)
        if sum(len(block.signature or "") for block in blocks) > MAX_REPLY:
            raise ModelFailed(f"The signatures of the reply have more than {MAX_REPLY:,} characters, the limit.")
        calls = any(isinstance(block, ToolCall) for block in blocks)
        stop: StopReason = "length" if cut else "toolUse" if calls else "stop"
        return Reply(model=info.ref, blocks=blocks, usage=usage_of(response.usage, info), stop=stop)

    def _block(self, index: int, part: ModelResponsePart, *, cut: bool) -> Block | None:
        match part:
            case TextPart(content=text):
                return Text(text=_whole(text), signature=_signature(details=part.provider_details))
            case ThinkingPart(content=text):
                signature = _signature(id=part.id, signature=part.signature, details=part.provider_details)
                return Thinking(text=_whole(text), signature=signature)
            case ToolCallPart():
                _check_named(part)
                return _call(part, self._id(index, part), cut=cut)
            case _:
                return None


def ids_of(messages: Iterable[Message]) -> set[CallId]:
    """Those of all calls."""
    return {call.id for message in messages if isinstance(message, Reply) for call in message.calls}


def _check_named(call: ToolCallPart) -> None:
    if len(call.tool_name) > MAX_NAME or len(call.tool_call_id) > MAX_ID:
        raise ModelFailed(
            f"The reply has a call with a name of more than {MAX_NAME:,} characters, or an id of more than {MAX_ID:,}.",
            again=True,
        )


def _call(part: ToolCallPart, call_id: CallId, *, cut: bool) -> ToolCall:
    arguments, problem = _arguments(part.args)
    return ToolCall(
        id=call_id,
        name=_whole(part.tool_name),
        arguments=arguments,
        problem=CUT_OFF if problem and cut else problem,
        signature=_signature(details=part.provider_details),
    )


def _arguments(args: str | Mapping[str, object] | None) -> tuple[Mapping[str, object], str]:
    """The arguments, or why they cannot be read."""
    if not args:
        return {}, ""
    try:
        found = json.loads(args, strict=False) if isinstance(args, str) else dict(args)
    except RecursionError:
        return {}, TOO_DEEP
    except ValueError as error:
        return {}, f"they are not JSON ({error})"
    if not isinstance(found, dict):
        return {}, "they are not a JSON object"
    if _is_deeper(found, MAX_LEVELS):
        return {}, TOO_DEEP
    try:
        from_json(to_json(found))
    except ValueError:
        return {}, "they cannot be stored: they hold half a surrogate pair, or a number of thousands of digits"
    return found, ""


def _is_deeper(value: object, levels: int) -> bool:
    """Whether more than ``levels`` objects and lists stand within each other. No recursion: there may be many."""
    inside = [value]
    for _ in range(levels + 1):
        outer = [each for each in inside if isinstance(each, dict | list | tuple)]
        inside = [part for each in outer for part in (each.values() if isinstance(each, dict) else each)]
        if not outer:
            return False
    return True


def _whole(text: str) -> str:
    """Without half surrogate pairs, which no file and no socket takes. A provider may cut an emoji in two."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _signature(**fields: object) -> str | None:
    """What the provider wants back with its own words, as one opaque text."""
    kept = {name: value for name, value in fields.items() if value}
    return _whole(json.dumps(kept, ensure_ascii=False)) if kept else None


def usage_of(usage: RequestUsage, info: ModelInfo) -> Usage:
    """What the provider counted, with its price."""
    counts = (usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens)
    given, read, write, output = (int(min(max(0, each), MAX_TOKENS)) for each in counts)
    fresh = max(0, given - read - write)
    cost = info.cost(fresh=fresh, output=output, cache_read=read, cache_write=write)
    return Usage(input=fresh, output=output, cache_read=read, cache_write=write, cost=cost)
