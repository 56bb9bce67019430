"""A stream is given on event by event, unchanged, and no event is more work than its bound."""

import time
from itertools import pairwise

import pytest
from anthropic._streaming import SSEDecoder
from hypothesis import example, given
from hypothesis import strategies as st

from appx.models.whole_events import MAX_EVENT, TooMuch, WholeEvents

STREAMS = st.lists(st.sampled_from(["data: a", "event: b", ":", "\n", "\r", "\r\n", "\n\n"]), max_size=30).map(
    lambda found: "".join(found).encode()
)


def pieces_of(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[begin:end] for begin, end in pairwise(places)]


def told(pieces: list[bytes]) -> list[tuple[str | None, str]]:
    """What the library makes of it."""
    return [(event.event, event.data) for event in SSEDecoder().iter_bytes(iter(pieces)) if event.data or event.event]


@given(STREAMS, st.lists(st.integers(min_value=0, max_value=200), max_size=30))
@example(b"data: a\r\n\r\ndata: a\r\n\r\n", list(range(40)))
@example(b"data: a\r\r\ndata: a\n\r\n\n", list(range(40)))
def test_however_a_stream_is_cut_its_events_are_the_same(stream: bytes, cuts: list[int]) -> None:
    events = WholeEvents()
    given_on = [events.add(piece) for piece in pieces_of(stream, cuts)]
    assert b"".join(given_on) + events.rest() == stream
    assert told([*given_on, events.rest()]) == told([stream])
    for each in filter(None, given_on):
        assert each.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")), "so the library holds nothing of it"


def held(stream: bytes, size: int) -> None:
    """Raises TooMuch when it comes in pieces of ``size``."""
    events = WholeEvents()
    for begin in range(0, len(stream), size):
        assert events.add(stream[begin : begin + size]) == b""


@pytest.mark.parametrize("line", [b":\n", b":\r", b":\r\n", b":\n\r\n", b"data: x\n"])
@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_lines_without_an_empty_one_come_to_an_end(line: bytes, size: int) -> None:
    with pytest.raises(TooMuch):
        held(line * (400_000 // len(line)), size)


def test_two_ends_of_lines_that_are_none_for_the_library_are_none() -> None:
    with pytest.raises(TooMuch):
        held(b":\r\r\n" * 100_000, 65_536)


@pytest.mark.parametrize("size", [1_000, 65_536])
def test_an_event_without_an_end_comes_to_one(size: int) -> None:
    with pytest.raises(TooMuch):
        held(b"x" * (MAX_EVENT + 1), size)


def test_a_large_event_is_given_whole_and_so_are_many_signs_of_life() -> None:
    events = WholeEvents()
    large = b"event: message\ndata: " + b"x" * (MAX_EVENT - 100) + b"\n\n"
    given_on = [events.add(large[begin : begin + 16_384]) for begin in range(0, len(large), 16_384)]
    assert [each for each in given_on if each] == [large]
    assert {events.add(b": ping\n") for _ in range(10_000)} == {b""}
    assert events.add(b"\n") == b": ping\n" * 10_000 + b"\n"
    many = b"data: x\n\n" * 100_000
    assert events.add(many) == many


def test_small_pieces_of_an_event_are_not_looked_at_again_and_again() -> None:
    def took(length: int) -> float:
        events, began = WholeEvents(), time.thread_time()
        for _ in range(length):
            events.add(b"xxxxxxxx")
        return time.thread_time() - began

    assert took(200_000) < 40 * took(20_000)
