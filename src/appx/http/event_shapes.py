"""The events of a session, as they are published: the shapes that ``story`` tells, for the OpenAPI document.

``?deltas=lean`` leaves ``message`` and ``partial`` out of each ``message_update``; the shapes are the
contract's, which has them.
"""

from typing import Any, Literal, NotRequired

from typing_extensions import TypeAliasType, TypedDict

from appx.domain.events import Outcome
from appx.http.shapes import AgentMessage, AssistantMessage, ThinkingLevel, ToolCall, ToolResultMessage

CompactionReason = Literal["manual", "threshold", "overflow"]


# --- the person is asked, or shown something --------------------------------------------------------------------------


class SelectRequest(TypedDict):
    type: Literal["extension_ui_request"]
    id: str
    method: Literal["select"]
    title: str
    options: list[str]
    timeout: NotRequired[float]


class ConfirmRequest(TypedDict):
    type: Literal["extension_ui_request"]
    id: str
    method: Literal["confirm"]
    title: str
    message: str
    timeout: NotRequired[float]


class InputRequest(TypedDict):
    type: Literal["extension_ui_request"]
    id: str
    method: Literal["input"]
    title: str
    placeholder: NotRequired[str]
    timeout: NotRequired[float]


class EditorRequest(TypedDict):
    type: Literal["extension_ui_request"]
    id: str
    method: Literal["editor"]
    title: str
    prefill: NotRequired[str]


class NotifyRequest(TypedDict):
    type: Literal["extension_ui_request"]
    id: str
    method: Literal["notify"]
    message: str
    notifyType: NotRequired[Literal["info", "warning", "error"]]


class SetStatusRequest(TypedDict):
    type: Literal["extension_ui_request"]
    id: str
    method: Literal["setStatus"]
    statusKey: str
    statusText: NotRequired[str]


class SetWidgetRequest(TypedDict):
    type: Literal["extension_ui_request"]
    id: str
    method: Literal["setWidget"]
    widgetKey: str
    widgetLines: NotRequired[list[str]]
    widgetPlacement: NotRequired[Literal["aboveEditor", "belowEditor"]]


class SetTitleRequest(TypedDict):
    type: Literal["extension_ui_request"]
    id: str
    method: Literal["setTitle"]
    title: str


class SetEditorTextRequest(TypedDict):
    type: Literal["extension_ui_request"]
    id: str
    method: Literal["set_editor_text"]
    text: str


ExtensionUiRequest = TypeAliasType(
    "ExtensionUiRequest",
    SelectRequest
    | ConfirmRequest
    | InputRequest
    | EditorRequest
    | NotifyRequest
    | SetStatusRequest
    | SetWidgetRequest
    | SetTitleRequest
    | SetEditorTextRequest,
)


# --- a reply comes in -------------------------------------------------------------------------------------------------


class ReplyStart(TypedDict):
    type: Literal["start"]
    partial: AssistantMessage


class BlockStart(TypedDict):
    type: Literal["text_start", "thinking_start", "toolcall_start"]
    contentIndex: float
    partial: AssistantMessage


class BlockDelta(TypedDict):
    """``delta`` is what came since the last one."""

    type: Literal["text_delta", "thinking_delta", "toolcall_delta"]
    contentIndex: float
    delta: str
    partial: AssistantMessage


class BlockEnd(TypedDict):
    type: Literal["text_end", "thinking_end"]
    contentIndex: float
    content: str
    partial: AssistantMessage


class CallEnd(TypedDict):
    type: Literal["toolcall_end"]
    contentIndex: float
    toolCall: ToolCall
    partial: AssistantMessage


class ReplyDone(TypedDict):
    type: Literal["done"]
    reason: Literal["stop", "length", "toolUse"]
    message: AssistantMessage


class ReplyError(TypedDict):
    type: Literal["error"]
    reason: Literal["error", "aborted"]
    error: AssistantMessage


AssistantMessageEvent = TypeAliasType(
    "AssistantMessageEvent",
    ReplyStart | BlockStart | BlockDelta | BlockEnd | CallEnd | ReplyDone | ReplyError,
)


# --- the agent works --------------------------------------------------------------------------------------------------


class Bare(TypedDict):
    """The agent begins; a step begins (the wire calls it a turn)."""

    type: Literal["agent_start", "turn_start"]


class TurnEnd(TypedDict):
    type: Literal["turn_end"]
    message: AgentMessage
    toolResults: list[ToolResultMessage]


class MessageStartOrEnd(TypedDict):
    type: Literal["message_start", "message_end"]
    message: AgentMessage


class MessageUpdate(TypedDict):
    """``message`` is the reply so far."""

    type: Literal["message_update"]
    message: AgentMessage
    assistantMessageEvent: AssistantMessageEvent


class ToolExecutionStart(TypedDict):
    type: Literal["tool_execution_start"]
    toolCallId: str
    toolName: str
    args: Any


class ToolExecutionUpdate(TypedDict):
    type: Literal["tool_execution_update"]
    toolCallId: str
    toolName: str
    args: Any
    partialResult: Any


class ToolExecutionEnd(TypedDict):
    type: Literal["tool_execution_end"]
    toolCallId: str
    toolName: str
    result: Any
    isError: bool


class AgentEnd(TypedDict):
    """The agent rests. ``outcome`` and ``detail`` go beyond the contract."""

    type: Literal["agent_end"]
    messages: list[AgentMessage]
    willRetry: bool
    outcome: NotRequired[Outcome]
    detail: NotRequired[str]


class QueueUpdate(TypedDict):
    """The prompts that wait: for the end of the step, and for the end of the work."""

    type: Literal["queue_update"]
    steering: list[str]
    followUp: list[str]


class SessionInfoChanged(TypedDict):
    type: Literal["session_info_changed"]
    name: NotRequired[str]


class ThinkingLevelChanged(TypedDict):
    type: Literal["thinking_level_changed"]
    level: ThinkingLevel


class CompactionResult(TypedDict):
    summary: str
    firstKeptEntryId: str
    tokensBefore: float
    details: NotRequired[Any]


class CompactionStart(TypedDict):
    type: Literal["compaction_start"]
    reason: CompactionReason


class CompactionEnd(TypedDict):
    type: Literal["compaction_end"]
    reason: CompactionReason
    result: NotRequired[CompactionResult]
    aborted: bool
    willRetry: bool
    errorMessage: NotRequired[str]


class AutoRetryStart(TypedDict):
    type: Literal["auto_retry_start"]
    attempt: float
    maxAttempts: float
    delayMs: float
    errorMessage: str


class AutoRetryEnd(TypedDict):
    type: Literal["auto_retry_end"]
    success: bool
    attempt: float
    finalError: NotRequired[str]


class ExtensionErrorEvent(TypedDict):
    """An extension failed. ``event`` is what it was called for."""

    type: Literal["extension_error"]
    extensionPath: str
    event: NotRequired[str]
    error: str
    stack: NotRequired[str]


WireEvent = TypeAliasType(
    "WireEvent",
    ExtensionUiRequest
    | ExtensionErrorEvent
    | Bare
    | TurnEnd
    | MessageStartOrEnd
    | MessageUpdate
    | ToolExecutionStart
    | ToolExecutionUpdate
    | ToolExecutionEnd
    | AgentEnd
    | QueueUpdate
    | SessionInfoChanged
    | ThinkingLevelChanged
    | CompactionStart
    | CompactionEnd
    | AutoRetryStart
    | AutoRetryEnd,
)
