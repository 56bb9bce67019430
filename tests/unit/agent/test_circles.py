"""A model that gets nowhere is told so, and its turn ends in a sentence."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.agent.circles import (
    GO_ON,
    MAX_EMPTY,
    MAX_REFUSED,
    MAX_SAME,
    REFUSED,
    nudged,
    refusal,
    rests,
)
from appx.domain.events import ModelReplied, ToolFinished, TurnStarted
from appx.domain.ids import CallId
from appx.domain.limits import LimitReached
from appx.domain.messages import Message, Reply, Text, Thinking, ToolCall, ToolMessage, ToolResult, UserMessage
from appx.models.model import ModelFailed
from appx.models.scripted import DEMO, calling, saying
from tests.unit.agent.test_loop import TURN, FakeTurn, agent

pytestmark = pytest.mark.anyio

ASKED = UserMessage(text="go")
THOUGHT = Reply(model=DEMO, blocks=(Thinking(text="Hm."), Text(text="\n")))


def call(number: int, text: str = "x") -> ToolCall:
    return ToolCall(id=CallId(f"c{number}"), name="echo", arguments={"text": text})


def step(number: int, text: str = "x", result: str = "x") -> list[Message]:
    made = call(number, text)
    return [calling(made), ToolMessage(call_id=made.id, tool="echo", result=ToolResult(ok=True, text=result))]


def steps(*results: str) -> list[Message]:
    """The same call again and again, with these results."""
    return [ASKED, *(message for number, result in enumerate(results) for message in step(number, result=result))]


@given(st.lists(st.sampled_from("ab"), max_size=2 * MAX_SAME))
def test_a_call_is_refused_when_its_last_results_were_all_the_same(results: Sequence[str]) -> None:
    last = results[-MAX_SAME:]
    same = len(last) == MAX_SAME and len(set(last)) == 1
    assert (refusal(steps(*results), [call(99)]) == REFUSED) is same


def test_another_call_between_or_a_word_of_a_person_begins_anew() -> None:
    before = steps(*"a" * MAX_SAME)
    assert refusal(before, [call(99)])
    assert not refusal(before, [call(99, "y")])
    assert not refusal([*before, *step(98, "y")], [call(99)])
    assert not refusal([*before, ASKED], [call(99)])


def test_calls_that_go_round_in_one_reply_are_seen() -> None:
    before: list[Message] = [ASKED]
    for _ in range(MAX_SAME):
        before += [calling(call(1, "x"), call(2, "y"))]
        before += [message for number in (1, 2) for message in step(number)[1:]]
    assert refusal(before, [call(3, "x"), call(4, "y")])
    assert not refusal(before, [call(4, "y"), call(3, "x")])


async def test_a_model_that_repeats_a_call_is_told_and_when_it_goes_on_the_turn_ends() -> None:
    turn = FakeTurn()
    made, model = agent(*[calling(call(number)) for number in range(99)], max_steps=50)
    with pytest.raises(LimitReached, match="again and again \\(echo\\)"):
        await made.run_turn(turn)
    results = [event.result for event in turn.of(ToolFinished)]
    assert results == [ToolResult(ok=True, text="x")] * MAX_SAME + [REFUSED] * MAX_REFUSED
    assert len(model.asked) == len(results), "every call has a result"


async def test_a_model_that_listens_goes_on() -> None:
    turn = FakeTurn()
    repeated = [calling(call(number)) for number in range(MAX_SAME + 1)]
    made, _ = agent(*repeated, calling(call(90, "y")), saying("Done."), max_steps=50)
    assert await made.run_turn(turn) == "done"
    assert [event.result.ok for event in turn.of(ToolFinished)] == [True] * MAX_SAME + [False, True]


@pytest.mark.parametrize("empty", [saying(""), saying(" \n"), THOUGHT])
async def test_an_empty_reply_gets_a_second_chance_and_a_word(empty: Reply) -> None:
    turn = FakeTurn()
    made, model = agent(empty, saying("Here I am."))
    assert await made.run_turn(turn) == "done"
    assert [GO_ON in request.messages for request in model.asked] == [False, True]
    assert GO_ON not in turn.messages(), "it is said to the model, not stored"


async def test_a_model_that_says_nothing_again_and_again_fails() -> None:
    turn = FakeTurn()
    made, model = agent(*[saying("")] * 9)
    with pytest.raises(ModelFailed, match="3 empty replies"):
        await made.run_turn(turn)
    assert len(model.asked) == len(turn.of(ModelReplied)) == MAX_EMPTY


async def test_the_next_prompt_works_as_if_nothing_had_been() -> None:
    turn = FakeTurn()
    with pytest.raises(ModelFailed):
        await agent(*[saying("")] * MAX_EMPTY)[0].run_turn(turn)
    turn.log.append(TurnStarted(turn=TURN, prompt=UserMessage(text="again")))
    made, model = agent(*[saying("")] * MAX_EMPTY, saying("Yes?"))
    assert await made.run_turn(turn) == "done"
    assert GO_ON not in model.asked[0].messages


def test_the_word_comes_only_after_an_empty_reply() -> None:
    rested: list[list[Message]] = [[], [ASKED], [ASKED, saying("Hi")], [ASKED, saying(""), ASKED], steps("a")]
    for messages in rested:
        assert list(nudged(messages)) == messages
    assert nudged([ASKED, saying("")])[-1] == GO_ON
    assert rests([ASKED, saying("Hi")])
    assert not rests(steps("a"))
