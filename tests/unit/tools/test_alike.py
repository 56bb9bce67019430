"""Lines are compared in bounded work, and what is left over makes the new text of the old one all the same."""

from hypothesis import given
from hypothesis import strategies as st

from appx.tools.alike import MAX_STEPS, Steps, differing

LINES = st.lists(st.sampled_from(["a", "b", "c"]), max_size=20)


@given(LINES, LINES, st.sampled_from([0, 10, 100, MAX_STEPS]))
def test_the_parts_make_the_new_lines_of_the_old_ones(old: list[str], new: list[str], most: int) -> None:
    made: list[str] = []
    at = 0
    for old_from, old_to, new_from, new_to in differing(old, new, Steps(most)):
        made += [*old[at:old_from], *new[new_from:new_to]]
        at = old_to
    assert made + old[at:] == new


def test_what_takes_too_many_steps_is_one_part_from_the_first_to_the_last_line_that_differs() -> None:
    old = ["first", *(f"{each}{number % 7}" for number in range(20) for each in "ax"), "last"]
    new = ["first", *(f"{each}{number % 7}" for number in range(20) for each in "ay"), "last"]
    assert len(differing(old, new, Steps())) == 20
    assert differing(old, new, Steps(500)) == [(2, 41, 2, 41)]


def test_edits_of_ordinary_length_take_few_steps() -> None:
    old = [f"line {number}" if number % 5 else "" for number in range(400)]
    new = [f"{line}!" if number % 40 == 1 else line for number, line in enumerate(old)]
    steps = Steps()
    assert len(differing(old, new, steps)) == 10
    assert MAX_STEPS - steps.left < MAX_STEPS / 10
