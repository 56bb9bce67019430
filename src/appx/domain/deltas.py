"""Pieces of a reply while it comes in. They are shown, and folded into a draft; they are never events."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from appx.domain.ids import CallId


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """More text of the block at ``index`` (0-based place in the reply). The first one opens the block."""

    index: int
    text: str
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingDelta:
    """More thoughts of the block at ``index``."""

    index: int
    text: str
    type: Literal["thinking"] = "thinking"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDelta:
    """More of the arguments, as JSON text, of the call at ``index``. Each one repeats the id and the name."""

    index: int
    id: CallId
    name: str
    text: str
    type: Literal["call"] = "call"


Delta: TypeAlias = TextDelta | ThinkingDelta | CallDelta
