"""What providers stream in dialects other than chat completions, as chunks for ``openai_server``."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from appx.models.catalogue import Api
from tests.fakes.openai_server import Step

CALL_ID = "call_1"

Json: TypeAlias = dict[str, Any]


def step(api: Api, *, text: str = "", call: tuple[str, Mapping[str, object]] | None = None, thinking: str = "") -> Step:
    """One reply with ``thinking``, ``text``, then a call (its name, its arguments), each in a single piece; signed as
    the provider signs it.

    100 tokens of input, of which 60 came from a cache, and 20 of output.
    """
    match api:
        case "anthropic-messages":
            return {"chunks": _anthropic(text, call, thinking)}
        case "openai-responses":
            return {"chunks": _responses(text, call, thinking)}
        case "google-generative-ai":
            return {"chunks": _google(text, call, thinking)}
        case "openai-completions" | "scripted":
            usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
            cached = {"prompt_tokens_details": {"cached_tokens": 60}}
            calls = [{"id": CALL_ID, "name": call[0], "arguments": call[1]}] if call else []
            return {"thinking": thinking, "text": text, "calls": calls, "usage": usage | cached}


def _anthropic(text: str, call: tuple[str, Mapping[str, object]] | None, thinking: str) -> Sequence[str]:
    usage = {"input_tokens": 40, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 0, "output_tokens": 1}
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage}
    events: list[Json] = [{"type": "message_start", "message": {**start, "stop_reason": None}}]
    blocks: list[tuple[object, Sequence[object]]] = []
    if thinking:
        signed = {"type": "signature_delta", "signature": "signed-by-anthropic"}
        opening: Json = {"type": "thinking", "thinking": "", "signature": ""}
        blocks.append((opening, [{"type": "thinking_delta", "thinking": thinking}, signed]))
    if text:
        blocks.append(({"type": "text", "text": ""}, [{"type": "text_delta", "text": text}]))
    if call:
        opening = {"type": "tool_use", "id": CALL_ID, "name": call[0], "input": {}}
        blocks.append((opening, [{"type": "input_json_delta", "partial_json": json.dumps(call[1])}]))
    for index, (block, deltas) in enumerate(blocks):
        events += [
            {"type": "content_block_start", "index": index, "content_block": block},
            *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
            {"type": "content_block_stop", "index": index},
        ]
    reason = "tool_use" if call else "end_turn"
    events += [
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 20}},
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}" for event in events]


def _responses(text: str, call: tuple[str, Mapping[str, object]] | None, thinking: str) -> Sequence[str]:
    output: list[Json] = []
    events: list[Json] = []
    if thinking:
        summary = {"type": "summary_text", "text": thinking}
        item: Json = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "encrypted-by-openai"}
        place: Json = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
        events += [
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            {"type": "response.reasoning_summary_part.added", **place, "part": {**summary, "text": ""}},
            {"type": "response.reasoning_summary_text.delta", **place, "delta": thinking},
            {"type": "response.output_item.done", "output_index": 0, "item": {**item, "summary": [summary]}},
        ]
        output.append({**item, "summary": [summary]})
    if text:
        number = len(output)
        part = {"type": "output_text", "text": text, "annotations": []}
        item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
        place = {"item_id": "msg_1", "output_index": number, "content_index": 0}
        events += [
            {"type": "response.output_item.added", "output_index": number, "item": {**item, "content": []}},
            {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
            {"type": "response.output_text.delta", **place, "delta": text, "logprobs": []},
            {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
            {"type": "response.output_item.done", "output_index": number, "item": item},
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


def _google(text: str, call: tuple[str, Mapping[str, object]] | None, thinking: str) -> Sequence[str]:
    parts: list[Json] = [{"text": thinking, "thought": True}] if thinking else []
    if text:
        parts.append({"text": text})
    if call:
        signed = {"thoughtSignature": "c2lnbmVk"} if thinking else {}
        parts.append({"functionCall": {"id": CALL_ID, "name": call[0], "args": dict(call[1])}, **signed})
    chunk = {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {
            "promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 20, "totalTokenCount": 120,
        },
        "modelVersion": "m",
    }  # fmt: skip
    return [json.dumps(chunk)]
