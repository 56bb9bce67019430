"""A unified diff, made from the changes themselves: linear, whatever the file."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from appx.tools.changes import Change, apply
from appx.tools.clip import split_lines

CONTEXT = 3
MAX_COLUMNS = 500
NO_NEWLINE = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """From the line with index ``first`` on, the lines ``old`` become the lines ``new``."""

    first: int
    old: list[str]
    new: list[str]

    @property
    def end(self) -> int:
        return self.first + len(self.old)


def unified(path: str, text: str, changes: Sequence[Change]) -> list[str]:
    """The lines of the diff between ``text`` and ``apply(text, changes)``; long ones are cut."""
    lines = split_lines(text)
    told = [f"--- {path}", f"+++ {path}"]
    moved = 0
    for hunk in _hunks(_blocks(lines, text, changes)):
        told += _hunk(lines, hunk, moved)
        moved += sum(len(block.new) - len(block.old) for block in hunk)
    return told


def _blocks(lines: Sequence[str], text: str, changes: Sequence[Change]) -> Iterator[Block]:
    """Whole lines for each change; changes that touch the same line are one block."""
    starts = list(accumulate(map(len, lines), initial=0))
    last_line = len(lines) - 1
    groups: list[tuple[int, int, list[Change]]] = []
    for change in changes:
        first, last = (min(bisect_right(starts, at) - 1, last_line) for at in (change.start, change.end))
        if groups and first <= groups[-1][1]:
            begin, _, before = groups.pop()
            groups.append((begin, last, [*before, change]))
        else:
            groups.append((first, last, [change]))
    for first, last, group in groups:
        offset, end = starts[first], starts[last + 1]
        inside = [Change(start=one.start - offset, end=one.end - offset, new=one.new) for one in group]
        yield _trimmed(first, list(lines[first : last + 1]), split_lines(apply(text[offset:end], inside)))


def _trimmed(first: int, old: list[str], new: list[str]) -> Block:
    """Without the lines that are the same at the beginning and at the end."""
    shorter = min(len(old), len(new))
    head = next((index for index in range(shorter) if old[index] != new[index]), shorter)
    rest = shorter - head
    tail = next((index for index in range(rest) if old[-1 - index] != new[-1 - index]), rest)
    return Block(first=first + head, old=old[head : len(old) - tail], new=new[head : len(new) - tail])


def _hunks(blocks: Iterator[Block]) -> Iterator[list[Block]]:
    """Blocks whose contexts meet belong to one hunk."""
    hunk: list[Block] = []
    for block in blocks:
        if hunk and block.first - hunk[-1].end > 2 * CONTEXT:
            yield hunk
            hunk = []
        hunk.append(block)
    if hunk:
        yield hunk


def _hunk(lines: Sequence[str], hunk: Sequence[Block], moved: int) -> list[str]:
    begin = max(0, hunk[0].first - CONTEXT)
    end = min(len(lines), hunk[-1].end + CONTEXT)
    body: list[str] = []
    at = begin
    for block in hunk:
        body += _marked(" ", lines[at : block.first]) + _marked("-", block.old) + _marked("+", block.new)
        at = block.end
    body += _marked(" ", lines[at:end])
    grown = sum(len(block.new) - len(block.old) for block in hunk)
    old, new = _range(begin, end - begin), _range(begin + moved, end - begin + grown)
    return [f"@@ -{old} +{new} @@", *body]


def _range(begin: int, count: int) -> str:
    return f"{begin + 1 if count else begin},{count}"


def _marked(mark: str, lines: Sequence[str]) -> list[str]:
    marked: list[str] = []
    for line in lines:
        shown = line.rstrip("\r\n")
        marked.append(mark + (shown if len(shown) <= MAX_COLUMNS else f"{shown[:MAX_COLUMNS]}…"))
        if not line.endswith("\n"):
            marked.append(NO_NEWLINE)
    return marked
