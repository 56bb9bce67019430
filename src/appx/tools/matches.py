"""What ripgrep found, as lines that the model is shown."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from appx.tools.clip import fitting
from appx.tools.within import about_names, plain_name, shown

MAX_MATCHES = 100
MAX_LINE = 500
"""Characters of a line."""

_PLACE = re.compile(r"(\d{1,15})(?::(\d{1,15}):|-)")
_BINARY = re.compile(r"(?:[^\0\n]*: (?:WARNING: stopped searching )?binary file [^\n]*\n)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of a file. ``column``: the byte, counted from 1, where its first match begins; 0 in a line of context."""

    path: str
    number: int
    column: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Matches:
    """``binary``: how many files turned out to be binary after some of their lines were searched."""

    rows: list[Row]
    binary: int

    @property
    def count(self) -> int:
        return sum(row.column > 0 for row in self.rows)


def matches(output: str) -> Matches:
    """Takes ``path NUL number:column:text`` and, for context, ``path NUL number-text`` apart.

    A path may have newlines, a text has none. An unfinished last line is left out.
    """
    rows: list[Row] = []
    binary = at = 0
    while True:
        remark = _BINARY.match(output, at)
        if remark is not None:
            binary += remark[0].count("\n")
            at = remark.end()
        nul = output.find("\0", at)
        end = output.find("\n", nul)
        if nul < 0 or end < 0:
            return Matches(rows=rows, binary=binary)
        place = _PLACE.match(output, nul + 1)
        if place is not None:
            text = output[place.end() : end].removesuffix("\r")
            path = plain_name(output[at:nul])
            rows.append(Row(path=path, number=int(place[1]), column=int(place[2] or 0), text=text))
        at = end + 1


def told(found: Matches, *, whole: bool, more: str) -> tuple[str, list[str]]:
    """The text, and notes on what it lacks. ``whole``: there are no more than these. ``more``: how to see the rest."""
    kept = _first(found.rows)
    lines, rows = _lines(kept)
    count = fitting(lines)
    seen = [row for row in rows[:count] if row is not None]
    return "\n".join(lines[:count]).rstrip("\n"), _notes(found, seen, whole=whole, more=more)


def _notes(found: Matches, seen: list[Row], *, whole: bool, more: str) -> list[str]:
    count = sum(row.column > 0 for row in seen)
    notes = []
    if count < found.count or not whole:
        among = f"{count:,} of {found.count:,} matches" if whole else f"{count:,} matches, there may be more"
        notes.append(f"the first {among}; {more}")
    cut = [row for row in seen if len(row.text) > MAX_LINE]
    if cut:
        first = cut[0]
        start = max(1, first.column - 100)
        see = f"sed -n {first.number}p {shlex.quote(first.path)} | cut -b {start}-{start + 999}"
        amount = "1 line is" if len(cut) == 1 else f"{len(cut)} lines are"
        notes.append(f"{amount} cut at {MAX_LINE} characters; the rest of the first: bash: {see}")
    if found.binary:
        amount = "1 binary file was" if found.binary == 1 else f"{found.binary} binary files were"
        notes.append(f"{amount} not searched to the end; bash: rg --text")
    return notes + about_names([row.path for row in seen])


def _first(rows: list[Row]) -> list[Row]:
    """Up to the last match that is shown, with the context right behind it."""
    count = 0
    for index, row in enumerate(rows):
        count += row.column > 0
        if count > MAX_MATCHES or (count == MAX_MATCHES and not row.column and not _follows(row, rows[index - 1])):
            return rows[:index]
    return rows


def _follows(row: Row, before: Row) -> bool:
    return row.path == before.path and row.number == before.number + 1


def _lines(rows: list[Row]) -> tuple[list[str], list[Row | None]]:
    """Lines, and for each the row that it shows, if any."""
    pairs = list(_pairs(rows))
    return [text for text, _ in pairs], [row for _, row in pairs]


def _pairs(rows: list[Row]) -> Iterator[tuple[str, Row | None]]:
    context = any(row.column == 0 for row in rows)
    last: Row | None = None
    for row in rows:
        if last is None or last.path != row.path:
            if last is not None:
                yield "", None
            yield shown(row.path), None
        elif context and not _follows(row, last):
            yield "--", None
        yield f"{row.number}{':' if row.column else '-'} {_cut(row)}", row
        last = row


def _cut(row: Row) -> str:
    if len(row.text) <= MAX_LINE:
        return row.text
    where = f", the match is at byte {row.column:,}" if row.column > MAX_LINE else ""
    return f"{row.text[:MAX_LINE]} [cut{where}]"
