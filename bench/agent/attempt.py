"""One attempt at one task: project, files, turn, judge."""

import secrets
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
from bench.agent.builder import Builder, Trouble
from bench.agent.place import Place
from bench.agent.task import Task

CLEAN_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Of one conversation. Tokens as the provider counted them, cached or not; ``cost`` is in US dollars."""

    model: str = ""
    steps: int = 0
    tool_errors: int = 0
    tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """``error``: the attempt says nothing about the model, for the builder or the provider failed."""

    task: str
    number: int
    status: Literal["solved", "unsolved", "error"]
    why: str = ""
    seconds: float = 0.0
    used: Used = field(default_factory=Used)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where attempts are made, and how: ``time_limit`` is in seconds for a turn; ``keep`` leaves the projects."""

    builder: Builder
    place: Place
    time_limit: float
    keep: bool = False

    async def attempt(self, task: Task, number: int) -> Result:
        """Raises Trouble and Unreachable."""
        async with self._project(task) as (project, directory):
            await self.place.put(task.start, directory)
            await self.place.prepare(task, directory)
            session = await self.builder.session(project)
            began = time.monotonic()
            outcome, detail = await self._turn(session, task)
            seconds = time.monotonic() - began
            used = usage(await self.builder.messages(session))
            status, why = await self._judged(task, project, directory, outcome, detail)
            return Result(task=task.name, number=number, status=status, why=why, seconds=seconds, used=used)

    async def _turn(self, session: str, task: Task) -> tuple[str, str]:
        try:
            with anyio.move_on_after(self.time_limit):
                return await self.builder.turn(session, task.prompt, task.answers)
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(CLEAN_SECONDS, shield=True):
                await self.builder.abort(session)
            raise
        await self.builder.abort(session)
        return "time", f"It took more than {self.time_limit:g} s."

    async def _judged(
        self, task: Task, project: str, directory: str, outcome: str, detail: str
    ) -> tuple[Literal["solved", "unsolved", "error"], str]:
        match outcome:
            case "done":
                verdict = await self.place.check(task, directory, project)
                return ("solved", "") if verdict.ok else ("unsolved", verdict.said or "the check did not say why")
            case "limit" | "time":
                return "unsolved", detail
            case _:
                return "error", f"The turn ended as {outcome}: {detail}"

    @asynccontextmanager
    async def _project(self, task: Task) -> AsyncIterator[tuple[str, str]]:
        """A new one; deleted with all that it runs, unless it is to be kept."""
        project, directory = await self.builder.project(f"eval-{task.name}-{secrets.token_hex(3)}")
        try:
            yield project, directory
        finally:
            if not self.keep:
                await self._delete(project)

    async def _delete(self, project: str) -> None:
        """What cannot be cleaned up costs no result."""
        why = f"it took more than {CLEAN_SECONDS:g} s"
        with anyio.move_on_after(CLEAN_SECONDS, shield=True):
            try:
                await self.builder.delete(project)
            except Trouble as error:
                why = str(error)
            else:
                return
        print(f"The project {project} stays: {why}", file=sys.stderr)


def usage(messages: Sequence[dict[str, Any]]) -> Used:
    """What a conversation took, without its summaries. Pure."""
    replies = [each for each in messages if each["role"] == "assistant"]
    return Used(
        model=f"{replies[-1]['provider']}/{replies[-1]['model']}" if replies else "",
        steps=len(replies),
        tool_errors=sum(each["isError"] for each in messages if each["role"] == "toolResult"),
        tokens=sum(each["usage"]["totalTokens"] for each in replies),
        cost=sum(each["usage"]["cost"]["total"] for each in replies),
    )
