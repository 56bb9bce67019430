"""What podman prints of a log is taken apart, however it was cut on its way."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.podman.logs import MAX_LINE, LogLine, Splitter


def split(*pieces: bytes) -> list[LogLine]:
    splitter = Splitter("stdout")
    return [line for piece in pieces for line in splitter.add(piece)] + list(splitter.end())


def texts(*pieces: bytes) -> list[tuple[str, str]]:
    return [(each.time, each.text) for each in split(*pieces)]


NINE = "2026-11-26T03:20:00.590000000Z"


@pytest.mark.parametrize(
    ("given", "time", "text"),
    [
        (b"2026-11-26T03:20:00.590000000Z out 1\n", NINE, "out 1"),
        (b"2026-11-26T03:20:00.59Z out\r\n", NINE, "out\r"),
        (b"2026-11-26T03:20:00.59Z \n", NINE, ""),
        (b"2026-11-26T03:20:00Z x", "2026-11-26T03:20:00.000000000Z", "x"),
        (b"2026-11-26T03:20:00.59+01:00 x", "2026-11-26T03:20:00.590000000+01:00", "x"),
        (b"Error: no container\n", "", "Error: no container"),
        (b"2026-11-26T03:20:00.59Z \xff\xfe\n", NINE, "\N{REPLACEMENT CHARACTER}" * 2),
        (b"2026-11-26T03:20:00.59Z half2026-11-26T03:20:02.1Z end\n", NINE, "halfend"),
        (b"2026-11-26T03:20:00.59Z a2026-11-26T03:20:00.59Z b2026-11-26T03:20:00.7Z c\n", NINE, "abc"),
        (b"2026-11-26T03:20:00.59Z 2026-11-26T03:20:00.58Z its own\n", NINE, "2026-11-26T03:20:00.58Z its own"),
        (b"2026-11-26T03:20:00.59Z until 2027-01-01T00:00:00.5Z x\n", NINE, "until 2027-01-01T00:00:00.5Z x"),
        (b"2026-11-26T03:20:00.59Z at 2026-11-26T03:20:01Z x\n", NINE, "at 2026-11-26T03:20:01Z x"),
        (b"2026-11-26T03:20:00.59Z on 2026-02-31T99:20:01.5Z x\n", NINE, "on 2026-02-31T99:20:01.5Z x"),
    ],
)
def test_a_line_has_its_time_and_its_text(given: bytes, time: str, text: str) -> None:
    assert texts(given) == [(time, text)]


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(0, 200)))
def test_how_it_was_cut_makes_no_difference(lines: list[bytes], cuts: list[int]) -> None:
    data = b"".join(b"2026-11-26T03:20:00.59Z " + each.replace(b"\n", b"") + b"\n" for each in lines)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert split(*pieces) == split(data)


def test_a_line_without_end_costs_no_more_than_a_long_one() -> None:
    splitter = Splitter("stderr")
    for _ in range(100):
        assert list(splitter.add(b"x" * 100_000)) == []
    assert len(splitter._begun) == MAX_LINE
    (line,) = splitter.add(b"\nnext")
    assert (len(line.text), line.cut, line.stream) == (MAX_LINE, True, "stderr")
    (last,) = splitter.end()
    assert (last.text, last.cut) == ("next", False)
