"""A provider's stream of events, given on event by event: how much the libraries have to do for one has a bound."""

import re

MAX_EVENT = 16 * 1024 * 1024
"""Bytes. An event is held until its end has come."""

MAX_WORK = 2**30
"""Bytes times lines of one event. Anthropic's library copies what came of an event with each line of it, in one go:
256 kB of lines without an empty one took 3.4 s. An event of 16 MiB may have 64 lines, and 12,000 signs of life may
come without an empty line.
"""

_END = re.compile(rb"\n\n|\r\n\r\n|\r\r(?!\n)")
"""An empty line as that library sees one: it takes none between ``\\n`` and ``\\r\\n``."""

_LONGEST_END = 4


class TooMuch(ValueError):
    """An event has no end, or too many lines."""


class WholeEvents:
    """Puts pieces of a stream together. Each byte is looked at a fixed number of times."""

    def __init__(self) -> None:
        self._begun = bytearray()
        self._lines = 0

    def add(self, piece: bytes) -> bytes:
        """The events that are whole now, or nothing. Raises TooMuch."""
        counted = len(self._begun)
        looked = max(0, counted - _LONGEST_END + 1)
        self._begun += piece
        begin = 0
        for found in _END.finditer(self._begun, looked):
            self._count(begin, counted, found.end())
            begin = counted = found.end()
            self._lines = 0
        self._count(begin, counted, len(self._begun))
        whole = bytes(self._begun[:begin])
        del self._begun[:begin]
        return whole

    def rest(self) -> bytes:
        """What came of an event that did not end."""
        return bytes(self._begun)

    def _count(self, begin: int, counted: int, end: int) -> None:
        """Of the event at ``begin``, as far as ``end``; what is before ``counted`` was counted."""
        self._lines += self._begun.count(b"\n", counted, end) + self._begun.count(b"\r", counted, end)
        if end - begin > MAX_EVENT or (end - begin) * self._lines > MAX_WORK:
            raise TooMuch
