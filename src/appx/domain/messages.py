"""What the model reads and writes: the conversation, free of any provider's dialect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from appx.domain.ids import CallId

ThinkingLevel: TypeAlias = Literal["off", "minimal", "low", "medium", "high", "xhigh"]
"""How long a model may think before it answers; each model has its own set."""

StopReason: TypeAlias = Literal["stop", "length", "toolUse", "error", "aborted"]
"""Why a reply ended. ``error``: the provider failed. ``aborted``: stopped or interrupted by us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """Which model: ``litellm`` / ``openai/gpt-5.5``; ``api`` is the dialect that is spoken with it."""

    provider: str
    id: str
    api: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """US dollars."""

    input: float = 0.0
    output: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0

    @property
    def total(self) -> float:
        return self.input + self.output + self.cache_read + self.cache_write


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one reply, and what they cost. ``input`` leaves out what was read from a cache."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cost: Cost = field(default_factory=Cost)

    @property
    def total(self) -> int:
        return self.input + self.output + self.cache_read + self.cache_write


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture in a prompt or a result: base64 without line breaks, and its media type."""

    data: str
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The signature lets a provider recognise its own words."""

    text: str
    signature: str | None = None
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Thinking:
    """What the model thought aloud. The signature lets a provider recognise its own words."""

    text: str
    signature: str | None = None
    type: Literal["thinking"] = "thinking"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """The model's wish to run a tool.

    ``problem`` says why ``arguments`` could not be read (broken JSON, say); the call is then answered with it.
    """

    id: CallId
    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    problem: str = ""
    signature: str | None = None
    type: Literal["call"] = "call"


Block: TypeAlias = Text | Thinking | ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """What the model is told about a tool; ``schema`` is the JSON schema of its arguments."""

    name: str
    description: str
    schema: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a tool gave back. A failure is a result, not an exception: the model reads it."""

    ok: bool
    text: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMessage:
    text: str
    images: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer of the model: text, thoughts and calls in the order in which they came."""

    model: ModelRef
    blocks: tuple[Block, ...] = ()
    usage: Usage = field(default_factory=Usage)
    stop: StopReason = "stop"
    error: str = ""

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(block for block in self.blocks if isinstance(block, ToolCall))

    @property
    def text(self) -> str:
        return "".join(block.text for block in self.blocks if isinstance(block, Text))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolMessage:
    """The answer to one call."""

    call_id: CallId
    tool: str
    result: ToolResult


Message: TypeAlias = UserMessage | Reply | ToolMessage
