"""Logs of sessions for property tests: well formed, of any shape, and cut anywhere."""

from collections.abc import Sequence
from datetime import UTC, datetime

from hypothesis import strategies as st

from appx.domain.events import (
    Event,
    ModelReplied,
    PromptDelivered,
    PromptQueued,
    RetryEnded,
    RetryStarted,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnStarted,
    Warned,
)
from appx.domain.ids import CallId, TurnId
from appx.domain.messages import (
    Cost,
    ModelRef,
    Reply,
    StopReason,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    UserMessage,
)

AT = datetime(2026, 11, 24, tzinfo=UTC)
REF = ModelRef(provider="scripted", id="demo", api="scripted")


def _failed(turn: TurnId, words: str) -> list[Event]:
    return [
        ModelReplied(turn=turn, reply=Reply(model=REF, blocks=(Text(text=words),), stop="error", error="overloaded")),
        RetryStarted(turn=turn, attempt=1, max_attempts=3, delay_ms=2000, error="overloaded"),
    ]


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """Some whole turns: failed attempts, steps with calls, prompts that waited for the step or for the turn."""
    events: list[Event] = []
    follow_up = False
    for number in range(draw(st.integers(1, 3))):
        turn = TurnId(f"t{number}")
        prompt = UserMessage(text=draw(st.text(max_size=5)))
        if follow_up:
            events.insert(-1, PromptQueued(prompt=prompt, follow_up=True))
        events.append(TurnStarted(turn=turn, prompt=prompt, follow_up=follow_up))
        if draw(st.booleans()):
            events.append(Warned(turn=turn, id=f"w{number}", sentence="Something does not work."))
        steps = draw(st.integers(1, 3))
        for step in range(steps):
            retried = draw(st.booleans())
            if retried:
                events += _failed(turn, draw(st.text(max_size=5)))
            count = draw(st.integers(1, 3)) if step < steps - 1 else 0
            calls = tuple(
                ToolCall(id=CallId(f"{turn}-{step}-{n}"), name="bash", arguments={"command": "true"})
                for n in range(count)
            )
            words = (Thinking(text="hm"), Text(text=draw(st.text(max_size=5))))
            stop: StopReason = "toolUse" if calls else "stop"
            usage = Usage(input=draw(st.integers(0, 9)), cost=Cost(input=draw(st.integers(0, 9)) / 8))
            reply = Reply(model=REF, blocks=(*words, *calls), usage=usage, stop=stop)
            events.append(ModelReplied(turn=turn, reply=reply))
            if retried:
                events.append(RetryEnded(turn=turn, ok=True, attempt=1))
            events += draw(_called(turn, calls))
        events.append(TurnEnded(turn=turn, outcome="done"))
        follow_up = draw(st.booleans())
    return events


@st.composite
def _called(draw: st.DrawFn, turn: TurnId, calls: Sequence[ToolCall]) -> list[Event]:
    events: list[Event] = []
    for call in calls:
        events.append(ToolStarted(turn=turn, call=call))
        result = ToolResult(ok=draw(st.booleans()), text=draw(st.text(max_size=5)))
        events.append(ToolFinished(turn=turn, call_id=call.id, tool=call.name, result=result))
    if draw(st.booleans()) and calls:
        late = UserMessage(text="and this")
        events += [PromptQueued(prompt=late), PromptDelivered(turn=turn, prompt=late)]
    return events
