from hypothesis import given

from appx.domain.events import Event
from appx.domain.messages import Text, Thinking
from appx.sessions.codec import decode_draft, decode_event, encode_draft, encode_event
from tests.fakes.logs import REF, logs


@given(logs())
def test_what_was_stored_comes_back_as_it_was(events: list[Event]) -> None:
    assert [decode_event(encode_event(event)) for event in events] == events


def test_a_draft_comes_back_as_it_was() -> None:
    blocks = (Thinking(text="hm", signature="s"), Text(text="naïve ☃"))
    assert decode_draft(encode_draft(REF, blocks)) == (REF, blocks)
