"""Kinds of text that a model may send."""

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field


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
"""A path or a command line."""
