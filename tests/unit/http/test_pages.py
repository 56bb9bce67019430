"""Pages: together they are the whole, and no record is in two."""

from hypothesis import given
from hypothesis import strategies as st

from appx.domain.events import Event, Record
from appx.domain.ids import Seq
from appx.http import story
from appx.http.pages import page
from appx.http.story import Story
from tests.fakes.logs import AT, logs


def record(events: list[Event]) -> list[Record]:
    return [Record(seq=Seq(number), at=AT, event=event) for number, event in enumerate(events, 1)]


@given(logs(), st.integers(1, 5))
def test_the_pages_of_a_transcript_are_the_transcript(events: list[Event], limit: int) -> None:
    log, before = record(events), None
    found: list[dict[str, object]] = []
    while True:
        records, before = page(log, limit=limit, before=before)
        said = story.messages(records)
        found[:0] = said
        if before is None:
            break
        assert len(said) == limit
    assert found == story.messages(log)


@given(logs(), st.integers(1, 30))
def test_without_a_limit_everything_before_is_told(events: list[Event], before: int) -> None:
    log = record(events)
    assert page(log, limit=None, before=None) == (log, None)
    assert page(log, limit=None, before=before) == (log[: before - 1], None)


@given(logs(), st.data())
def test_who_skips_all_at_once_is_told_the_same_afterwards(events: list[Event], data: st.DataObject) -> None:
    log = record(events)
    place = data.draw(st.integers(0, len(log)))
    each, at_once = Story(), Story()
    for known in log[:place]:
        each.skip(known)
    at_once.skip_all(log[:place])
    assert [at_once.tell(new) for new in log[place:]] == [each.tell(new) for new in log[place:]]
