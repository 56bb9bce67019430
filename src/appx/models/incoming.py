"""What a provider's library streams, as our deltas and our reply."""

import json
from collections.abc import Mapping

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
from pydantic_core import to_json

from appx.domain.deltas import CallDelta, TextDelta, ThinkingDelta
from appx.domain.ids import CallId
from appx.domain.messages import Block, Reply, StopReason, Text, Thinking, ToolCall, Usage
from appx.models.catalogue import ModelInfo
from appx.models.model import ModelFailed, OnDelta

CUT_OFF = "the reply ended at its limit of tokens in the middle of them"


class Incoming:
    """Takes the events of one stream. Blocks are counted in the order in which they open."""

    def __init__(self, on_delta: OnDelta) -> None:
        self._on_delta = on_delta
        self._places: dict[int, int] = {}
        self._calls: dict[int, ToolCallPart] = {}

    def take(self, event: ModelResponseStreamEvent) -> None:
        match event:
            case PartStartEvent(index=index, part=TextPart() | ThinkingPart() | ToolCallPart() as part):
                self._open(self._places.setdefault(index, len(self._places)), part)
            case PartDeltaEvent(index=index, delta=delta) if index in self._places:
                self._more(self._places[index], delta)
            case _:
                pass

    def _open(self, place: int, part: TextPart | ThinkingPart | ToolCallPart) -> None:
        match part:
            case TextPart(content=text):
                self._on_delta(TextDelta(index=place, text=_whole(text)))
            case ThinkingPart(content=text):
                self._on_delta(ThinkingDelta(index=place, text=_whole(text)))
            case ToolCallPart():
                self._calls[place] = part
                self._on_call(place, part.args)

    def _more(self, place: int, delta: object) -> None:
        match delta:
            case TextPartDelta(content_delta=text) if text:
                self._on_delta(TextDelta(index=place, text=_whole(text)))
            case ThinkingPartDelta(content_delta=text) if text:
                self._on_delta(ThinkingDelta(index=place, text=_whole(text)))
            case ToolCallPartDelta(args_delta=more) if more and place in self._calls:
                self._on_call(place, more)
            case _:
                pass

    def _on_call(self, place: int, arguments: str | Mapping[str, object] | None) -> None:
        text = arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""
        call = self._calls[place]
        self._on_delta(CallDelta(index=place, id=CallId(call.tool_call_id), name=call.tool_name, text=text))

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
        blocks = tuple(block for part in response.parts if (block := _block(part, cut=cut)) is not None)
        calls = any(isinstance(block, ToolCall) for block in blocks)
        stop: StopReason = "length" if cut else "toolUse" if calls else "stop"
        return Reply(model=info.ref, blocks=blocks, usage=usage_of(response.usage, info), stop=stop)


def _block(part: ModelResponsePart, *, cut: bool) -> Block | None:
    match part:
        case TextPart(content=text):
            return Text(text=_whole(text), signature=_signature(details=part.provider_details))
        case ThinkingPart(content=text):
            signature = _signature(id=part.id, signature=part.signature, details=part.provider_details)
            return Thinking(text=_whole(text), signature=signature)
        case ToolCallPart():
            return _call(part, cut=cut)
        case _:
            return None


def _call(part: ToolCallPart, *, cut: bool) -> ToolCall:
    arguments, problem = _arguments(part.args)
    return ToolCall(
        id=CallId(part.tool_call_id),
        name=part.tool_name,
        arguments=arguments,
        problem=CUT_OFF if problem and cut else problem,
        signature=_signature(details=part.provider_details),
    )


def _arguments(args: str | Mapping[str, object] | None) -> tuple[Mapping[str, object], str]:
    """The arguments, or why they cannot be read."""
    if args is None or not args:
        return {}, ""
    if not isinstance(args, str):
        return dict(args), ""
    try:
        arguments = json.loads(args, strict=False)
    except (ValueError, RecursionError) as error:
        return {}, f"they are not JSON ({error})"
    if not isinstance(arguments, dict):
        return {}, "they are not a JSON object"
    try:
        to_json(arguments)
    except ValueError:
        return {}, "they cannot be stored: they are nested too deeply, or hold half a surrogate pair"
    return arguments, ""


def _whole(text: str) -> str:
    """Without half surrogate pairs, which no file and no socket takes. A provider may cut an emoji in two."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _signature(**fields: object) -> str | None:
    """What the provider wants back with its own words, as one opaque text."""
    kept = {name: value for name, value in fields.items() if value}
    return json.dumps(kept) if kept else None


def usage_of(usage: RequestUsage, info: ModelInfo) -> Usage:
    """What the provider counted, with its price."""
    read, write, output = usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens
    fresh = max(0, usage.input_tokens - read - write)
    cost = info.cost(fresh=fresh, output=output, cache_read=read, cache_write=write)
    return Usage(input=fresh, output=output, cache_read=read, cache_write=write, cost=cost)
