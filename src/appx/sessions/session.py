"""A session: one conversation with one agent. One task drives it; requests only leave facts in its log."""

import logging
import math
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias, TypedDict

import anyio

from appx.agent.loop import Agent
from appx.domain.conversation import conversation
from appx.domain.deltas import Delta
from appx.domain.errors import AppxError, Conflict, Invalid, NotFound
from appx.domain.events import (
    CheckpointFailed,
    CheckpointTaken,
    CompactionStarted,
    Event,
    ModelChosen,
    ModelReplied,
    Outcome,
    PromptDelivered,
    PromptQueued,
    QuestionAnswered,
    QuestionAsked,
    QueueCleared,
    TurnEnded,
    TurnStarted,
)
from appx.domain.ids import CallId, QuestionId, SessionId, TurnId, uuid7
from appx.domain.limits import LimitReached, Limits, too_long, too_many_steps, used_up
from appx.domain.messages import Block, Message, ModelRef, Usage, UserMessage
from appx.domain.questions import Answer, Ask, Question, misfit
from appx.sessions.closing import closing, open_compaction
from appx.sessions.keeping import unkept
from appx.sessions.log import SessionLog
from appx.sessions.questions import answer_to, pending
from appx.sessions.queue import Queue, waiting
from appx.sessions.row import SessionRow

logger = logging.getLogger(__name__)

DRAFT_SECONDS = 0.4
"""How often the text so far of a running reply is stored; a crash loses at most this much and one write."""

STORE_AGAIN_SECONDS = 1.0

NO_MODEL = ModelRef(provider="none", id="none", api="none")

OpenAgent: TypeAlias = Callable[[SessionRow, ModelChosen | None, Ask], Awaitable[Agent]]
"""Make the agent of a turn, from the settings and files as they are now. Raises AppxError with the reason."""

TakeCheckpoint: TypeAlias = Callable[[SessionRow, TurnStarted], Awaitable[str]]
"""Keep the project's files as they are after a turn. Answers the id; empty when none changed. Raises AppxError."""


