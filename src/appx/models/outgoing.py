"""Our conversation in the words of the provider's library."""

import base64
import json
from collections.abc import Iterable, Sequence

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
from pydantic_ai.tools import ToolDefinition

from appx.domain.messages import Block, Image, Message, Reply, Text, Thinking, ToolCall, ToolMessage, UserMessage
from appx.models.catalogue import ModelInfo
from appx.models.model import Request

NO_PICTURES = "[A picture was left out: this model takes none.]"


def parameters(request: Request) -> ModelRequestParameters:
    return ModelRequestParameters(
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


def conversation(messages: Sequence[Message], info: ModelInfo, system: str) -> list[ModelMessage]:
    """What was said between two replies is one request. Thoughts go back only to whom they came from.

    ``system``: how the library calls the provider.
    """
    sent: list[ModelMessage] = []
    parts: list[ModelRequestPart] = []
    for message in messages:
        if not isinstance(message, Reply):
            parts.append(_request_part(message, info))
            continue
        response = _response(message, info, system)
        if response is not None:
            sent += [*_request(parts), response]
            parts = []
    return [*sent, *_request(parts)]


def _request(parts: list[ModelRequestPart]) -> Iterable[ModelRequest]:
    return [ModelRequest(parts=parts)] if parts else []


def _request_part(message: UserMessage | ToolMessage, info: ModelInfo) -> ModelRequestPart:
    match message:
        case UserMessage(text=text, images=images):
            return UserPromptPart(content=_content(text, images, info))
        case ToolMessage(call_id=call_id, tool=tool, result=result):
            return ToolReturnPart(
                tool_name=tool,
                content=_content(result.text, result.images, info),
                tool_call_id=call_id,
                outcome="success" if result.ok else "failed",
            )


def _content(text: str, images: tuple[Image, ...], info: ModelInfo) -> str | list[str | BinaryContent]:
    if images and "image" not in info.input:
        return "\n".join(line for line in (text, NO_PICTURES) if line)
    pictures = [BinaryContent(base64.b64decode(image.data), media_type=image.media_type) for image in images]
    if not pictures:
        return text
    return [text, *pictures] if text else [*pictures]


def _response(reply: Reply, info: ModelInfo, system: str) -> ModelResponse | None:
    own = (reply.model.provider, reply.model.api) == (info.provider, info.api)
    parts = [part for block in reply.blocks for part in _response_part(block, system if own else None)]
    if not parts:
        return None
    return ModelResponse(parts=parts, provider_name=system if own else None, model_name=reply.model.id)


def _response_part(block: Block, system: str | None) -> list[ModelResponsePart]:
    """``system`` is None when another provider said it."""
    signed = json.loads(block.signature) if system and block.signature else {}
    details = signed.get("details")
    name = system if signed else None
    match block:
        case Text(text=text):
            return [TextPart(content=text, provider_name=name, provider_details=details)] if text else []
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
                tool_name=tool,
                args=dict(arguments),
                tool_call_id=call_id,
                provider_name=name,
                provider_details=details,
            )
            return [call]
