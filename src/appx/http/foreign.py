"""Lines of a session file of pi, version 3, as they come in, and the messages in them as ours."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from appx.domain.ids import CallId
from appx.domain.messages import (
    Block,
    Cost,
    Image,
    Message,
    ModelRef,
    Reply,
    StopReason,
    Text,
    Thinking,
    ThinkingLevel,
    ToolCall,
    ToolMessage,
    ToolResult,
    Usage,
    UserMessage,
)
from appx.http.pictures import fault


class _Line(BaseModel):
    """What appx does not know of is left out."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)


class _Text(_Line):
    type: Literal["text"]
    text: str
    text_signature: str | None = None

    def ours(self) -> Text:
        return Text(text=self.text, signature=self.text_signature)


class _Image(_Line):
    type: Literal["image"]
    data: str
    mime_type: str

    def ours(self) -> Image:
        return Image(data=self.data, media_type=self.mime_type)


class _Thinking(_Line):
    type: Literal["thinking"]
    thinking: str
    thinking_signature: str | None = None

    def ours(self) -> Thinking:
        return Thinking(text=self.thinking, signature=self.thinking_signature)


class _Call(_Line):
    type: Literal["toolCall"]
    id: str
    name: str
    arguments: dict[str, Any]
    thought_signature: str | None = None

    def ours(self) -> ToolCall:
        signature = self.thought_signature
        return ToolCall(id=CallId(self.id), name=self.name, arguments=self.arguments, signature=signature)


class _Cost(_Line):
    input: float = 0.0
    output: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0


class _Usage(_Line):
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cost: _Cost = _Cost()

    def ours(self) -> Usage:
        return Usage(**{**dict(self), "cost": Cost(**dict(self.cost))})


_Content: TypeAlias = (
    str | Annotated[list[Annotated[_Text | _Image, Field(discriminator="type")]], Field(fail_fast=True)]
)
"""A problem for each of a million would fill the memory, and take minutes in which nothing else runs."""


class _User(_Line):
    role: Literal["user"]
    content: _Content

    def ours(self) -> Message:
        text, images = _words(self.content)
        return UserMessage(text=text, images=images)


class _Assistant(_Line):
    role: Literal["assistant"]
    content: Annotated[list[Annotated[_Text | _Thinking | _Call, Field(discriminator="type")]], Field(fail_fast=True)]
    api: str
    provider: str
    model: str
    usage: _Usage = _Usage()
    stop_reason: StopReason
    error_message: str = ""

    def ours(self) -> Message:
        blocks: tuple[Block, ...] = tuple(each.ours() for each in self.content)
        return Reply(
            model=ModelRef(provider=self.provider, id=self.model, api=self.api),
            blocks=blocks,
            usage=self.usage.ours(),
            stop=self.stop_reason,
            error=self.error_message,
        )


class _Result(_Line):
    role: Literal["toolResult"]
    tool_call_id: str
    tool_name: str
    content: _Content
    is_error: bool

    def ours(self) -> Message:
        text, images = _words(self.content)
        result = ToolResult(ok=not self.is_error, text=text, images=images)
        return ToolMessage(call_id=CallId(self.tool_call_id), tool=self.tool_name, result=result)


class Header(_Line):
    type: Literal["session"]
    version: int = 1


class _Entry(_Line):
    id: Annotated[str, Field(min_length=1)]
    parent_id: str | None
    timestamp: AwareDatetime


class MessageEntry(_Entry):
    type: Literal["message"]
    message: Annotated[_User | _Assistant | _Result, Field(discriminator="role")]


class ModelEntry(_Entry):
    type: Literal["model_change"]
    provider: str
    model_id: str


class ThinkingEntry(_Entry):
    type: Literal["thinking_level_change"]
    thinking_level: ThinkingLevel


class CompactionEntry(_Entry):
    type: Literal["compaction"]
    summary: str
    first_kept_entry_id: str
    tokens_before: int


class OtherEntry(_Entry):
    """Labels, names, what extensions keep."""

    type: str


Entry: TypeAlias = MessageEntry | ModelEntry | ThinkingEntry | CompactionEntry | OtherEntry


def _words(content: _Content) -> tuple[str, tuple[Image, ...]]:
    """Ours has one text, then pictures; those that no model can be shown are left out."""
    if isinstance(content, str):
        return content, ()
    texts = [each.text for each in content if isinstance(each, _Text)]
    images: list[Image] = []
    for image in (each.ours() for each in content if isinstance(each, _Image)):
        problem = fault(image)
        if problem:
            texts.append(f"[A picture was left out. {problem}]")
        else:
            images.append(image)
    return "\n".join(texts), tuple(images)
