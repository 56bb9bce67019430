"""The loop asks, runs, records and asks again, until a reply has no call, and nothing that a model says breaks it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from appx.agent.loop import MAX_RETRY_AFTER, Agent
from appx.agent.window import Window
from appx.domain.conversation import conversation
from appx.domain.deltas import Delta
from appx.domain.errors import Unavailable
from appx.domain.events import (
    Event,
    ModelReplied,
    PromptDelivered,
    RetryEnded,
    RetryStarted,
    ToolFinished,
    ToolStarted,
    TurnStarted,
)
from appx.domain.ids import CallId, SessionId, TurnId
from appx.domain.limits import LimitReached
from appx.domain.messages import (
    Block,
    Message,
    ModelRef,
    Reply,
    Text,
    ToolCall,
    ToolMessage,
    ToolResult,
    Usage,
    UserMessage,
)
from appx.models.model import ModelFailed, Request
from appx.models.scripted import DEMO, Broken, ScriptedModel, Step, calling, in_order, saying
from appx.sessions.draft import Draft
from appx.tools.tool import Show, Tool, Toolbox
from tests.fakes.logs import AT

pytestmark = pytest.mark.anyio

TURN = TurnId("t1")
SESSION = SessionId("s1")
BUSY = ModelFailed("overloaded", again=True, retry_after=0.0)


@dataclass
class FakeTurn:
    """A turn in memory. ``late`` are prompts that wait to be delivered. It ``affords`` so many questions to a model."""

    late: list[str] = field(default_factory=list)
    id: TurnId = TURN
    session: SessionId = SESSION
    log: list[Event] = field(default_factory=lambda: [TurnStarted(turn=TURN, prompt=UserMessage(text="go"))])
    shown: list[tuple[CallId, str]] = field(default_factory=list)
    draft: Draft | None = None
    affords: int = 1_000
    checks: int = 0
    counted: Usage = field(default_factory=Usage)

    def events(self) -> Sequence[Event]:
        return self.log

    def messages(self) -> Sequence[Message]:
        return conversation(self.log)

    async def emit(self, *events: Event) -> None:
        await anyio.lowlevel.checkpoint()
        self.log += events

    async def deliver(self) -> bool:
        await anyio.lowlevel.checkpoint()
        delivered, self.late = self.late, []
        self.log += [PromptDelivered(turn=TURN, prompt=UserMessage(text=text)) for text in delivered]
        return bool(delivered)

    def begin_reply(self, model: ModelRef) -> None:
        self.draft = Draft(number=1, model=model, at=AT)

    def on_delta(self, delta: Delta) -> None:
        assert self.draft is not None
        self.draft.add(delta)

    def seen(self) -> tuple[Block, ...]:
        assert self.draft is not None
        return self.draft.words()

    async def check(self) -> None:
        await anyio.lowlevel.checkpoint()
        self.checks += 1
        if self.checks > self.affords:
            raise LimitReached("The money is gone.")

    def on_usage(self, usage: Usage) -> None:
        self.counted = usage

    def unpaid(self) -> Usage:
        return self.counted

    def show(self, call: CallId, tail: str) -> None:
        self.shown.append((call, tail))

    @property
    def kinds(self) -> list[str]:
        return [event.type for event in self.log[1:]]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.log if isinstance(event, kind)]


class EchoArgs(BaseModel):
    text: str


async def _echo(args: EchoArgs, show: Show) -> ToolResult:
    await anyio.lowlevel.checkpoint()
    if args.text == "fail":
        raise Unavailable("The workbench does not answer.")
    show(args.text[:2])
    return ToolResult(ok=True, text=args.text)


ECHO = Tool(name="echo", description="Say it again.", args=EchoArgs, run=_echo)


def call(number: int = 1, *, name: str = "echo", problem: str = "", **arguments: object) -> ToolCall:
    return ToolCall(id=CallId(f"c{number}"), name=name, arguments=arguments, problem=problem)


def agent(*steps: Step, max_steps: int = 10) -> tuple[Agent, ScriptedModel]:
    model = ScriptedModel(in_order(*steps), remember=True)
    made = Agent(
        ref=DEMO,
        model=model,
        thinking="low",
        toolbox=Toolbox((ECHO,)),
        system="Be brief.",
        window=Window(100_000),
        max_steps=max_steps,
        retry_seconds=(0.0, 0.0, 0.0),
    )
    return made, model


class Failing:
    """Fails as planned, one after the other, showing ``shown`` before; then replies."""

    def __init__(self, *failures: ModelFailed, shown: str = "") -> None:
        self.asked = 0
        self._failures = failures
        self._shown = shown

    async def reply(self, request: Request, on_delta: Any) -> Reply:  # noqa: ANN401
        self.asked += 1
        if self.asked > len(self._failures):
            return saying("done")
        step = Broken(blocks=(Text(text=self._shown),), failure=self._failures[self.asked - 1])
        return await ScriptedModel(lambda _: step).reply(request, on_delta)


def failing(model: Failing, retry_seconds: tuple[float, ...] = (0.0, 0.0, 0.0)) -> Agent:
    return Agent(
        ref=DEMO,
        model=model,
        thinking="off",
        toolbox=Toolbox(()),
        system="",
        window=Window(100_000),
        max_steps=5,
        retry_seconds=retry_seconds,
    )


async def test_a_reply_without_a_call_ends_the_turn() -> None:
    turn = FakeTurn()
    made, model = agent(saying("Hello."))
    assert await made.run_turn(turn) == "done"
    assert turn.kinds == ["model_replied"]
    (request,) = model.asked
    assert (request.system, request.thinking, request.session) == ("Be brief.", "low", "s1")
    assert [tool.name for tool in request.tools] == ["echo"]
    assert request.messages == [UserMessage(text="go")]


async def test_the_calls_of_a_reply_run_in_order_and_are_answered_before_the_model_is_asked_again() -> None:
    turn = FakeTurn()
    made, model = agent(calling(call(1, text="one"), call(2, text="two")), saying("Both."))
    assert await made.run_turn(turn) == "done"
    assert turn.kinds == ["model_replied", *["tool_started", "tool_finished"] * 2, "model_replied"]
    assert [event.call.id for event in turn.of(ToolStarted)] == ["c1", "c2"]
    answers = [each for each in model.asked[1].messages if isinstance(each, ToolMessage)]
    assert [(each.call_id, each.result.text) for each in answers] == [("c1", "one"), ("c2", "two")]
    assert turn.shown == [("c1", "on"), ("c2", "tw")]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (call(name="fly"), "There is no tool 'fly'. There are: echo."),
        (call(), "text: Field required"),
        (call(text=["no"]), "text: "),
        (call(problem="they are not JSON"), "they are not JSON"),
        (call(text="fail"), "The workbench does not answer."),
    ],
)
async def test_a_call_that_cannot_run_is_told_to_the_model_which_goes_on(bad: ToolCall, says: str) -> None:
    turn = FakeTurn()
    made, model = agent(calling(bad), saying("Sorry."))
    assert await made.run_turn(turn) == "done"
    (finished,) = turn.of(ToolFinished)
    assert not finished.result.ok
    assert says in finished.result.text
    assert len(model.asked) == 2


@given(st.integers(1, 6))
def test_a_model_that_never_rests_ends_at_the_limit(max_steps: int) -> None:
    turn = FakeTurn()
    made, model = agent(*[calling(call(n, text="x")) for n in range(10)], max_steps=max_steps)
    assert anyio.run(made.run_turn, turn) == "limit"
    assert len(model.asked) == max_steps
    assert len(turn.of(ToolFinished)) == max_steps, "the calls of the last reply have run: nothing is left open"


async def test_a_prompt_that_came_meanwhile_is_delivered_after_the_calls_of_the_step() -> None:
    turn = FakeTurn(late=["and blue"])
    made, model = agent(calling(call(text="x")), saying("Blue."))
    assert await made.run_turn(turn) == "done"
    assert turn.kinds == ["model_replied", "tool_started", "tool_finished", "prompt_delivered", "model_replied"]
    assert model.asked[1].messages[-1] == UserMessage(text="and blue")


async def test_a_prompt_that_came_with_the_last_reply_keeps_the_turn_going() -> None:
    turn = FakeTurn(late=["one more thing"])
    made, model = agent(saying("Done."), saying("Done again."))
    assert await made.run_turn(turn) == "done"
    assert turn.kinds == ["model_replied", "prompt_delivered", "model_replied"]
    assert len(model.asked) == 2


@given(st.integers(1, 3))
def test_a_failure_that_may_pass_is_tried_again_and_each_attempt_is_recorded(failures: int) -> None:
    turn = FakeTurn()
    model = Failing(*[BUSY] * failures, shown="half a word")
    assert anyio.run(failing(model).run_turn, turn) == "done"
    replies = [event.reply for event in turn.of(ModelReplied)]
    assert [reply.stop for reply in replies] == ["error"] * failures + ["stop"]
    assert all(reply.text == "half a word" and reply.error == "overloaded" for reply in replies[:-1])
    started = turn.of(RetryStarted)
    assert [(event.attempt, event.max_attempts) for event in started] == [(n + 1, 3) for n in range(failures)]
    assert turn.of(RetryEnded) == [RetryEnded(turn=TURN, ok=True, attempt=failures)]
    assert [message.text for message in turn.messages() if isinstance(message, Reply)] == ["done"]


async def test_after_the_last_attempt_the_failure_ends_the_turn() -> None:
    turn = FakeTurn()
    model = Failing(*[BUSY] * 9)
    with pytest.raises(ModelFailed, match="overloaded"):
        await failing(model).run_turn(turn)
    assert model.asked == 4
    assert turn.of(RetryEnded) == [RetryEnded(turn=TURN, ok=False, attempt=3, error="overloaded")]
    assert turn.kinds[-2:] == ["model_replied", "retry_ended"]


async def test_a_failure_that_will_not_pass_is_not_tried_again() -> None:
    turn = FakeTurn()
    model = Failing(ModelFailed("the key is not valid"))
    with pytest.raises(ModelFailed, match="not valid"):
        await failing(model).run_turn(turn)
    assert model.asked == 1
    assert turn.kinds == ["model_replied"]


@pytest.mark.parametrize(
    ("asked", "delay_ms"), [(None, 1), (0.0, 0), (0.005, 5), (3_600.0, int(MAX_RETRY_AFTER * 1000))]
)
async def test_it_waits_as_long_as_the_provider_asks_up_to_a_limit_else_by_its_own_plan(
    asked: float | None, delay_ms: int
) -> None:
    turn = FakeTurn()
    model = Failing(ModelFailed("busy", again=True, retry_after=asked))
    with anyio.move_on_after(0.2):
        await failing(model, retry_seconds=(0.001,)).run_turn(turn)
    (started,) = turn.of(RetryStarted)
    assert started.delay_ms == delay_ms
    assert model.asked == (1 if delay_ms > 200 else 2)


async def test_when_nothing_more_may_be_spent_the_model_is_not_asked() -> None:
    turn = FakeTurn(affords=1)
    made, model = agent(calling(call(text="x")), saying("Done."))
    with pytest.raises(LimitReached, match="money"):
        await made.run_turn(turn)
    assert len(model.asked) == 1
    assert turn.kinds == ["model_replied", "tool_started", "tool_finished"], "what was begun has its result"


async def test_before_an_attempt_is_repeated_it_is_looked_whether_it_can_be_paid() -> None:
    turn = FakeTurn(affords=2)
    model = Failing(*[BUSY] * 9)
    with pytest.raises(LimitReached):
        await failing(model).run_turn(turn)
    assert model.asked == 2


async def test_what_a_failed_attempt_took_is_recorded_with_it() -> None:
    turn = FakeTurn()
    took = Usage(input=100, output=3)
    made, _ = agent(Broken(usage=took, failure=ModelFailed("the filter ended it")))
    with pytest.raises(ModelFailed):
        await made.run_turn(turn)
    (replied,) = turn.of(ModelReplied)
    assert replied.reply.usage == took


async def test_cancelling_passes_through() -> None:
    turn = FakeTurn()
    made, _ = agent(saying("x" * 10_000))
    with anyio.CancelScope() as scope:
        scope.cancel()
        await made.run_turn(turn)
    assert scope.cancelled_caught
    assert turn.kinds == []
