"""What providers stream in dialects other than chat completions, as chunks for ``openai_server``."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from appx.models.catalogue import Api
from tests.fakes.openai_server import Step

CALL_ID = "call_1"

Json: TypeAlias = dict[str, Any]


def step(api: Api, *, text: str = "", call: tuple[str, Mapping[str, object]] | None = None) -> Step:
    """One reply with ``text``, then a call (its name, its arguments), each in a single piece.

    100 tokens of input, of which 60 came from a cache, and 20 of output.
    """
    match api:
        case "anthropic-messages":
            return {"chunks": _anthropic(text, call)}
        case "openai-responses":
            return {"chunks": _responses(text, call)}
        case "google-generative-ai":
            return {"chunks": _google(text, call)}
        case "openai-completions" | "scripted":
            usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
            cached = {"prompt_tokens_details": {"cached_tokens": 60}}
            calls = [{"id": CALL_ID, "name": call[0], "arguments": call[1]}] if call else []
            return {"text": text, "calls": calls, "usage": usage | cached}


def _anthropic(text: str, call: tuple[str, Mapping[str, object]] | None) -> Sequence[str]:
    usage = {"input_tokens": 40, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 0, "output_tokens": 1}
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    events: list[Json] = [{"type": "message_start", "message": {**start, "stop_reason": None}}]
    blocks: list[tuple[object, object]] = []
    if text:
        blocks.append(({"type": "text", "text": ""}, {"type": "text_delta", "text": text}))
    if call:
        opening = {"type": "tool_use", "id": CALL_ID, "name": call[0], "input": {}}
        blocks.append((opening, {"type": "input_json_delta", "partial_json": json.dumps(call[1])}))
    for index, (opening_block, delta) in enumerate(blocks):
        events += [
            {"type": "content_block_start", "index": index, "content_block": opening_block},
            {"type": "content_block_delta", "index": index, "delta": delta},
            {"type": "content_block_stop", "index": index},
        ]
    reason = "tool_use" if call else "end_turn"
    events += [
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 20}},
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}" for event in events]


def _responses(text: str, call: tuple[str, Mapping[str, object]] | None) -> Sequence[str]:
    output: list[Json] = []
    events: list[Json] = []
    if text:
        part = {"type": "output_text", "text": text, "annotations": []}
        item: Json = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
        place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        events += [
            {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
            {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
            {"type": "response.output_text.delta", **place, "delta": text, "logprobs": []},
            {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
        ]
        output.append(item)
    if call:
        number, arguments = len(output), json.dumps(call[1])
        item = {"id": "fc_1", "type": "function_call", "call_id": CALL_ID, "name": call[0], "arguments": arguments}
        at = {"item_id": "fc_1", "output_index": number}
        events += [
            {"type": "response.output_item.added", "output_index": number, "item": {**item, "arguments": ""}},
            {"type": "response.function_call_arguments.delta", **at, "delta": arguments},
            {"type": "response.function_call_arguments.done", **at, "arguments": arguments, "name": call[0]},
            {"type": "response.output_item.done", "output_index": number, "item": item},
        ]
        output.append(item)
    response = {
        "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "model": "m", "parallel_tool_calls": True,
        "tool_choice": "auto", "tools": [],
    }  # fmt: skip
    usage = {
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 60}, "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 120,
    }  # fmt: skip
    started = {**response, "status": "in_progress", "output": []}
    done = {**response, "status": "completed", "output": output, "usage": usage}
    whole: list[Json] = [
        {"type": "response.created", "response": started},
        *events,
        {"type": "response.completed", "response": done},
    ]
    return [
        f"event: {event['type']}\ndata: {json.dumps({**event, 'sequence_number': number})}"
        for number, event in enumerate(whole)
    ]


def _google(text: str, call: tuple[str, Mapping[str, object]] | None) -> Sequence[str]:
    parts: list[Json] = [{"text": text}] if text else []
    if call:
        parts.append({"functionCall": {"id": CALL_ID, "name": call[0], "args": dict(call[1])}})
    chunk = {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 20, "totalTokenCount": 120,
        },
        "modelVersion": "m",
    }  # fmt: skip
    return [json.dumps(chunk)]
