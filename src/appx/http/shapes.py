"""What is said in a session, as it is published: the shapes that ``wire`` makes, for the OpenAPI document.

The contract's own words are kept: a client that was generated from it finds each type under the same name. Some are
never sent by appx; who reads a session must be able to name them all the same.
"""

from dataclasses import dataclass
from typing import Any, Literal, NotRequired

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema
from typing_extensions import TypeAliasType, TypedDict

from appx.domain import messages

ThinkingLevel = TypeAliasType("ThinkingLevel", messages.ThinkingLevel)
StopReason = TypeAliasType("StopReason", messages.StopReason)


class TextContent(TypedDict):
    type: Literal["text"]
    text: str
    textSignature: NotRequired[str]


class ImageContent(TypedDict):
    """``data`` is base64."""

    type: Literal["image"]
    data: str
    mimeType: str


class ThinkingContent(TypedDict):
    """``redacted``: the provider hid the words; ``thinkingSignature`` is what it wants back."""

    type: Literal["thinking"]
    thinking: str
    thinkingSignature: NotRequired[str]
    redacted: NotRequired[bool]


class ToolCall(TypedDict):
    type: Literal["toolCall"]
    id: str
    name: str
    arguments: dict[str, Any]
    thoughtSignature: NotRequired[str]


class TokenCost(TypedDict):
    """US dollars."""

    input: float
    output: float
    cacheRead: float
    cacheWrite: float
    total: float


class Usage(TypedDict):
    """Tokens."""

    input: float
    output: float
    cacheRead: float
    cacheWrite: float
    totalTokens: float
    cost: TokenCost


class DiagnosticErrorInfo(TypedDict):
    name: NotRequired[str]
    message: str
    stack: NotRequired[str]
    code: NotRequired[str | float]


class AssistantMessageDiagnostic(TypedDict):
    type: str
    timestamp: float
    error: NotRequired[DiagnosticErrorInfo]
    details: NotRequired[dict[str, Any]]


class UserMessage(TypedDict):
    """A prompt. ``timestamp`` is in milliseconds since 1970, here and in every message."""

    role: Literal["user"]
    content: str | list[TextContent | ImageContent]
    timestamp: float


class AssistantMessage(TypedDict):
    """A reply of the model, or as much of one as there was when it failed or was stopped."""

    role: Literal["assistant"]
    content: list[TextContent | ThinkingContent | ToolCall]
    api: str
    provider: str
    model: str
    responseModel: NotRequired[str]
    responseId: NotRequired[str]
    diagnostics: NotRequired[list[AssistantMessageDiagnostic]]
    usage: Usage
    stopReason: StopReason
    errorMessage: NotRequired[str]
    timestamp: float


class ToolResultMessage(TypedDict):
    role: Literal["toolResult"]
    toolCallId: str
    toolName: str
    content: list[TextContent | ImageContent]
    details: NotRequired[Any]
    isError: bool
    timestamp: float


class BashExecutionMessage(TypedDict):
    """A command that a person ran. appx sends none."""

    role: Literal["bashExecution"]
    command: str
    output: str
    exitCode: NotRequired[float]
    cancelled: bool
    truncated: bool
    fullOutputPath: NotRequired[str]
    timestamp: float
    excludeFromContext: NotRequired[bool]


class CustomMessage(TypedDict):
    """A message of an extension. appx sends none."""

    role: Literal["custom"]
    customType: str
    content: str | list[TextContent | ImageContent]
    display: bool
    details: NotRequired[Any]
    timestamp: float


class BranchSummaryMessage(TypedDict):
    """What another branch of the conversation came to. appx sends none."""

    role: Literal["branchSummary"]
    summary: str
    fromId: str
    timestamp: float


class CompactionSummaryMessage(TypedDict):
    """What stands for the older part of a conversation that grew too long."""

    role: Literal["compactionSummary"]
    summary: str
    tokensBefore: float
    timestamp: float


AgentMessage = TypeAliasType(
    "AgentMessage",
    UserMessage
    | AssistantMessage
    | ToolResultMessage
    | BashExecutionMessage
    | CustomMessage
    | BranchSummaryMessage
    | CompactionSummaryMessage,
)


@dataclass(frozen=True, slots=True)
class Published:
    """Marks a field of JSON that is sent as it is, and published with the schema of ``shape``."""

    shape: object

    def __get_pydantic_core_schema__(self, _source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        shape = handler.generate_schema(self.shape)
        return core_schema.any_schema(
            metadata={"pydantic_js_annotation_functions": [lambda _schema, describe: describe(shape)]},
            serialization=core_schema.wrap_serializer_function_ser_schema(_as_it_is, schema=shape),
        )


def _as_it_is(value: object, _serialize: core_schema.SerializerFunctionWrapHandler) -> object:
    return value
