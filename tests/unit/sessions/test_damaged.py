"""What is wrong with the log of one session, or takes long there, is no matter of the others."""

import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest
from typing_extensions import override

from appx.domain.errors import Invalid, NotFound, Unavailable
from appx.domain.events import ModelReplied, Record, TurnEnded, TurnStarted
from appx.domain.ids import ProjectId, Seq, SessionId, TurnId
from appx.domain.messages import Cost, Reply, Usage, UserMessage
from appx.kit import clock
from appx.projects import rows as projects
from appx.projects.rows import Project
from appx.sessions import rows
from appx.sessions.row import SessionRow
from appx.sessions.session import Session
from appx.sessions.sessions import Sessions
from appx.store.database import Database
from tests.fakes.checkpoints import nothing_changed
from tests.fakes.logs import REF

pytestmark = pytest.mark.anyio

T = TypeVar("T")

SHOP, OTHER = ProjectId("shop"), ProjectId("other")
TURN = TurnId("t")
BEGUN = [Record(seq=Seq(1), at=clock.now(), event=TurnStarted(turn=TURN, prompt=UserMessage(text="go")))]
DONE = [*BEGUN, Record(seq=Seq(2), at=clock.now(), event=TurnEnded(turn=TURN, outcome="done"))]

DAMAGE = {
    "no JSON": "'{'",
    "no UTF-8": "CAST(x'7bff7d' AS TEXT)",
    "no event": """'{"type": "sung"}'""",
    "too deep": f"""'{{"turn":"t","call":{{"id":"c","name":"n","arguments":{'{"a":' * 220}1{"}" * 220}}}}}'""",
}


class Slow(Database):
    """Whoever reads the log of session ``slow`` waits in the middle of it."""

    slow: SessionId | None = None

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.begun = anyio.Event()
        self.go_on = anyio.Event()

    @override
    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if isinstance(work, partial) and work.keywords["session"] == self.slow:
            self.begun.set()
            await self.go_on.wait()
        return await super().read(work)


async def never(*_: object) -> Any:  # noqa: ANN401
    raise AssertionError("nobody prompts here")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Slow]:
    database = Slow(tmp_path / "appx.db")
    for name in (SHOP, OTHER):
        made = Project(id=name, name=name, created_at=clock.now(), directory="/", deployment=None)
        await database.write(lambda db, made=made: projects.insert(db, made))  # type: ignore[misc]
    yield database
    database.close()


def new(database: Database) -> Sessions:
    return Sessions(database=database, open_agent=never, take_checkpoint=nothing_changed)


@asynccontextmanager
async def started(database: Database) -> AsyncIterator[Sessions]:
    found = new(database)
    async with anyio.create_task_group() as tasks:
        with anyio.fail_after(5):
            await tasks.start(found.run)
        yield found
        await found.stop()


async def adopted(database: Database, log: list[Record], project: ProjectId = SHOP) -> SessionId:
    return (await new(database).adopt(project, log)).id


async def spoil(database: Database, session: SessionId, event: str = "'{'", seq: int = 1) -> None:
    await database.write(
        lambda db: db.execute(
            f"UPDATE records SET event = {event} WHERE session_id = ? AND seq = ?",
            (session, seq),
        ).close()
    )


@pytest.mark.parametrize("event", DAMAGE.values(), ids=DAMAGE.keys())
async def test_a_start_goes_on_when_the_log_of_an_interrupted_session_is_damaged(
    database: Slow, caplog: pytest.LogCaptureFixture, event: str
) -> None:
    damaged, whole = await adopted(database, BEGUN), await adopted(database, BEGUN)
    await spoil(database, damaged, event)
    async with started(database) as all_:
        assert isinstance((await all_.get(SHOP, whole)).log.events[-1], TurnEnded)
        with pytest.raises(Unavailable, match=r"record 1 cannot be read\. Delete it .* files of its project are whole"):
            await all_.get(SHOP, damaged)
        assert [row.turn for row in await all_.list(SHOP)] == [None, None]
    told = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert [damaged in each.getMessage() and each.exc_info is not None for each in told] == [True]
    caplog.clear()
    async with started(database):
        assert caplog.records == [], "it is not tried again"


async def test_a_damaged_session_can_be_deleted(database: Slow) -> None:
    damaged, whole = await adopted(database, DONE), await adopted(database, DONE)
    await spoil(database, damaged)
    async with started(database) as all_:
        with pytest.raises(NotFound):
            await all_.delete(OTHER, damaged)
        await all_.delete(SHOP, damaged)
        with pytest.raises(NotFound):
            await all_.get(SHOP, damaged)
        with pytest.raises(NotFound):
            await all_.delete(SHOP, damaged)
        assert [row.id for row in await all_.list(SHOP)] == [whole]


async def test_a_project_with_a_damaged_session_can_be_deleted(database: Slow) -> None:
    await spoil(database, await adopted(database, BEGUN))
    async with started(database) as all_:
        await all_.delete_all(SHOP, lambda db: projects.mark_deleted(db, SHOP))
        assert await all_.list(SHOP) == []


