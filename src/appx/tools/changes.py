"""Where edits change a text: pure, bounded, and only what they really change."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, pairwise

from appx.domain.errors import Invalid
from appx.tools.alike import Part, Steps, TooManySteps, differing
from appx.tools.lines import line_start
from appx.tools.view import View, tolerant, unix

MAX_PLACES = 100
"""Beyond, it is enough to say that there are more."""

MIN_HINT = 4
"""Characters. A shorter line stands in too many places to help."""

MAX_TOLERANT = 300_000
"""Characters of a text and of the old texts together that may match tolerantly: the oddest ones take a second."""

MAX_TRIED = 200_000
"""Places in all where an old text may match tolerantly: half a second."""

MAX_GIVEN = 400_000
"""Characters of old and new texts in one call."""

MAX_LOOKED = 60_000_000
"""Characters of the text, times edits: to look for the oddest ones takes a second."""

MAX_PROBLEMS = 10
"""That are told at once."""


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
    """A text that is to be edited. ``tolerable``: it and the old texts are short enough to match tolerantly."""

    def __init__(self, text: str, edits: Sequence[Edit]) -> None:
        self.text = text
        self.tolerable = len(text) + sum(len(edit.old) for edit in edits) <= MAX_TOLERANT
        self.tries = Steps(MAX_TRIED)
        self.steps = Steps()

    @cached_property
    def unix(self) -> str:
        return unix(self.text)

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
    or when an edit changes nothing; also when the edits are too long, or too many for so long a text.
    """
    _bounded(text, edits)
    original = Original(text, edits)
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
    told = list(islice(chain(problems, _overlaps(original, matches)), MAX_PROBLEMS + 1))
    if told:
        more = ["There are more problems."] if len(told) > MAX_PROBLEMS else []
        raise Invalid(" ".join([*told[:MAX_PROBLEMS], *more, "Nothing was changed."]))
    return Plan(
        changes=tuple(sorted(changes, key=lambda change: (change.start, change.end))),
        tolerant=tuple(match.number for match in matches if match.tolerant),
    )


