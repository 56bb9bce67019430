"""A text as it is compared, with the way back to the places in the original."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias
from unicodedata import combining, is_normalized, normalize

Site: TypeAlias = tuple[int, int, str]
"""Where the original is seen otherwise: from, to, and as what."""

_ALIKE = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58", "-")
    | dict.fromkeys(
        "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "
    )
)
"""One character for one, so that no place moves."""

_ODD = re.compile(
    r"\r\n"
    r"|(?<![ \t\f\v])[ \t\f\v]++(?=\r?\n|\Z)"  # possessive, and only from its beginning: linear also for a long run
    r"|[^\x00-\x7f]{1,1000}"  # in portions: NFKC takes the square of the number of marks that follow each other
)
_JOINING_JAMO = range(0x1160, 0x1200)


@dataclass(frozen=True, slots=True)
class View:
    """``seen``: for each site its beginning and its end in ``text``; ``real``: the same in the original."""

    text: str
    seen: list[int]
    real: list[int]

    def before(self, at: int) -> int | None:
        """The place in the original, before anything that is not seen. None inside of what is seen as a whole."""
        index = bisect_left(self.seen, at)
        if index < len(self.seen) and self.seen[index] == at:
            return self.real[index]
        return self._shifted(at, index)

    def after(self, at: int) -> int | None:
        """The place in the original, after anything that is not seen. None inside of what is seen as a whole."""
        index = bisect_right(self.seen, at)
        if index and self.seen[index - 1] == at:
            return self.real[index - 1]
        return self._shifted(at, index)

    def _shifted(self, at: int, index: int) -> int | None:
        if index == 0:
            return at
        return None if index % 2 else self.real[index - 1] + at - self.seen[index - 1]


def unix(text: str) -> str:
    """CRLF is seen as LF, the rest as it is. What stands in a line stands in the same column."""
    return text.replace("\r\n", "\n")


def tolerant(text: str) -> View:
    """Without white space at the ends of lines; quotes, dashes and spaces as in ASCII; characters in NFKC."""
    text = text.translate(_ALIKE)
    parts: list[str] = []
    seen: list[int] = []
    real: list[int] = []
    done = size = 0
    for start, end, shown in _odd_sites(text):
        parts += (text[done:start], shown)
        size += start - done
        seen += (size, size + len(shown))
        real += (start, end)
        size += len(shown)
        done = end
    parts.append(text[done:])
    return View("".join(parts), seen, real)


def _odd_sites(text: str) -> Iterator[Site]:
    for found in _ODD.finditer(text):
        run = found[0]
        if run == "\r\n":
            yield found.start(), found.end(), "\n"
        elif run.isascii():
            yield found.start(), found.end(), ""
        else:
            start = found.start() - _letter_before(text, found.start())
            yield from _composed(text[start : found.end()], start)


def _letter_before(text: str, start: int) -> int:
    """1 when the character at ``start`` is a mark of the ASCII letter before it, else 0."""
    before = text[start - 1 : start]
    return int(before.isascii() and before not in {"", "\n"} and _joins(text[start]))


def _composed(run: str, start: int) -> Iterator[Site]:
    """The characters, each with the marks that belong to it, that NFKC changes."""
    if is_normalized("NFKC", run):
        return
    begin = 0
    for end in range(1, len(run) + 1):
        if end < len(run) and _joins(run[end]):
            continue
        whole = run[begin:end]
        shown = normalize("NFKC", whole)
        if shown != whole:
            yield start + begin, start + end, shown
        begin = end


@lru_cache(maxsize=4096)
def _joins(char: str) -> bool:
    """Whether it may become one with the character before it."""
    first = normalize("NFKD", char)[0]
    return combining(first) > 0 or ord(first) in _JOINING_JAMO
