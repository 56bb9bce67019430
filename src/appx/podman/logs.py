"""The lines that ``podman logs --timestamps`` prints. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

Stream: TypeAlias = Literal["stdout", "stderr"]

MAX_LINE = 16 << 10
"""Bytes of a line that are kept."""

SOON = timedelta(minutes=1)
"""In which the next part of a line comes, that was written without an end."""

_SECONDS, _ZONE = rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", rb"(Z|[+-]\d\d:\d\d) "
_FIRST = re.compile(_SECONDS + rb"(?:\.(\d{1,9}))?" + _ZONE)
_WITHIN = re.compile(_SECONDS + rb"\.(\d{1,9})" + _ZONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """``time``: ISO, when podman got it; empty of what is no line of podman's. ``cut``: it was longer."""

    time: str
    stream: Stream
    text: str
    cut: bool = False


class Splitter:
    """Takes the bytes of one stream, however they come; holds ``MAX_LINE`` of them."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._begun = bytearray()
        self._cut = False

    def add(self, data: bytes) -> Iterator[LogLine]:
        """The lines that are whole now."""
        *whole, rest = data.split(b"\n")
        for each in whole:
            self._keep(each)
            yield self._line()
        self._keep(rest)

    def end(self) -> Iterator[LogLine]:
        """The last one, when it has no end."""
        if self._begun:
            yield self._line()

    def _keep(self, data: bytes) -> None:
        room = MAX_LINE - len(self._begun)
        self._begun += data[:room]
        self._cut = self._cut or len(data) > room

    def _line(self) -> LogLine:
        time, text = _parted(bytes(self._begun))
        found = LogLine(time=time, stream=self._stream, text=text.decode(errors="replace"), cut=self._cut)
        self._begun.clear()
        self._cut = False
        return found


def _parted(line: bytes) -> tuple[str, bytes]:
    """When it began, and its text, without the times at which its later parts came: those podman writes into it.

    A time of the app's own stays: it was taken before podman got the line.
    """
    first = _FIRST.match(line)
    last = first and _key(first)
    if first is None or last is None:
        return "", line
    text, place = b"", first.end()
    for each in _WITHIN.finditer(line, place):
        at = _key(each)
        if at is not None and timedelta() <= at - last <= SOON:
            text += line[place : each.start()]
            place, last = each.end(), at
    return _iso(first), text + line[place:]


def _iso(found: re.Match[bytes]) -> str:
    """With nine digits, so that texts compare as times do."""
    return f"{found[1].decode()}.{(found[2] or b'').decode():0<9}{found[3].decode()}"


def _key(found: re.Match[bytes]) -> datetime | None:
    try:
        return datetime.fromisoformat(_iso(found))
    except ValueError:  # the 31st of February is the app's
        return None
