"""Laws of editing, whatever the text."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from appx.domain.errors import Invalid
from appx.tools import diff
from appx.tools.changes import MAX_GIVEN, MAX_LOOKED, MAX_PROBLEMS, MAX_TOLERANT, MAX_TRIED, Change, Edit, apply, plan
from appx.tools.clip import split_lines
from appx.tools.diff import NO_NEWLINE, unified
from appx.tools.view import View, tolerant, unix
from tests.unit.tools.noting import noting

WORDS = st.text(st.sampled_from("ab \n\"'-e"), max_size=12)
ANY = st.text(st.sampled_from("ab \n\t'\r\u2019\u00a0\u2014\u0301\ufb01\ufeff\u1112\u1161\uff76\uff9ee"), max_size=30)
DISTURBED = str.maketrans({"'": "\u2019", '"': "\u201d", "-": "\u2014", " ": "\u00a0", "a": "\uff41"})


def edited(text: str, *edits: tuple[str, str]) -> str:
    return apply(text, plan(text, [Edit(old=old, new=new) for old, new in edits]).changes)


def places(text: str, part: str) -> int:
    return sum(text.startswith(part, at) for at in range(len(text)))


@given(WORDS, WORDS, WORDS, WORDS)
def test_an_exact_edit_is_a_replacement(before: str, old: str, after: str, new: str) -> None:
    text = before + old + after
    assume(old and old != new and places(text, old) == 1)
    assert edited(text, (old, new)) == text.replace(old, new)


@given(WORDS, WORDS, WORDS, WORDS)
def test_an_old_text_that_is_not_unique_is_refused(before: str, old: str, after: str, new: str) -> None:
    assume(old and old != new)
    text = before + old + after + old
    with pytest.raises(Invalid, match="times"):
        plan(text, [Edit(old=old, new=new)])


@given(ANY, WORDS, ANY, WORDS)
def test_what_was_not_touched_stays(before: str, old: str, after: str, new: str) -> None:
    """Also of a text that matches only tolerantly, with an unlike beginning and end."""
    there = "<" + old.translate(DISTURBED) + ">"
    after = f"|{after}"  # otherwise a mark could belong to the old text's end
    text = before + there + after
    found = plan(text, [Edit(old=f"<{old}>", new=f"[{new}]")])
    result = apply(text, found.changes)
    assert result.startswith(before)
    assert result.endswith(after)
    assert unix(result) == unix(before + f"[{new}]" + after) or "\n" in old


@given(ANY, WORDS, ANY)
def test_of_a_tolerant_match_only_the_lines_that_differ_change(before: str, old: str, after: str) -> None:
    there = old.translate(DISTURBED)
    text = f"{before}<\n{there}\n>|{after}"
    assert edited(text, (f"<\n{old}\n>", f"<\n{old}\n]")) == f"{before}<\n{there}\n]|{after}"


@given(WORDS, WORDS, WORDS, WORDS)
def test_with_crlf_an_edit_does_the_same(before: str, old: str, after: str, new: str) -> None:
    text = before + old + after
    assume(old and old != new and places(text, old) == 1 and "\n" in text)
    assert edited(text.replace("\n", "\r\n"), (old, new)) == text.replace(old, new).replace("\n", "\r\n")


@given(st.text("abcdefgh\n", max_size=20), st.data())
def test_edits_are_independent_of_their_order(filler: str, data: st.DataObject) -> None:
    pieces = [f"<{number}>" for number in range(4)]
    text = filler.join(pieces)
    edits = [(piece, f"{piece}{filler}!") for piece in pieces]
    shuffled = data.draw(st.permutations(edits))
    assert edited(text, *shuffled) == filler.join(new for _, new in edits)


PARTS = st.sampled_from([(first, last) for first in range(10) for last in range(first + 1, 11)])


@given(PARTS, PARTS)
def test_edits_that_share_a_character_are_refused_and_others_are_not(
    one: tuple[int, int], two: tuple[int, int]
) -> None:
    text, (a, b), (c, d) = "0123456789", one, two
    edits = [Edit(old=text[a:b], new="x"), Edit(old=text[c:d], new="y")]
    if a < d and c < b:
        with pytest.raises(Invalid, match="Edits 1 and 2 overlap"):
            plan(text, edits)
    else:
        assert len(plan(text, edits).changes) == 2


@given(ANY)
def test_a_view_leads_back(text: str) -> None:
    view = tolerant(text)
    size = len(view.text)
    firsts = [view.before(at) for at in range(size + 1)]
    lasts = [view.after(at) for at in range(size + 1)]
    assert firsts[0] == 0
    assert lasts[-1] == len(text)
    known = [pair for pair in zip(firsts, lasts, strict=True) if None not in pair]
    assert all(first is not None and last is not None and first <= last for first, last in known)
    flat = [place for pair in known for place in pair if place is not None]
    assert flat == sorted(flat)


@given(ANY)
def test_in_a_view_no_line_begins_inside_of_what_is_seen_as_a_whole(text: str) -> None:
    view = tolerant(text)
    assert None not in [view.before(at + 1) for at, char in enumerate(view.text) if char == "\n"]


@given(ANY)
def test_a_tolerant_view_of_a_tolerant_view_is_the_same(text: str) -> None:
    assume("\r" not in text)
    once = tolerant(text).text
    assert tolerant(once).text == once


def patched(text: str, diff: list[str]) -> str:
    """What ``patch`` does, and it insists on every line that it is shown."""
    lines = split_lines(text)
    result: list[str] = []
    at = 0
    body = iter(diff[2:])
    old_left = new_left = 0
    for line in body:
        mark, shown = line[0], line[1:]
        if line == NO_NEWLINE:
            continue
        if mark == "@":
            assert old_left == new_left == 0
            old, new = (tuple(map(int, part[1:].split(","))) for part in shown.split()[1:3])
            old_left, new_left = old[1], new[1]
            begin = old[0] - 1 if old[1] else old[0]
            result += lines[at:begin]
            at = begin
            assert len(result) == (new[0] - 1 if new[1] else new[0])
            continue
        if mark in " -":
            assert lines[at].rstrip("\n") == shown
            old_left -= 1
            at += 1
        if mark in " +":
            new_left -= 1
            result.append(f"{shown}\n")
    assert old_left == new_left == 0
    return "".join(result + lines[at:])


@given(
    lines=st.lists(st.sampled_from(["a", "b", "", "long line"]), min_size=1, max_size=40),
    ended=st.booleans(),
    data=st.data(),
)
def test_the_diff_makes_the_new_text_of_the_old_one(lines: list[str], *, ended: bool, data: st.DataObject) -> None:
    text = "\n".join(lines) + ("\n" if ended else "")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=8)))
    cuts = cuts[: len(cuts) // 2 * 2]
    new = st.text("xy\n", max_size=6)
    pairs = zip(cuts[::2], cuts[1::2], strict=True)
    changes = [Change(start=start, end=end, new=data.draw(new)) for start, end in pairs]
    assume(text)
    result = apply(text, changes)
    assert patched(text, unified("f", text, changes)).rstrip("\n") == result.rstrip("\n")


def test_a_missing_newline_is_shown() -> None:
    assert unified("f", "a\nb", [Change(start=3, end=3, new="\n")]) == [
        "--- f",
        "+++ f",
        "@@ -1,2 +1,2 @@",
        " a",
        "-b",
        NO_NEWLINE,
        "+b",
    ]


def test_changes_far_apart_are_two_hunks() -> None:
    text = "".join(f"{number}\n" for number in range(1, 21))
    near, far = text.index("3\n"), text.index("18\n")
    told = unified("f", text, [Change(start=near, end=near + 2, new=""), Change(start=far, end=far + 2, new="x\ny")])
    assert [line for line in told if line.startswith("@@")] == ["@@ -1,6 +1,5 @@", "@@ -15,6 +14,7 @@"]


@pytest.mark.parametrize(("between", "hunks"), [(6, 1), (7, 2)])
def test_changes_whose_contexts_meet_are_one_hunk(between: int, hunks: int) -> None:
    text = "a\n" + "-\n" * between + "b\n"
    told = unified("f", text, plan(text, [Edit(old="a", new="A"), Edit(old="b", new="B")]).changes)
    assert sum(line.startswith("@@") for line in told) == hunks


def test_of_a_long_text_only_the_lines_around_the_changes_are_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    parts: list[str] = []
    monkeypatch.setattr(diff, "split_lines", noting(split_lines, parts.append))
    text = "".join(f"{number}\n" for number in range(1, 100_001))
    told = unified(
        "f", text, plan(text, [Edit(old="\n50000\n", new="\nx\ny\n"), Edit(old="\n90000\n", new="\n")]).changes
    )
    assert told[2:] == [
        *("@@ -49997,7 +49997,8 @@", " 49997", " 49998", " 49999", "-50000", "+x", "+y", " 50001", " 50002", " 50003"),
        *("@@ -89997,7 +89998,6 @@", " 89997", " 89998", " 89999", "-90000", " 90001", " 90002", " 90003"),
    ]
    assert sum(map(len, parts)) < 200


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_edit_whose_lines_are_alike_in_too_many_ways_replaces_them_as_a_whole(newline: str) -> None:
    """SequenceMatcher takes the cube of their number."""
    old = "\n".join(f"{number % 110}\nold {number}" for number in range(1_000))
    new = "\n".join(f"{number % 110}\nnew {number}" for number in range(1_000))
    text = f"before\n{old}\nafter".replace("\n", newline)
    found = plan(text, [Edit(old=old, new=new)])
    assert len(found.changes) == 1
    assert apply(text, found.changes) == f"before\n{new}\nafter".replace("\n", newline)


def test_all_edits_of_a_call_share_the_work() -> None:
    olds = ["\n".join(f"{number % 110}\n{each}{number}" for number in range(400)) for each in "abcdefghi"]
    edits = [Edit(old=old, new=old.replace(old.split("\n")[1][0], "X")) for old in olds]
    assert len(plan(olds[0], edits[:1]).changes) == 400
    assert len(plan("\n\n".join(olds), edits).changes) < 9 * 400


@pytest.mark.parametrize(("there", "asked"), [("", ""), ("\u2019", "'")])
def test_the_lines_of_places_that_are_not_unique_are_not_gone_through(
    there: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks: list[int] = []
    for side in ("before", "after"):
        monkeypatch.setattr(View, side, noting(getattr(View, side), lambda _, at: asks.append(at)))
    with pytest.raises(Invalid, match="more than 100 times"):
        plan(f"{there}\n" * 2_000, [Edit(old=f"{asked}\n" * 1_000, new="x")])
    assert len(asks) < 1_000


def test_a_long_text_is_only_looked_through_exactly() -> None:
    start = "\u2019 \n"
    text = start + "x" * (MAX_TOLERANT - len(start) - len("'\nx"))
    assert edited(text, ("'\nx", "a\nx")).startswith("a\nx")
    with pytest.raises(Invalid, match="of more than 300,000 characters all must be the same"):
        plan(f"{text}x", [Edit(old="'\nx", new="a\nx")])
    assert edited(f"{text}x", ("\u2019 \nx", "a\nx")).startswith("a\nx")


def test_edits_that_are_too_long_are_refused() -> None:
    text = "a" + "b" * MAX_GIVEN
    assert edited(text, ("a", "c" * (MAX_GIVEN - 1))) == "c" * (MAX_GIVEN - 1) + text[1:]
    with pytest.raises(Invalid, match="400,001 characters in all, at most 400,000"):
        plan(text, [Edit(old="a", new="c" * MAX_GIVEN)])


def test_of_a_long_text_few_edits_are_made_at_once() -> None:
    text = "1\n2\n3\n4" + "x" * (MAX_LOOKED // 3 - 7)
    edits = [Edit(old=f"{number}\n", new="a\n") for number in range(1, 4)]
    assert apply(text, plan(text, edits).changes).startswith("a\na\na\n4")
    with pytest.raises(Invalid, match="4 edits are too many for a file of 20,000,000 characters, at most 3 at once"):
        plan(text, [*edits, Edit(old="4", new="d")])


def test_places_that_are_none_are_tried_so_often_and_no_more() -> None:
    """Half a ligature is nothing; 1,000 edits with all of them would take minutes."""
    text = "\ufb01" * (MAX_TRIED // 4)
    edits = [Edit(old="f", new=f"{number}") for number in range(10)]
    with pytest.raises(Invalid) as caught:
        plan(text, edits)
    told = str(caught.value)
    assert told.count("oldText is not in the file. Read the file again") == 4
    assert told.count("something like oldText is there too often. Give more of the text, exactly as it is.") == 6


def test_of_many_problems_the_first_are_told() -> None:
    for edit in (Edit(old="no", new="x"), Edit(old="yes", new="x")):
        with pytest.raises(Invalid) as caught:
            plan("yes", [edit] * 500)
        told = str(caught.value)
        assert told.endswith("There are more problems. Nothing was changed.")
        assert told.count("Edit") == MAX_PROBLEMS
