"""Where lines stand is what taking the text apart says."""

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from appx.tools.clip import split_lines
from appx.tools.lines import FEW, end_of_line, first_of_line, line_start, lines_after, lines_before

TEXT = st.one_of(
    st.text("ab\n", max_size=40), st.lists(st.sampled_from(["\n", "a\n", "a" * FEW, "\n" * FEW])).map("".join)
)


@given(TEXT)
def test_a_line_begins_where_those_before_it_end(text: str) -> None:
    starts = [0, *(index + 1 for index, char in enumerate(text) if char == "\n")]
    some = range(0, len(starts), max(1, len(starts) // 50))
    assert [line_start(text, index) for index in some] == [starts[index] for index in some]


@given(st.text("ab\n", max_size=40), st.integers(0, 5))
def test_lines_around_a_place_are_those_of_the_text_taken_apart(text: str, count: int) -> None:
    bounds = list(accumulate(map(len, split_lines(text)), initial=0))
    for index, at in enumerate(bounds):
        assert lines_before(text, at, count) == bounds[max(0, index - count)]
        assert lines_after(text, at, count) == bounds[min(len(bounds) - 1, index + count)]
    for at in range(len(text)):
        assert first_of_line(text, at) == max(bound for bound in bounds if bound <= at)
        assert end_of_line(text, at) == min(bound for bound in bounds if bound > at)
    if text:
        assert (first_of_line(text, len(text)), end_of_line(text, len(text))) == (bounds[-2], len(text))
