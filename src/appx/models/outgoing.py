"""Our conversation in the words of the provider's library."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_ai.messages import (
    BinaryContent,
    InstructionPart,
    ModelMessage,
    ModelRequest,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.tools import ToolDefinition
from typing_extensions import TypedDict

from appx.domain.ids import CallId
from appx.domain.messages import Block, Image, Message, Reply, Text, Thinking, ToolCall, ToolMessage, UserMessage
from appx.models.catalogue import ModelInfo
from appx.models.model import JsonOutput, Request
from appx.models.pictures import without_old_pictures

NO_PICTURES = "[A picture was left out: this model takes none.]"
DAMAGED = "[A picture was left out: it is damaged.]"
NOTHING = "(nothing)"
"""For a text of spaces alone, which Anthropic refuses, and with it every later request of the session."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What every dialect takes as the name of a tool and as the id of a call."""


def parameters(request: Request) -> ModelRequestParameters:
    given = ModelRequestParameters(
        function_tools=[
            ToolDefinition(
                name=tool.name,
                description=tool.description,
                parameters_json_schema=dict(tool.schema),
                strict=False,
            )
            for tool in request.tools
        ],
        instruction_parts=[InstructionPart(content=request.system)] if request.system else [],
    )
    return given if request.form.output is None else replace(given, **_output(request.form.output))


def _output(wanted: JsonOutput) -> dict[str, Any]:
    """Without a schema the provider is told to give JSON, and the model is told nothing by us."""
    if wanted.schema is None:
        return {"output_mode": "prompted", "prompted_output_template": False}
    defined = OutputObjectDefinition(
        json_schema=dict(wanted.schema), name=wanted.name, description=wanted.description, strict=wanted.strict or None
    )
    return {"output_mode": "native", "output_object": defined}


def conversation(messages: Sequence[Message], info: ModelInfo, system: str) -> list[ModelMessage]:
    """What was said between two replies is one request. Thoughts go back only to whom they came from, and so do ids
    and names that another provider might not take.

    ``system``: how the library calls the provider.
    """
    sent: list[ModelMessage] = []
    parts: list[ModelRequestPart] = []
    ids: dict[CallId, str] = {}
    for message in without_old_pictures(messages):
        if not isinstance(message, Reply):
            parts.append(_request_part(message, info, ids))
            continue
        ids = {call.id: call.id if _is_own(message, info) else _fitting_id(call.id) for call in message.calls}
        response = _response(message, info, system)
        if response is not None:
            sent += [*_request(parts), response]
            parts = []
    return [*sent, *_request(parts)]


def _request(parts: list[ModelRequestPart]) -> Iterable[ModelRequest]:
    return [ModelRequest(parts=parts)] if parts else []


def _request_part(message: UserMessage | ToolMessage, info: ModelInfo, ids: Mapping[CallId, str]) -> ModelRequestPart:
    match message:
        case UserMessage(text=text, images=images):
            return UserPromptPart(content=_content(text, images, info))
        case ToolMessage(call_id=call_id, tool=tool, result=result):
            return ToolReturnPart(
                tool_name=_fitting_name(tool),
                content=_content(result.text, result.images, info),
                tool_call_id=ids.get(call_id, call_id),
                outcome="success" if result.ok else "failed",
            )


def _content(text: str, images: tuple[Image, ...], info: ModelInfo) -> str | list[str | BinaryContent]:
    if images and "image" not in info.input:
        return "\n".join(line for line in (text, NO_PICTURES) if line)
    pictures = [_picture(image) for image in images]
    if not pictures:
        return text if text.strip() else NOTHING
    return [text, *pictures] if text.strip() else [*pictures]


def _picture(image: Image) -> BinaryContent | str:
    try:
        return BinaryContent(base64.b64decode(image.data, validate=True), media_type=image.media_type)
    except ValueError:
        return DAMAGED


def _response(reply: Reply, info: ModelInfo, system: str) -> ModelResponse | None:
    own = _is_own(reply, info)
    parts = [part for block in reply.blocks for part in _response_part(block, system if own else None)]
    if not parts:
        return None
    return ModelResponse(parts=parts, provider_name=system if own else None, model_name=reply.model.id)


def _is_own(reply: Reply, info: ModelInfo) -> bool:
    return (reply.model.provider, reply.model.api) == (info.provider, info.api)


def _fitting_id(call_id: CallId) -> str:
    return call_id if _NAME.fullmatch(call_id) else f"call_{sha256(call_id.encode()).hexdigest()[:32]}"


def _fitting_name(name: str) -> str:
    """The names of tools fit. A model may have called one that there is not by any name."""
    return name if _NAME.fullmatch(name) else re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64] or "unnamed"


class _Signed(TypedDict, total=False):
    """As ``incoming`` makes it."""

    id: str | None
    signature: str | None
    details: dict[str, Any] | None


_SIGNED = TypeAdapter(_Signed)


def _signed(signature: str) -> _Signed:
    """Nothing of one that is not ours: a session that was imported may have any."""
    try:
        return _SIGNED.validate_json(signature, strict=True)
    except ValidationError:
        return _Signed()


def _response_part(block: Block, system: str | None) -> list[ModelResponsePart]:
    """``system`` is None when another provider said it."""
    signed = _signed(block.signature) if system and block.signature else _Signed()
    details = signed.get("details")
    name = system if signed else None
    match block:
        case Text(text=text):
            return [TextPart(content=text, provider_name=name, provider_details=details)] if text.strip() else []
        case Thinking(text=text):
            if not signed:
                return []
            thought = ThinkingPart(
                content=text,
                id=signed.get("id"),
                signature=signed.get("signature"),
                provider_name=name,
                provider_details=details,
            )
            return [thought]
        case ToolCall(id=call_id, name=tool, arguments=arguments):
            call = ToolCallPart(
                tool_name=_fitting_name(tool),
                args=dict(arguments),
                tool_call_id=call_id if system else _fitting_id(call_id),
                provider_name=name,
                provider_details=details,
            )
            return [call]
