"""Our messages and events in the contract's shapes. The only place that knows both.

The wire calls our step a turn, and our turn an agent run.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

from appx.domain.ids import QuestionId, uuid7
from appx.domain.messages import (
    Block,
    Image,
    Message,
    ModelRef,
    Reply,
    Text,
    Thinking,
    ToolCall,
    ToolMessage,
    ToolResult,
    Usage,
    UserMessage,
)
from appx.domain.questions import Question

Json: TypeAlias = dict[str, Any]


def message(said: Message, millis: int) -> Json:
    """A message as the contract has it; ``millis`` is when it was recorded, in milliseconds since 1970."""
    match said:
        case UserMessage():
            content = [text(said.text), *map(image, said.images)]
            return {"role": "user", "content": content, "timestamp": millis}
        case Reply():
            return assistant(said.model, said.blocks, usage=said.usage, stop=said.stop, millis=millis, error=said.error)
        case ToolMessage():
            return {
                "role": "toolResult",
                "toolCallId": said.call_id,
                "toolName": said.tool,
                **result(said.result),
                "isError": not said.result.ok,
                "timestamp": millis,
            }


def assistant(
    model: ModelRef, blocks: Sequence[Block], *, usage: Usage, stop: str, millis: int, error: str = ""
) -> Json:
    found: Json = {
        "role": "assistant",
        "content": [block(each) for each in blocks],
        "api": model.api,
        "provider": model.provider,
        "model": model.id,
        "usage": tokens(usage),
        "stopReason": stop,
        "timestamp": millis,
    }
    return found | ({"errorMessage": error} if error else {})


def block(found: Block) -> Json:
    match found:
        case Text():
            return text(found.text) | ({"textSignature": found.signature} if found.signature else {})
        case Thinking():
            signature = {"thinkingSignature": found.signature} if found.signature else {}
            return {"type": "thinking", "thinking": found.text, **signature}
        case ToolCall():
            call: Json = {"type": "toolCall", "id": found.id, "name": found.name, "arguments": dict(found.arguments)}
            return call | ({"thoughtSignature": found.signature} if found.signature else {})


def question(asked: QuestionId, found: Question) -> Json:
    """The contract's request to the person."""
    event: Json = {"type": "extension_ui_request", "id": asked, "method": found.method, "title": found.title}
    match found.method:
        case "select":
            return event | {"options": list(found.options)}
        case "confirm":
            return event | {"message": found.text}
        case "editor":
            return event | {"prefill": found.text}
        case "input":
            return event


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def image(found: Image) -> Json:
    return {"type": "image", "data": found.data, "mimeType": found.media_type}


def result(found: ToolResult) -> Json:
    return {"content": [text(found.text), *map(image, found.images)]}


def notice(sentence: str, *, id_: str | None = None, kind: Literal["warning", "error"] = "error") -> Json:
    """Something that people are to know. Without ``id_`` it is no fact of the session, but what is so now."""
    return {
        "type": "extension_ui_request",
        "id": id_ or uuid7(),
        "method": "notify",
        "message": sentence,
        "notifyType": kind,
    }


def tokens(usage: Usage) -> Json:
    cost = usage.cost
    return {
        "input": usage.input,
        "output": usage.output,
        "cacheRead": usage.cache_read,
        "cacheWrite": usage.cache_write,
        "totalTokens": usage.total,
        "cost": {
            "input": cost.input,
            "output": cost.output,
            "cacheRead": cost.cache_read,
            "cacheWrite": cost.cache_write,
            "total": cost.total,
        },
    }
