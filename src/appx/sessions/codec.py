"""Events and drafts as JSON text in the database, and back."""

from typing import Annotated

from pydantic import Field, TypeAdapter

from appx.domain.events import Event
from appx.domain.messages import Block, ModelRef

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])
_DRAFT: TypeAdapter[tuple[ModelRef, tuple[Block, ...]]] = TypeAdapter(tuple[ModelRef, tuple[Block, ...]])


def encode_event(event: Event) -> str:
    """Raises ValueError for what could not be read again: one such fact would take its whole log with it."""
    text = _EVENT.dump_json(event)
    _EVENT.validate_json(text)
    return text.decode()


def decode_event(text: str | bytes) -> Event:
    """Raises ValueError."""
    return _EVENT.validate_json(text)


def encode_draft(model: ModelRef, blocks: tuple[Block, ...]) -> str:
    return _DRAFT.dump_json((model, blocks)).decode()


def decode_draft(text: str) -> tuple[ModelRef, tuple[Block, ...]]:
    return _DRAFT.validate_json(text)
