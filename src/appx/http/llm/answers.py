"""From our words to OpenAI's: a whole reply, and the pieces of one. Pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from appx.domain.deltas import CallDelta, Delta, TextDelta, ThinkingDelta
from appx.domain.messages import Reply, StopReason, ToolCall, Usage

Json: TypeAlias = dict[str, Any]

REASONS: Mapping[StopReason, str] = {"stop": "stop", "length": "length", "toolUse": "tool_calls"}


def completion(reply: Reply, *, id_: str, model: str, created: int) -> Json:
    """Thoughts are left out: OpenAI's dialect has no place for them."""
    calls = [_call(call) for call in reply.calls]
    message: Json = {"role": "assistant", "content": reply.text if reply.text or not calls else None}
    if calls:
        message["tool_calls"] = calls
    return {
        "id": id_,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": _reason(reply), "logprobs": None}],
        "usage": usage_of(reply.usage),
    }


def usage_of(usage: Usage) -> Json:
    """OpenAI counts what a cache took as part of the prompt."""
    prompt = usage.input + usage.cache_read + usage.cache_write
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.output,
        "total_tokens": prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
    }


class Pieces:
    """Those of one reply. ``with_usage``: the last one says what it took."""

    def __init__(self, *, id_: str, model: str, created: int, with_usage: bool) -> None:
        self._frame = {"id": id_, "object": "chat.completion.chunk", "created": created, "model": model}
        self._with_usage = with_usage
        self._calls: dict[int, int] = {}
        self._said: set[int] = set()

    def first(self) -> Json:
        return self._chunk({"role": "assistant", "content": ""})

    def of(self, delta: Delta) -> Json | None:
        match delta:
            case TextDelta(text=text):
                return self._chunk({"content": text}) if text else None
            case ThinkingDelta():
                return None
            case CallDelta(index=index, id=call_id, name=name, text=text):
                if text:
                    self._said.add(index)
                if index in self._calls:
                    return self._call(self._calls[index], {"function": {"arguments": text}}) if text else None
                place = self._calls[index] = len(self._calls)
                function = {"name": name, "arguments": text}
                return self._call(place, {"id": call_id, "type": "function", "function": function})

    def last(self, reply: Reply) -> Iterator[Json]:
        """A call without arguments has an empty object: clients parse them."""
        for index, place in self._calls.items():
            if index not in self._said:
                yield self._call(place, {"function": {"arguments": "{}"}})
        yield self._chunk({}, reason=_reason(reply))
        if self._with_usage:
            yield {**self._frame, "choices": [], "usage": usage_of(reply.usage)}

    def _call(self, place: int, call: Json) -> Json:
        return self._chunk({"tool_calls": [{"index": place, **call}]})

    def _chunk(self, delta: Json, *, reason: str | None = None) -> Json:
        chunk: Json = {**self._frame, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
        return {**chunk, "usage": None} if self._with_usage else chunk


def _call(call: ToolCall) -> Json:
    arguments = json.dumps(dict(call.arguments), ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def _reason(reply: Reply) -> str:
    return REASONS.get(reply.stop, "stop")