class Session:
    """Prompts in, facts out. ``run`` is the one task; it must run for prompts to be answered."""

    def __init__(
        self, *, log: SessionLog, open_agent: OpenAgent, take_checkpoint: TakeCheckpoint, limits: Limits
    ) -> None:
        self.log = log
        self._limits = limits
        self._open_agent = open_agent
        self._take_checkpoint = take_checkpoint
        self._scope: anyio.CancelScope | None = None
        self._aborted: TurnId | None = None
        self._wake = anyio.Event()

    @property
    def chosen(self) -> ModelChosen | None:
        """The settings of the session; None until somebody chose."""
        return next((event for event in reversed(self.log.events) if isinstance(event, ModelChosen)), None)

    @property
    def queue(self) -> Queue:
        """The prompts that wait."""
        return waiting(self.log.events)

    async def prompt(self, message: UserMessage, *, follow_up: bool = False) -> None:
        """Store the prompt: it begins a turn, or waits while one runs. The model is asked later.

        It waits for the end of the current step; a ``follow_up`` for that of the turn, and of its like before it.
        """

        await self.log.append_if(lambda: self._prompted(message, follow_up=follow_up))
        self._wake.set()

    def _prompted(self, message: UserMessage, *, follow_up: bool = False) -> tuple[Event, ...]:
        if self.log.row.turn is not None:
            return (PromptQueued(prompt=message, follow_up=follow_up),)
        if follow_up and (earlier := self.queue.follow_up):
            return (PromptQueued(prompt=message, follow_up=True), *_next_turn(earlier))
        return (TurnStarted(turn=TurnId(uuid7()), prompt=message),)

    async def clear_queue(self) -> Queue:
        """Take back the prompts that wait, and answer them."""
        taken = Queue()

        def decide() -> tuple[Event, ...]:
            nonlocal taken
            taken = self.queue
            return () if taken == Queue() else (QueueCleared(),)

        await self.log.append_if(decide)
        return taken

    @property
    def questions(self) -> dict[QuestionId, Question]:
        """What the agent asked and nobody answered yet, oldest first."""
        return {each: asked.question for each, asked in pending(self.log.events).items()}

    async def answer(self, question: QuestionId, answer: Answer) -> None:
        """Answer a question of the agent. When its turn was interrupted meanwhile, the answer becomes a prompt.

        Raises NotFound when nobody waits for it, Invalid when it does not fit.
        """

        def decide() -> tuple[Event, ...]:
            asked = pending(self.log.events).get(question)
            if asked is None:
                raise NotFound("question not found: it was answered or cancelled, or never asked")
            problem = misfit(asked.question, answer)
            if problem:
                raise Invalid(problem)
            answered = QuestionAnswered(id=question, answer=answer)
            if answer.cancelled or asked.turn == self.log.row.turn:
                return (answered,)
            return (answered, *self._prompted(answer_to(asked.question, answer)))

        await self.log.append_if(decide)
        self._wake.set()

    async def choose(self, chosen: ModelChosen) -> None:
        """Change the model from the next turn on. Raises Conflict while a turn runs."""

        def decide() -> tuple[Event, ...]:
            if self.log.row.turn is not None:
                raise Conflict("The session is running. Wait for the end of the turn, or abort it.")
            return (chosen,)

        await self.log.append_if(decide)

    async def compact(self) -> None:
        """Have the older part of the conversation summarised, as a turn of its own. Raises Conflict while one runs."""

        def decide() -> tuple[Event, ...]:
            if self.log.row.turn is not None:
                raise Conflict("The session is running. Wait for the end of the turn, or abort it.")
            return (CompactionStarted(turn=TurnId(uuid7()), reason="manual"),)

        await self.log.append_if(decide)
        self._wake.set()

    async def abort(self) -> None:
        """End the running turn, if there is one, and return when its end is stored. Raises why it cannot be stored now.

        Queued prompts wait for the next prompt: who stops the agent does not want it to begin anew.
        """
        turn = self.log.row.turn
        self._aborted = turn
        while turn is not None and self.log.row.turn == turn and not self.log.over:
            if self._scope is not None:
                self._scope.cancel()
            if self.log.trouble is not None:
                raise self.log.trouble
            await self.log.changed()

    async def run(self) -> None:
        """Drive turns one after the other, until cancelled. The server's task group owns this."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._save_drafts)
            await self._keep_files(only_interrupted=True)
            while True:
                if self.log.row.turn is None:
                    await self._wake.wait()
                self._wake = anyio.Event()
                if self.log.row.turn is not None:
                    await self._run_turn(self.log.row.turn)
                    await self._keep_files()

    async def _run_turn(self, turn_id: TurnId) -> None:
        turn = LiveTurn(id_=turn_id, log=self.log, limits=self._limits)
        ended = False
        while not ended:
            outcome: Outcome = "interrupted"
            detail = "The server was stopped. Prompt again to go on."
            try:
                outcome, detail = await self._try(turn)
            finally:
                ended = await self._end(turn, outcome, detail)

    async def _try(self, turn: "LiveTurn") -> tuple[Outcome, str]:
        """Work, and say how it ended."""
        try:
            with turn.timed() as self._scope:
                if self._aborted == turn.id:
                    self._scope.cancel()
                compacting = open_compaction(self.log.events) is not None
                if not compacting:
                    await turn.deliver()
                agent = await self._open_agent(self.log.row, self.chosen, turn.ask)
                if compacting:
                    await agent.compact(turn, "manual")
                    return "done", ""
                outcome = await agent.run_turn(turn)
                return outcome, "" if outcome == "done" else too_many_steps(agent.max_steps)
        except LimitReached as limit:
            return "limit", str(limit)
        except AppxError as error:
            return "failed", str(error)
        except Exception:
            logger.exception("turn %s of session %s failed", turn.id, self.log.row.id)
            return "failed", f"Something is wrong in appx itself. The server's log tells more, see turn {turn.id}."
        finally:
            self._scope = None
        if self._aborted != turn.id:
            return "limit", too_long(self._limits.minutes)
        return "stopped", "Stopped."

    async def _end(self, turn: "LiveTurn", outcome: Outcome, detail: str) -> bool:
        """Store the end of the turn; False when a prompt came in the last moment and the turn goes on."""

        def decide() -> tuple[Event, ...]:
            late = self.queue if outcome == "done" else Queue()
            if late.steering:
                return tuple(PromptDelivered(turn=turn.id, prompt=prompt) for prompt in late.steering)
            end = closing(self.log.events, turn=turn.id, outcome=outcome, detail=detail, **self._unsaid())
            return (*end, *_next_turn(late.follow_up))

        while True:
            try:
                with anyio.CancelScope(shield=True):
                    events = await self.log.append_if(decide)
                return any(isinstance(event, TurnEnded) for event in events)
            except NotFound:
                return True
            except AppxError as error:  # a full disk, say: the turn ends as soon as there is room
                logger.error("the end of turn %s cannot be stored: %s", turn.id, error)  # noqa: TRY400  no defect
                self.log.trouble = error
                self.log.touch()
                await anyio.sleep(STORE_AGAIN_SECONDS)

    def _unsaid(self) -> "Unsaid":
        draft, usage = self.log.draft, self.log.unpaid
        if draft is None:
            return {"model": last_model(self.log.events), "seen": (), "usage": usage}
        return {"model": draft.model, "seen": draft.words(), "usage": usage}

    async def _keep_files(self, *, only_interrupted: bool = False) -> None:
        """A checkpoint of what the last turn did. The turn has ended for people; the next one begins after this."""
        turn = unkept(self.log.events, only_interrupted=only_interrupted)
        if turn is None:
            return
        fact: Event | None
        try:
            taken = await self._take_checkpoint(self.log.row, turn)
            fact = CheckpointTaken(turn=turn.turn, checkpoint=taken) if taken else None
        except AppxError as error:
            fact = CheckpointFailed(turn=turn.turn, error=str(error))
        try:
            if fact is not None:
                await self.log.append(fact)
        except AppxError as error:  # it stays in the project's list of checkpoints
            logger.warning("the checkpoint of turn %s is not stored in its log: %s", turn.turn, error)

    async def _save_drafts(self) -> None:
        """Store the text so far while a reply comes in."""
        while True:
            if not self.log.unsaved:  # what came during the last save must not wait for more
                await self.log.changed()
            await anyio.sleep(DRAFT_SECONDS)
            try:
                await self.log.save_draft()
            except AppxError as error:
                logger.warning("the text so far of session %s is not stored: %s", self.log.row.id, error)
                await anyio.sleep(STORE_AGAIN_SECONDS)


class Unsaid(TypedDict):
    """Who was answering when a turn ended, what people saw of the answer, and what that took."""

    model: ModelRef
    seen: tuple[Block, ...]
    usage: Usage


class LiveTurn:
    """The running turn, as the agent loop sees it."""

    def __init__(self, *, id_: TurnId, log: SessionLog, limits: Limits) -> None:
        self.id = id_
        self.session: SessionId = log.row.id
        self._log = log
        self._limits = limits
        self._scope = anyio.CancelScope(deadline=anyio.current_time() + 60 * limits.minutes)

    @contextmanager
    def timed(self) -> Iterator[anyio.CancelScope]:
        """A scope that is cancelled when the minutes of the turn are over."""
        with anyio.CancelScope(deadline=self._scope.deadline) as self._scope:
            yield self._scope

    @contextmanager
    def _untimed(self) -> Iterator[None]:
        """The minutes do not go by: a person takes as long as they like."""
        left = self._scope.deadline - anyio.current_time()
        self._scope.deadline = math.inf
        try:
            yield
        finally:
            self._scope.deadline = anyio.current_time() + left

    def events(self) -> Sequence[Event]:
        return self._log.events

    def messages(self) -> Sequence[Message]:
        return conversation(self._log.events)

    async def emit(self, *events: Event) -> None:
        await self._log.append(*events)

    async def deliver(self) -> bool:
        def decide() -> tuple[Event, ...]:
            steering = waiting(self._log.events).steering
            return tuple(PromptDelivered(turn=self.id, prompt=prompt) for prompt in steering)

        return bool(await self._log.append_if(decide))

    async def check(self) -> None:
        session, day = await self._log.spent()
        reason = used_up(self._limits, session=session, day=day)
        if reason:
            raise LimitReached(reason)

    async def ask(self, question: Question) -> Answer:
        """Ask the person, and wait for the answer."""
        asked = QuestionAsked(turn=self.id, id=QuestionId(uuid7()), question=question)
        await self.emit(asked)
        seen = len(self._log.records)
        with self._untimed():
            while True:
                for record in self._log.records[seen:]:
                    if isinstance(record.event, QuestionAnswered) and record.event.id == asked.id:
                        return record.event.answer
                seen = len(self._log.records)
                await self._log.changed()

    def begin_reply(self, model: ModelRef) -> None:
        self._log.begin_draft(model)

    def on_delta(self, delta: Delta) -> None:
        if self._log.draft is not None:
            self._log.draft.add(delta)
            self._log.touch()

    def seen(self) -> tuple[Block, ...]:
        return self._log.draft.words() if self._log.draft else ()

    def on_usage(self, usage: Usage) -> None:
        self._log.unpaid = usage

    def unpaid(self) -> Usage:
        return self._log.unpaid

    def show(self, call: CallId, tail: str) -> None:
        self._log.tails[call] = tail
        self._log.touch()


def _next_turn(follow_up: Sequence[UserMessage]) -> tuple[Event, ...]:
    """The beginning of the turn for the first prompt that waited for the end of one, if there is any."""
    return tuple(TurnStarted(turn=TurnId(uuid7()), prompt=prompt, follow_up=True) for prompt in follow_up[:1])


def last_model(events: Sequence[Event]) -> ModelRef:
    """Who answered last; ``NO_MODEL`` when nobody did."""
    return next((event.reply.model for event in reversed(events) if isinstance(event, ModelReplied)), NO_MODEL)
