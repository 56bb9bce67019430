"""The agent loop: ask the model, run the tools that it calls, until it calls none."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import anyio

from appx.agent import circles
from appx.agent.compaction import Plan, instructions, plan
from appx.agent.window import Window, tokens_of
from appx.domain.deltas import Delta
from appx.domain.events import (
    Compacted,
    CompactionFailed,
    CompactionReason,
    CompactionStarted,
    Event,
    ModelReplied,
    Outcome,
    RetryEnded,
    RetryStarted,
    ToolFinished,
    ToolStarted,
    Warned,
)
from appx.domain.ids import CallId, SessionId, TurnId, uuid7
from appx.domain.messages import Block, Message, ModelRef, Reply, ThinkingLevel, Usage
from appx.models.model import Model, ModelFailed, Request
from appx.tools.tool import Toolbox

RETRY_SECONDS = (2.0, 4.0, 8.0)
MAX_RETRY_AFTER = 60.0


class Turn(Protocol):
    """What a turn gives the loop: its conversation, and ears for what happens."""

    id: TurnId
    session: SessionId

    def events(self) -> Sequence[Event]:
        """The log of the session."""
        ...

    def messages(self) -> Sequence[Message]:
        """The conversation as the model is to be sent it, with all that was emitted."""
        ...

    async def emit(self, *events: Event) -> None: ...

    async def deliver(self) -> bool:
        """Move prompts that waited for the step into the conversation. Answers whether there were any."""
        ...

    async def check(self) -> None:
        """Before each question to a model. Raises LimitReached when no more may be spent."""
        ...

    def begin_reply(self, model: ModelRef) -> None: ...

    def on_delta(self, delta: Delta) -> None: ...

    def seen(self) -> tuple[Block, ...]:
        """The text and thoughts that came so far of the reply that has begun."""
        ...

    def on_usage(self, usage: Usage) -> None: ...

    def unpaid(self) -> Usage:
        """What the provider counted since the last fact that says it."""
        ...

    def show(self, call: CallId, tail: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A model, its tools and its instructions.

    ``max_steps`` bounds the replies of one turn. ``warnings``: what people are told when it begins.
    ``retry_seconds``: how long to wait before each further attempt.
    """

    ref: ModelRef
    model: Model
    thinking: ThinkingLevel
    toolbox: Toolbox
    system: str
    window: Window
    max_steps: int
    warnings: tuple[str, ...] = ()
    retry_seconds: tuple[float, ...] = RETRY_SECONDS

    async def run_turn(self, turn: Turn) -> Outcome:
        """Work until there is nothing left to answer. Facts are emitted as they happen.

        Raises ModelFailed when the provider fails for good, LimitReached when it may not go on. Cancellation passes
        through: the session, which owns the turn, ends it.
        """
        if self.warnings:
            await turn.emit(*(Warned(turn=turn.id, id=uuid7(), sentence=each) for each in self.warnings))
        for _ in range(self.max_steps):
            before = turn.messages()
            reply = await self._reply(turn)
            refused = circles.refusal(before, reply.calls)
            for call in reply.calls:
                await turn.emit(ToolStarted(turn=turn.id, call=call))
                result = refused or await self.toolbox.run(call, partial(turn.show, call.id))
                await turn.emit(ToolFinished(turn=turn.id, call_id=call.id, tool=call.name, result=result))
            if not await turn.deliver() and circles.rests(turn.messages()):
                return "done"
        return "limit"

    async def compact(self, turn: Turn, reason: CompactionReason) -> bool:
        """Put a summary in the place of the older part of the conversation. False when that cannot be; it is said why.

        A compaction that a person asked for was recorded as started when they did.
        """
        planned = plan(turn.events(), self.window)
        if planned is None:
            if reason == "manual":
                nothing = "There is nothing to summarise yet: the conversation is short."
                await turn.emit(CompactionFailed(turn=turn.id, reason=reason, error=nothing))
            return False
        await turn.check()
        if reason != "manual":
            await turn.emit(CompactionStarted(turn=turn.id, reason=reason))
        before = tokens_of(self.system, turn.messages())
        try:
            reply = await self._summarise(turn, planned)
        except ModelFailed as failure:
            paid = turn.unpaid()
            await turn.emit(
                CompactionFailed(turn=turn.id, reason=reason, error=str(failure), model=self.ref, usage=paid)
            )
            return False
        await turn.emit(
            Compacted(
                turn=turn.id,
                reason=reason,
                summary="\n\n".join(part for part in (reply.text.strip(), planned.files) if part),
                first_kept=planned.first_kept,
                tokens_before=before,
                model=self.ref,
                usage=reply.usage,
            )
        )
        return True

    async def _summarise(self, turn: Turn, planned: Plan) -> Reply:
        request = Request(
            system=instructions(),
            messages=[planned.ask],
            tools=(),
            thinking="off",
            session=turn.session,
            on_usage=turn.on_usage,
        )
        reply = await self.model.reply(request, lambda _: None)
        if not reply.text.strip():
            raise ModelFailed("The model gave no summary.")
        return reply

    async def _reply(self, turn: Turn) -> Reply:
        """The next reply, with room for it: what is too long is compacted first, or when the provider says so."""
        if self.window.is_full(tokens_of(self.system, turn.messages())):
            await self.compact(turn, "threshold")
        try:
            return await self._ask(turn)
        except ModelFailed as failure:
            if not (failure.overflow and await self.compact(turn, "overflow")):
                raise
        return await self._ask(turn)

    async def _ask(self, turn: Turn) -> Reply:
        """One reply; a failed attempt is recorded, then tried again while that may help."""
        for attempt in range(len(self.retry_seconds) + 1):
            try:
                reply = await self._ask_once(turn)
            except ModelFailed as failure:
                await turn.emit(ModelReplied(turn=turn.id, reply=self._failed(turn, failure)))
                if not failure.again or attempt == len(self.retry_seconds):
                    if attempt:
                        await turn.emit(RetryEnded(turn=turn.id, ok=False, attempt=attempt, error=str(failure)))
                    raise
                await self._wait(turn, failure, attempt)
            else:
                ended = [RetryEnded(turn=turn.id, ok=True, attempt=attempt)] if attempt else []
                await turn.emit(ModelReplied(turn=turn.id, reply=reply), *ended)
                return reply
        raise AssertionError("the last attempt returns or raises")

    async def _ask_once(self, turn: Turn) -> Reply:
        await turn.check()
        turn.begin_reply(self.ref)
        request = Request(
            system=self.system,
            messages=circles.nudged(turn.messages()),
            tools=self.toolbox.specs,
            thinking=self.thinking,
            session=turn.session,
            on_usage=turn.on_usage,
        )
        return await self.model.reply(request, turn.on_delta)

    def _failed(self, turn: Turn, failure: ModelFailed) -> Reply:
        return Reply(model=self.ref, blocks=turn.seen(), usage=turn.unpaid(), stop="error", error=str(failure))

    async def _wait(self, turn: Turn, failure: ModelFailed, attempt: int) -> None:
        asked = failure.retry_after
        delay = self.retry_seconds[attempt] if asked is None else min(asked, MAX_RETRY_AFTER)
        await turn.emit(
            RetryStarted(
                turn=turn.id,
                attempt=attempt + 1,
                max_attempts=len(self.retry_seconds),
                delay_ms=int(delay * 1000),
                error=str(failure),
            )
        )
        await anyio.sleep(delay)
