"""Kinds of text that a model may send."""

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

MAX_PATH = 4_000
"""Characters. Linux takes paths of 4,096 bytes."""

MAX_PATTERN = 1_000
"""Characters."""


def _encodable(text: str) -> str:
    """JSON can say half of a surrogate pair, which no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"character {error.start + 1} is half of a surrogate pair: not text") from None
    return text


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL character, which neither a path nor a command line can")
    return text


Words: TypeAlias = Annotated[str, AfterValidator(_encodable)]
"""Any text that is Unicode."""

Line: TypeAlias = Annotated[Words, Field(min_length=1), AfterValidator(_without_nul)]
"""A command line, or another text that a program is given."""

Place: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=MAX_PATH), AfterValidator(_encodable), AfterValidator(_without_nul)
]
"""A path."""

Pattern: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=MAX_PATTERN), AfterValidator(_encodable), AfterValidator(_without_nul)
]
"""A glob or a regular expression."""
