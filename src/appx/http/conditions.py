"""Conditions and parts of HTTP (RFC 9110): entity tags, ``If-Match``, ``If-None-Match``, ``Range``."""

import re
from typing import Annotated, TypeAlias

from fastapi import Header

from appx.domain.errors import Invalid
from appx.workbench.tree import ANY, Span, When

IfMatch: TypeAlias = Annotated[
    str | None, Header(alias="If-Match", description="Only when the file has this ETag; `*`: only when there is one.")
]
IfNoneMatch: TypeAlias = Annotated[
    str | None, Header(alias="If-None-Match", description="The ETag that the caller has; for a write only `*`.")
]

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"\s*{_TAG}\s*(?:,\s*{_TAG}\s*)*")
_SPAN = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def etag(tag: str) -> str:
    return f'"{tag}"'


def when(match: str | None, none_match: str | None) -> When:
    """For a write. A weak tag is the tag of nothing. Raises Invalid."""
    if none_match is not None and none_match.strip() != ANY:
        raise Invalid('If-None-Match: for a write only "*" has a meaning: write when there is no file yet.')
    if none_match is not None and match is not None:
        raise Invalid("If-Match and If-None-Match exclude each other. Send one of them.")
    return When(absent=none_match is not None, tags=() if match is None else _tags(match))


def has(none_match: str | None, tag: str) -> bool:
    """Whether the caller has this content already, for a read."""
    if none_match is None:
        return False
    return none_match.strip() == ANY or etag(tag) in none_match.replace("W/", "").replace(" ", "").split(",")


def span(wanted: str | None) -> Span | None:
    """One range of bytes; None for all else, which is answered with everything."""
    found = None if wanted is None else _SPAN.fullmatch(wanted.replace(" ", ""))
    if found is None or found[0] == "bytes=-":
        return None
    first, last = (int(each) if each else None for each in found.groups())
    if first is not None and last is not None and last < first:
        return None
    return Span(first=first, last=last)


def _tags(match: str) -> tuple[str, ...]:
    if match.strip() == ANY:
        return (ANY,)
    if not _TAGS.fullmatch(match):
        raise Invalid('If-Match: send an ETag as it came, with its quotes, or "*".')
    return tuple(each.strip().strip('"') for each in match.split(","))