async def test_a_session_that_is_damaged_before_its_last_turn_gets_an_end_for_that(database: Slow) -> None:
    session = await adopted(database, [*DONE, *(Record(seq=Seq(3), at=each.at, event=each.event) for each in BEGUN)])
    replied = ModelReplied(turn=TURN, reply=Reply(model=REF))
    await database.write(lambda db: rows.append(db, row(session), [Record(seq=Seq(4), at=clock.now(), event=replied)]))
    await spoil(database, session)
    async with started(database) as all_:
        assert [each.turn for each in await all_.list(SHOP)] == [None]
        newest = await database.read(lambda db: next(rows.backwards(db, session)))
        assert newest.event == TurnEnded(
            turn=TURN, outcome="interrupted", detail="The server ended before the turn did. Prompt again to go on."
        )
        with pytest.raises(Unavailable, match="record 1 cannot be read"):
            await all_.get(SHOP, session)


def row(session: SessionId) -> SessionRow:
    return SessionRow(id=session, project=SHOP, created_at=clock.now(), turn=TURN)


async def test_a_long_log_comes_in_parts(database: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    events = [each.event for each in DONE] * 50
    log = [Record(seq=Seq(number), at=clock.now(), event=event) for number, event in enumerate(events, start=1)]
    session = await adopted(database, log)
    for size in (1, 150, 1_000, 1 << 20):
        monkeypatch.setattr(rows, "PART_BYTES", size)
        async with started(database) as all_:
            assert (await all_.get(SHOP, session)).log.records == log


async def test_what_could_not_be_read_again_is_not_taken_in(database: Slow) -> None:
    reply = Reply(model=REF, usage=Usage(cost=Cost(input=float("inf"))))
    with pytest.raises(Invalid, match="cannot be stored"):
        await adopted(
            database, [*BEGUN, Record(seq=Seq(2), at=clock.now(), event=ModelReplied(turn=TURN, reply=reply))]
        )
    assert await new(database).list(SHOP) == []


@asynccontextmanager
async def opening(database: Slow, all_: Sessions, session: SessionId, found: list[Session]) -> AsyncIterator[None]:
    """Two who ask for this session, of which the log is being read in the block."""
    database.slow = session

    async def open_() -> None:
        found.append(await all_.get(SHOP, session))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(open_)
            tasks.start_soon(open_)
            await database.begun.wait()
            yield
            database.go_on.set()


async def test_nobody_waits_for_the_log_of_another_session(database: Slow) -> None:
    large, small, third = [await adopted(database, DONE) for _ in range(3)]
    async with started(database) as all_:
        found: list[Session] = []
        async with opening(database, all_, large, found):
            assert (await all_.get(SHOP, small)).log.row.id == small
            await all_.delete(SHOP, third)
            await all_.delete_all(OTHER, lambda _: None)
            assert found == []
        assert found[0] is found[1], "it is opened once"
        assert len(found[0].log.records) == 2


async def test_a_session_is_deleted_when_it_has_been_opened(database: Slow) -> None:
    session = await adopted(database, DONE)
    async with started(database) as all_:
        found: list[Session] = []
        async with anyio.create_task_group() as tasks, opening(database, all_, session, found):
            tasks.start_soon(all_.delete, SHOP, session)
            await anyio.wait_all_tasks_blocked()
        assert found[0].log.deleted
        assert (all_.live, await all_.list(SHOP)) == (0, [])


async def test_the_sessions_of_a_project_go_when_they_have_been_opened_and_none_is_opened_meanwhile(
    database: Slow,
) -> None:
    large, small = await adopted(database, DONE), await adopted(database, DONE)
    async with started(database) as all_:
        found: list[Session] = []
        refused: list[NotFound] = []

        async def too_late() -> None:
            try:
                await all_.get(SHOP, small)
            except NotFound as error:
                refused.append(error)

        async with anyio.create_task_group() as tasks, opening(database, all_, large, found):
            tasks.start_soon(all_.delete_all, SHOP, lambda db: projects.mark_deleted(db, SHOP))
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(too_late)
            await anyio.wait_all_tasks_blocked()
            assert refused == [], "it waits, since the delete may fail"
        assert len(refused) == 1
        assert [each.log.deleted for each in found] == [True, True]
        assert (all_.live, await all_.list(SHOP)) == (0, [])
        with pytest.raises(NotFound):
            await all_.get(SHOP, small)


async def test_when_a_project_cannot_be_deleted_its_sessions_are_opened_again(database: Slow) -> None:
    session = await adopted(database, DONE)

    def fail(_: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    async with started(database) as all_:
        first = await all_.get(SHOP, session)
        with pytest.raises(Unavailable):
            await all_.delete_all(SHOP, fail)
        again = await all_.get(SHOP, session)
        assert again is not first
        assert again.log.records == first.log.records
