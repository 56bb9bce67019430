"""A unified diff, made from the changes themselves: only the lines around them are taken apart, whatever the file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from appx.tools.changes import Change, apply
from appx.tools.clip import split_lines
from appx.tools.lines import end_of_line, first_of_line, lines_after, lines_before

CONTEXT = 3
MAX_COLUMNS = 500
NO_NEWLINE = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """From the line with index ``first`` on, which begins at ``start``, the lines ``old`` become the lines ``new``."""

    first: int
    start: int
    old: list[str]
    new: list[str]

    @property
    def last(self) -> int:
        """The index of the line behind it."""
        return self.first + len(self.old)

    @property
    def end(self) -> int:
        """The place behind it."""
        return self.start + sum(map(len, self.old))


def unified(path: str, text: str, changes: Sequence[Change]) -> list[str]:
    """The lines of the diff between ``text`` and ``apply(text, changes)``; long ones are cut."""
    told = [f"--- {path}", f"+++ {path}"]
    moved = 0
    for hunk in _hunks(_blocks(text, changes)):
        told += _hunk(text, hunk, moved)
        moved += sum(len(block.new) - len(block.old) for block in hunk)
    return told


def _blocks(text: str, changes: Sequence[Change]) -> Iterator[Block]:
    """Whole lines for each change; changes that touch the same line are one block."""
    line = counted = 0
    for start, end, group in _groups(text, changes):
        line, counted = line + text.count("\n", counted, start), start
        old = text[start:end]
        inside = [Change(start=one.start - start, end=one.end - start, new=one.new) for one in group]
        yield _trimmed(line, start, split_lines(old), split_lines(apply(old, inside)))


def _groups(text: str, changes: Sequence[Change]) -> Iterator[tuple[int, int, list[Change]]]:
    """Where the lines begin and end that changes touch, and these changes."""
    start = end = 0
    group: list[Change] = []
    for change in changes:
        if group and min(change.start, len(text) - 1) >= end:
            yield start, end, group
            group = []
        if not group:
            start, end = first_of_line(text, change.start), 0
        if change.end >= end:
            end = end_of_line(text, change.end)
        group.append(change)
    if group:
        yield start, end, group


def _trimmed(first: int, start: int, old: list[str], new: list[str]) -> Block:
    """Without the lines that are the same at the beginning and at the end."""
    shorter = min(len(old), len(new))
    head = next((index for index in range(shorter) if old[index] != new[index]), shorter)
    rest = shorter - head
    tail = next((index for index in range(rest) if old[-1 - index] != new[-1 - index]), rest)
    start += sum(map(len, old[:head]))
    return Block(first=first + head, start=start, old=old[head : len(old) - tail], new=new[head : len(new) - tail])


def _hunks(blocks: Iterator[Block]) -> Iterator[list[Block]]:
    """Blocks whose contexts meet belong to one hunk."""
    hunk: list[Block] = []
    for block in blocks:
        if hunk and block.first - hunk[-1].last > 2 * CONTEXT:
            yield hunk
            hunk = []
        hunk.append(block)
    if hunk:
        yield hunk


def _hunk(text: str, hunk: Sequence[Block], moved: int) -> list[str]:
    at = lines_before(text, hunk[0].start, CONTEXT)
    begin = hunk[0].first - len(split_lines(text[at : hunk[0].start]))
    body: list[str] = []
    for block in hunk:
        body += _marked(" ", split_lines(text[at : block.start])) + _marked("-", block.old) + _marked("+", block.new)
        at = block.end
    after = split_lines(text[at : lines_after(text, at, CONTEXT)])
    body += _marked(" ", after)
    count = hunk[-1].last + len(after) - begin
    grown = sum(len(block.new) - len(block.old) for block in hunk)
    old, new = _range(begin, count), _range(begin + moved, count + grown)
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
