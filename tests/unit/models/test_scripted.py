"""A scripted model streams what its plan says."""

import pytest

from appx.domain.deltas import CallDelta, Delta, TextDelta
from appx.domain.ids import CallId
from appx.domain.messages import Reply, Text, ToolCall, UserMessage
from appx.models.model import ModelFailed, Request
from appx.models.scripted import DEMO, Broken, ScriptedModel, calling, in_order, saying

pytestmark = pytest.mark.anyio


def request(*messages: UserMessage | Reply) -> Request:
    return Request(system="", messages=messages, tools=(), thinking="off", session="s")


async def test_the_sum_of_the_deltas_is_the_reply() -> None:
    call = ToolCall(id=CallId("c1"), name="bash", arguments={"command": "ls"})
    deltas: list[Delta] = []
    reply = await ScriptedModel(in_order(calling(call, text="I look. " * 9)), piece=7).reply(request(), deltas.append)

    assert "".join(delta.text for delta in deltas if isinstance(delta, TextDelta)) == reply.text
    assert "".join(delta.text for delta in deltas if isinstance(delta, CallDelta)) == '{"command": "ls"}'
    assert [delta.index for delta in deltas] == sorted(delta.index for delta in deltas)
    assert reply.usage.output > 0
    assert reply.usage.cost.total == 0


async def test_steps_come_in_order_of_the_replies_before() -> None:
    model = ScriptedModel(in_order(saying("one"), saying("two")), remember=True)
    first = await model.reply(request(UserMessage(text="go")), lambda _: None)
    second = await model.reply(request(UserMessage(text="go"), first), lambda _: None)
    assert (first.text, second.text) == ("one", "two")
    assert len(model.asked) == 2


async def test_a_broken_stream_is_shown_up_to_where_it_broke() -> None:
    deltas: list[Delta] = []
    broken = Broken(blocks=(Text(text="half a "),), failure=ModelFailed("gone", again=True))
    with pytest.raises(ModelFailed, match="gone"):
        await ScriptedModel(in_order(broken)).reply(request(), deltas.append)
    assert deltas == [TextDelta(index=0, text="half a ")]


async def test_the_demo_is_the_model_that_replies() -> None:
    assert (await ScriptedModel(in_order(saying("hi"))).reply(request(), lambda _: None)).model == DEMO
