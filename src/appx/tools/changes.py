"""Where edits change a text: pure, and only what they really change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from itertools import islice, pairwise

from appx.domain.errors import Invalid
from appx.tools.view import View, exact, tolerant

MAX_PLACES = 100
"""Beyond, it is enough to say that there are more."""

MIN_HINT = 4
"""Characters. A shorter line stands in too many places to help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """The place where ``old`` stands is to read ``new``."""

    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Characters ``start`` to ``end`` of the original become ``new``."""

    start: int
    end: int
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``changes`` are in order and apart. ``tolerant``: the numbers of the edits that did not match exactly."""

    changes: tuple[Change, ...]
    tolerant: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Where an edit's old text stands. ``bounds``: where each of its lines begins, and where the last one ends."""

    number: int
    bounds: tuple[int, ...]
    tolerant: bool


class Original:
    """A text that is to be edited."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def exact(self) -> View:
        return exact(self.text)

    @cached_property
    def tolerant(self) -> View:
        return tolerant(self.text)

    @cached_property
    def newline(self) -> str:
        """The end of most lines."""
        crlf = self.text.count("\r\n")
        return "\r\n" if crlf > self.text.count("\n") - crlf else "\n"

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1


def plan(text: str, edits: Sequence[Edit]) -> Plan:
    """Every edit is looked for in ``text`` itself, exactly, then tolerantly.

    Raises Invalid, naming the edits by number, when an old text is empty, missing or not unique, when edits overlap
    or when an edit changes nothing.
    """
    original = Original(text)
    matches: list[Match] = []
    changes: list[Change] = []
    problems: list[str] = []
    for number, edit in enumerate(edits, start=1):
        try:
            match = _match(original, number, edit)
            changes += _changes(original, match, edit)
            matches.append(match)
        except Invalid as problem:
            problems.append(f"Edit {number} of {len(edits)}: {problem}")
    problems += _overlaps(original, matches)
    if problems:
        raise Invalid(" ".join([*problems, "Nothing was changed."]))
    return Plan(
        changes=tuple(sorted(changes, key=lambda change: (change.start, change.end))),
        tolerant=tuple(match.number for match in matches if match.tolerant),
    )


def apply(text: str, changes: Sequence[Change]) -> str:
    """``changes`` must be in order and apart."""
    parts: list[str] = []
    done = 0
    for change in changes:
        parts += (text[done : change.start], change.new)
        done = change.end
    return "".join([*parts, text[done:]])


def _match(original: Original, number: int, edit: Edit) -> Match:
    if not edit.old:
        raise Invalid(
            "oldText is empty. To insert, give a line that is there and repeat it in newText; "
            "to make a file, use write."
        )
    found = list(islice(_exact_places(original, edit.old), MAX_PLACES + 1))
    is_tolerant = not found
    if is_tolerant:
        found = list(islice(_tolerant_places(original, edit.old), MAX_PLACES + 1))
    if not found:
        raise Invalid(f"oldText is not in the file. {_hint(original, edit.old)}")
    if len(found) > 1:
        raise Invalid(_not_unique(original, [bounds[0] for bounds in found]))
    return Match(number=number, bounds=found[0], tolerant=is_tolerant)


def _exact_places(original: Original, old: str) -> Iterator[tuple[int, ...]]:
    return _places(original.exact, exact(old).text)


def _tolerant_places(original: Original, old: str) -> Iterator[tuple[int, ...]]:
    """White space at the end of ``old`` stands for the end of a line, with or without white space."""
    needle = tolerant(old).text
    if not needle.strip():
        return iter(())
    return _places(original.tolerant, needle, to_line_end=not tolerant(old[-1]).text)


def _places(view: View, needle: str, *, to_line_end: bool = False) -> Iterator[tuple[int, ...]]:
    """The bounds of each place where ``needle`` stands in the view; places may overlap."""
    starts = [index + 1 for index, char in enumerate(needle) if char == "\n"]
    at = view.text.find(needle)
    while at >= 0:
        end = at + len(needle)
        bounds = [view.after(at), *(view.before(at + start) for start in starts)]
        bounds.append(view.after(end) if to_line_end else view.before(end))
        known = tuple(bound for bound in bounds if bound is not None)
        if len(known) == len(bounds) and (not to_line_end or view.text[end : end + 1] in {"", "\n"}):
            yield known
        at = view.text.find(needle, at + 1)


def _changes(original: Original, match: Match, edit: Edit) -> list[Change]:
    """Only the lines in which old and new text differ; the others stay as they are in the file."""
    old, new = (exact(text).text.split("\n") for text in (edit.old, edit.new))
    if old == new:
        raise Invalid("oldText and newText are the same. Leave it out, or say what is to change.")
    changes = []
    for kind, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new).get_opcodes():
        if kind == "equal":
            continue
        start, text = _replaced(old, new, (old_from, old_to), (new_from, new_to))
        begin, end = match.bounds[start], match.bounds[old_to]
        before = original.text[begin:end]
        after = _with_newlines(text, _newline(before) or original.newline)
        if before != after:
            changes.append(Change(start=begin, end=end, new=after))
    if not changes:
        raise Invalid("the file already reads as newText. Leave it out.")
    return changes


def _replaced(old: list[str], new: list[str], was: tuple[int, int], now: tuple[int, int]) -> tuple[int, str]:
    """The first of the old lines that go, and the text that comes. Lines are joined by newlines, not ended by them."""
    (old_from, old_to), (new_from, new_to) = was, now
    if old_to < len(old):
        return old_from, "".join(f"{line}\n" for line in new[new_from:new_to])
    if old_from == old_to:
        return old_from, "".join(f"\n{line}" for line in new[new_from:new_to])
    if new_from == new_to:  # the newline before goes, too: take in the line that it ends
        return old_from - 1, new[new_from - 1]
    return old_from, "\n".join(new[new_from:new_to])


def _newline(text: str) -> str:
    """The end of the first line, empty when no line ends."""
    at = text.find("\n")
    if at < 0:
        return ""
    return "\r\n" if text[:at].endswith("\r") else "\n"


def _with_newlines(text: str, newline: str) -> str:
    return text if newline == "\n" else text.replace("\n", newline)


def _overlaps(original: Original, matches: Sequence[Match]) -> list[str]:
    ordered = sorted(matches, key=lambda match: (match.bounds[0], match.bounds[-1]))
    return [
        f"Edits {min(one.number, other.number)} and {max(one.number, other.number)} overlap "
        f"in line {original.line(other.bounds[0])}. Make them one edit."
        for one, other in pairwise(ordered)
        if other.bounds[0] < one.bounds[-1]
    ]


def _not_unique(original: Original, starts: Sequence[int]) -> str:
    lines = sorted({original.line(start) for start in starts[:MAX_PLACES]})
    told = ", ".join(f"{line:,}" for line in lines[:5]) + (", …" if len(lines) > 5 else "")
    times = f"{len(starts)}" if len(starts) <= MAX_PLACES else f"more than {MAX_PLACES}"
    return f"oldText is there {times} times (line {told}). Add what stands around it until it is unique."


def _hint(original: Original, old: str) -> str:
    """Where its first line stands, if it stands somewhere."""
    first = next((line.strip() for line in tolerant(old).text.split("\n") if line.strip()), "")
    again = "Read the file again and copy the text exactly, with its indentation."
    at = original.tolerant.text.find(first) if len(first) >= MIN_HINT else -1
    if at < 0:
        return again
    line = original.tolerant.text.count("\n", 0, at) + 1
    return f"Its first line looks like line {line:,}. {again}"
