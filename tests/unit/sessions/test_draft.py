from hypothesis import given
from hypothesis import strategies as st

from appx.domain.deltas import CallDelta, TextDelta, ThinkingDelta
from appx.domain.ids import CallId
from appx.domain.messages import Text, Thinking, ToolCall
from appx.models.scripted import deltas
from appx.sessions.draft import Draft, arguments_so_far
from tests.fakes.logs import AT, REF

BLOCKS = st.lists(
    st.one_of(
        st.builds(Text, text=st.text(min_size=1)),
        st.builds(Thinking, text=st.text(min_size=1), signature=st.none()),
        st.builds(
            ToolCall,
            id=st.just(CallId("c")),
            name=st.just("bash"),
            arguments=st.dictionaries(st.text(max_size=3), st.text()),
        ),
    ),
    max_size=4,
).map(tuple)


@given(BLOCKS, st.integers(1, 5))
def test_the_sum_of_the_deltas_is_the_reply(blocks: tuple[Text | Thinking | ToolCall, ...], piece: int) -> None:
    draft = Draft(number=1, model=REF, at=AT)
    for delta in deltas(blocks, piece):
        draft.add(delta)
    assert draft.so_far() == blocks


def test_calls_that_did_not_run_are_not_among_the_words() -> None:
    draft = Draft(number=1, model=REF, at=AT)
    draft.add(ThinkingDelta(index=0, text="hm"))
    draft.add(TextDelta(index=1, text="I write"))
    draft.add(CallDelta(index=2, id=CallId("c"), name="write", text='{"pa'))
    assert draft.words() == (Thinking(text="hm"), Text(text="I write"))


def test_arguments_can_be_seen_before_they_are_whole() -> None:
    assert arguments_so_far('{"path": "index.html", "content": "<h1>He') == {
        "path": "index.html",
        "content": "<h1>He",
    }
    assert arguments_so_far("") == {}
    assert arguments_so_far("[1") == {}
