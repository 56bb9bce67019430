"""JSON that podman and compose print, read with distrust: an agent can put its own programs in their place. Pure."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from appx.kit.json_values import check_values
from appx.podman.apps import RELEASE

T = TypeVar("T")

Text: TypeAlias = Annotated[str, Field(pattern=r"^\P{Cc}*$", max_length=4_000)]
"""A line without control characters."""

Size: TypeAlias = Annotated[int, Field(ge=0, lt=2**53)]
"""Bytes. The store and JavaScript have sums of them exactly."""

Nanoseconds: TypeAlias = Annotated[int, Field(ge=0, lt=2**63)]
ExitCode: TypeAlias = Annotated[int, Field(ge=-(2**31), lt=2**31)]

MOST_ERRORS = 100
"""Of which the first is looked for. Each costs memory."""


def understood(kind: TypeAdapter[T], text: str | bytes) -> T:
    """Raises ValueError for what is not of that kind, too many values, halves of surrogate pairs, 200 levels of
    nesting.
    """
    check_values(text)
    try:
        return kind.validate_json(text)
    except ValidationError as error:
        raise ValueError(_problem(error)) from None


def lines_in(text: str, most: int) -> list[str]:
    """Raises ValueError when there are more: to split 4 MiB of them alone takes some tenths of a second."""
    if text.count("\n") > most:
        raise ValueError(f"more than {most:,} lines")
    return text.split("\n")


def release_of(labels: Mapping[str, str]) -> int | None:
    """The agent's own containers may have any text there."""
    found = labels.get(RELEASE, "")
    return int(found) if found.isascii() and found.isdecimal() and len(found) < 10 else None


def _problem(error: ValidationError) -> str:
    if error.error_count() > MOST_ERRORS:
        return f"{error.error_count()} values are of the wrong kind"
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(each) for each in first["loc"])
    return f"{place[:200]!r}: {first['msg']}" if place else first["msg"]