def _bounded(text: str, edits: Sequence[Edit]) -> None:
    given = sum(len(edit.old) + len(edit.new) for edit in edits)
    if given > MAX_GIVEN:
        raise Invalid(
            f"oldText and newText have {given:,} characters in all, at most {MAX_GIVEN:,}. Make several calls with "
            "less around what changes, or use write. Nothing was changed."
        )
    if len(text) * len(edits) > MAX_LOOKED:
        raise Invalid(
            f"{len(edits)} edits are too many for a file of {len(text):,} characters, at most "
            f"{MAX_LOOKED // len(text):,} at once. Make several calls, or use a script in bash. Nothing was changed."
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
    old = unix(edit.old)
    at = _only(original.unix, _exact_places(original.unix, old))
    if at is not None:
        return Match(number=number, bounds=_exact_bounds(original, at, old), tolerant=False)
    if not original.tolerable:
        exact = f"White space and quotes, too: of more than {MAX_TOLERANT:,} characters all must be the same."
        raise Invalid(f"oldText is not in the file. {_hint(original.unix, old)} {exact}")
    view, needle = original.tolerant, tolerant(edit.old).text
    to_line_end = not tolerant(edit.old[-1]).text
    try:
        at = _only(view.text, _tolerant_places(view, needle, original.tries, to_line_end=to_line_end))
    except TooManySteps:
        raise Invalid("something like oldText is there too often. Give more of the text, exactly as it is.") from None
    if at is None:
        raise Invalid(f"oldText is not in the file. {_hint(view.text, needle)}")
    bounds = _tolerant_bounds(view, needle, at, to_line_end=to_line_end)
    return Match(number=number, bounds=bounds, tolerant=True)


def _only(seen: str, found: Iterator[int]) -> int | None:
    """The only place, None when there is none. Raises Invalid when there are several."""
    places = list(islice(found, MAX_PLACES + 1))
    if len(places) > 1:
        raise Invalid(_not_unique(seen, places))
    return places[0] if places else None


def _exact_places(seen: str, needle: str) -> Iterator[int]:
    """Places may overlap."""
    at = seen.find(needle)
    while at >= 0:
        yield at
        at = seen.find(needle, at + 1)


def _exact_bounds(original: Original, at: int, old: str) -> tuple[int, ...]:
    line = original.unix.count("\n", 0, at)
    column = at - original.unix.rfind("\n", 0, at) - 1
    bounds = [line_start(original.text, line) + column]
    *whole, last = old.split("\n")
    for _ in whole:
        bounds.append(original.text.index("\n", bounds[-1]) + 1)
    return (*bounds, bounds[-1] + len(last))


def _tolerant_places(view: View, needle: str, tries: Steps, *, to_line_end: bool) -> Iterator[int]:
    """White space at the end of the old text stands for the end of a line, with or without white space."""
    if not needle.strip():
        return
    for at in _exact_places(view.text, needle):
        tries.take(1)
        end = at + len(needle)
        known = None not in (view.after(at), view.after(end) if to_line_end else view.before(end))
        if known and (not to_line_end or view.text[end : end + 1] in {"", "\n"}):
            yield at


def _tolerant_bounds(view: View, needle: str, at: int, *, to_line_end: bool) -> tuple[int, ...]:
    end = at + len(needle)
    lines = [view.before(at + index + 1) for index, char in enumerate(needle) if char == "\n"]
    bounds = [view.after(at), *lines, view.after(end) if to_line_end else view.before(end)]
    assert None not in bounds, "no line begins inside of what is seen as a whole"
    return tuple(bound for bound in bounds if bound is not None)


def _changes(original: Original, match: Match, edit: Edit) -> list[Change]:
    """Only the lines in which old and new text differ; the others stay as they are in the file."""
    old, new = (unix(text).split("\n") for text in (edit.old, edit.new))
    if old == new:
        raise Invalid("oldText and newText are the same. Leave it out, or say what is to change.")
    changes = []
    for part in differing(old, new, original.steps):
        start, text = _replaced(old, new, part)
        begin, end = match.bounds[start], match.bounds[part[1]]
        before = original.text[begin:end]
        after = _with_newlines(text, _newline(before) or original.newline)
        if before != after:
            changes.append(Change(start=begin, end=end, new=after))
    if not changes:
        raise Invalid("the file already reads as newText. Leave it out.")
    return changes


def _replaced(old: list[str], new: list[str], part: Part) -> tuple[int, str]:
    """The first of the old lines that go, and the text that comes. Lines are joined by newlines, not ended by them."""
    old_from, old_to, new_from, new_to = part
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


def _overlaps(original: Original, matches: Sequence[Match]) -> Iterator[str]:
    ordered = sorted(matches, key=lambda match: (match.bounds[0], match.bounds[-1]))
    for one, other in pairwise(ordered):
        if other.bounds[0] < one.bounds[-1]:
            first, last = sorted((one.number, other.number))
            line = original.line(other.bounds[0])
            yield f"Edits {first} and {last} overlap in line {line}. Make them one edit."


def _not_unique(seen: str, places: Sequence[int]) -> str:
    lines: list[int] = []
    line, done = 1, 0
    for at in places[:MAX_PLACES]:
        line, done = line + seen.count("\n", done, at), at
        lines.append(line)
    lines = list(dict.fromkeys(lines))
    told = ", ".join(f"{line:,}" for line in lines[:5]) + (", …" if len(lines) > 5 else "")
    times = f"{len(places)}" if len(places) <= MAX_PLACES else f"more than {MAX_PLACES}"
    return f"oldText is there {times} times (line {told}). Add what stands around it until it is unique."


def _hint(seen: str, needle: str) -> str:
    """Where its first line stands, if it stands somewhere."""
    first = next((line.strip() for line in needle.split("\n") if line.strip()), "")
    again = "Read the file again and copy the text exactly, with its indentation."
    at = seen.find(first) if len(first) >= MIN_HINT else -1
    if at < 0:
        return again
    line = seen.count("\n", 0, at) + 1
    return f"Its first line looks like line {line:,}. {again}"
