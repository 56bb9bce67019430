"""The reply that is coming in, before it is a fact."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic_core import from_json

from appx.domain.deltas import CallDelta, Delta
from appx.domain.ids import CallId
from appx.domain.messages import Block, ModelRef, Text, Thinking, ToolCall


@dataclass(slots=True)
class DraftBlock:
    """One block, growing. For a call, ``text`` is the JSON of its arguments so far."""

    kind: Literal["text", "thinking", "call"]
    call_id: CallId
    name: str
    _parts: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        self._parts.append(text)

    @property
    def text(self) -> str:
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def block(self) -> Block:
        match self.kind:
            case "text":
                return Text(text=self.text)
            case "thinking":
                return Thinking(text=self.text)
            case "call":
                return ToolCall(id=self.call_id, name=self.name, arguments=arguments_so_far(self.text))


class Draft:
    """Deltas, folded. ``version`` grows with each delta, so that a reader knows whether there is more."""

    def __init__(self, *, number: int, model: ModelRef, at: datetime) -> None:
        """``at``: when the reply was asked for."""
        self.number = number
        self.model = model
        self.at = at
        self.version = 0
        self.blocks: list[DraftBlock] = []

    def add(self, delta: Delta) -> None:
        while len(self.blocks) <= delta.index:
            call_id, name = (delta.id, delta.name) if isinstance(delta, CallDelta) else (CallId(""), "")
            self.blocks.append(DraftBlock(kind=delta.type, call_id=call_id, name=name))
        self.blocks[delta.index].add(delta.text)
        self.version += 1

    def so_far(self) -> tuple[Block, ...]:
        return tuple(block.block() for block in self.blocks)

    def words(self) -> tuple[Block, ...]:
        """The text and the thoughts so far: what stays when the reply is cut off, since its calls never ran."""
        return tuple(block.block() for block in self.blocks if block.kind != "call" and block.text)


def arguments_so_far(text: str) -> dict[str, object]:
    """The arguments that a cut-off JSON text already tells; empty when it tells none."""
    try:
        value = from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
