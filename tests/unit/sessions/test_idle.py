"""A session that nobody needs leaves the memory and comes back as it was; one that is needed stays."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from appx.agent.loop import Agent
from appx.domain.errors import NotFound, Unavailable
from appx.domain.events import ModelChosen, TurnEnded
from appx.domain.ids import ProjectId
from appx.domain.messages import UserMessage
from appx.domain.questions import Ask
from appx.kit import clock
from appx.projects import rows as projects
from appx.projects.rows import Project
from appx.sessions.row import SessionRow
from appx.sessions.session import Session
from appx.sessions.sessions import Sessions
from appx.store.database import Database
from tests.fakes.checkpoints import nothing_changed

pytestmark = pytest.mark.anyio

SHOP, OTHER = ProjectId("shop"), ProjectId("other")
IDLE = 0.5


class Agents:
    """Each turn waits until it may fail."""

    def __init__(self) -> None:
        self.may_end = anyio.Event()

    async def open(self, row: SessionRow, chosen: ModelChosen | None, ask: Ask) -> Agent:
        await self.may_end.wait()
        raise NotFound("no agent here")


@asynccontextmanager
async def sessions(path: Path, agents: Agents) -> AsyncIterator[Sessions]:
    database = Database(path / "appx.db")
    for name in (SHOP, OTHER):
        made = Project(id=name, name=name, created_at=clock.now(), directory="/", deployment=None)
        await database.write(lambda db, made=made: projects.insert(db, made))  # type: ignore[misc]
    found = Sessions(database=database, open_agent=agents.open, take_checkpoint=nothing_changed, idle_seconds=IDLE)
    async with anyio.create_task_group() as tasks:
        await tasks.start(found.run)
        yield found
        await found.stop()
    database.close()


async def opened(all_: Sessions, project: ProjectId = SHOP) -> Session:
    row = await all_.create(project)
    return await all_.get(project, row.id)


async def away(session: Session) -> None:
    with anyio.fail_after(5):
        while not session.log.over:
            await session.log.changed()


async def test_an_idle_session_is_put_away_and_comes_back_as_it_was(tmp_path: Path) -> None:
    agents = Agents()
    agents.may_end.set()
    async with sessions(tmp_path, agents) as all_:
        first = await opened(all_)
        await first.prompt(UserMessage(text="hi"))
        await away(first)
        again = await all_.get(SHOP, first.log.row.id)
        assert again is not first
        assert again.log.records == first.log.records
        assert isinstance(again.log.events[-1], TurnEnded)
        await again.prompt(UserMessage(text="once more"))


async def test_who_still_holds_it_adds_nothing(tmp_path: Path) -> None:
    async with sessions(tmp_path, Agents()) as all_:
        session = await opened(all_)
        await away(session)
        with pytest.raises(Unavailable, match="again"):
            await session.prompt(UserMessage(text="hi"))
        assert (await all_.get(SHOP, session.log.row.id)).log.records == []


async def test_a_session_that_runs_or_is_read_or_asked_for_stays(tmp_path: Path) -> None:
    agents = Agents()
    async with sessions(tmp_path, agents) as all_:
        runs, is_read, asked_for, idle = [await opened(all_) for _ in range(4)]
        await runs.prompt(UserMessage(text="hi"))
        is_read.log.readers += 1
        for _ in range(10):
            await anyio.sleep(IDLE / 3)
            assert await all_.get(SHOP, asked_for.log.row.id) is asked_for
        assert [each.log.over for each in (runs, is_read, asked_for, idle)] == [False, False, False, True]
        agents.may_end.set()
        is_read.log.readers -= 1
        for each in (runs, is_read, asked_for):
            await away(each)
        assert isinstance(runs.log.events[-1], TurnEnded)


async def test_the_turns_of_a_project_are_ended_and_those_of_others_go_on(tmp_path: Path) -> None:
    agents = Agents()
    async with sessions(tmp_path, agents) as all_:
        first, second, idle = [await opened(all_) for _ in range(3)]
        other = await opened(all_, OTHER)
        for each in (first, second, other):
            await each.prompt(UserMessage(text="hi"))
        assert all_.running(SHOP)
        with anyio.fail_after(5):
            await all_.end_turns(SHOP)
        assert [each.log.row.turn is None for each in (first, second, idle, other)] == [True, True, True, False]
        for each in (first, second):
            end = next(event for event in each.log.events if isinstance(event, TurnEnded))
            assert end.outcome == "stopped"
        assert (all_.running(SHOP), all_.running(OTHER)) == (False, True)
        agents.may_end.set()


async def test_five_hundred_idle_sessions_leave_nothing(tmp_path: Path) -> None:
    async with sessions(tmp_path, Agents()) as all_:
        found = [await opened(all_) for _ in range(500)]
        for each in found:
            await away(each)
        with anyio.fail_after(5):
            while all_.live:  # noqa: ASYNC110
                await anyio.sleep(0.01)
