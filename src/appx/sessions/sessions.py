"""All sessions: made, found, listed, deleted, and driven while somebody needs them."""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakValueDictionary

import anyio
from anyio.abc import TaskGroup, TaskStatus

from appx.domain.errors import AppxError, Invalid, NoSpace, NotFound, Unavailable
from appx.domain.events import Record
from appx.domain.ids import ProjectId, Seq, SessionId, uuid7
from appx.domain.limits import Limits, Spent
from appx.kit import clock
from appx.sessions import ledger, rows
from appx.sessions.closing import open_turn
from appx.sessions.forking import forked
from appx.sessions.interrupting import end_turn, interrupted
from appx.sessions.ledger import By, Part
from appx.sessions.log import SessionLog
from appx.sessions.row import SessionRow, after
from appx.sessions.session import STORE_AGAIN_SECONDS, OpenAgent, Session, TakeCheckpoint
from appx.store.database import Database

logger = logging.getLogger(__name__)

IDLE_SECONDS = 600.0

NO_OTHER = Limits()

DAMAGED = "The log of this session is damaged: {}. Delete it and begin another; the files of its project are whole."


@dataclass(frozen=True, slots=True)
class Drive:
    """The task of a live session: how to end it, and to know that it has ended."""

    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What replies took, in all and by group; all that was spent today; and what may be."""

    total: Spent
    groups: Sequence[tuple[dict[str, str], Spent]]
    today: Spent
    limits: Limits


class Sessions:
    """The live sessions by id, and the way to the others. ``run`` must run for sessions to be driven."""

    def __init__(
        self,
        *,
        database: Database,
        open_agent: OpenAgent,
        take_checkpoint: TakeCheckpoint,
        limits: Limits = NO_OTHER,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        """``idle_seconds``: how long a session stays in memory when nothing runs and nobody reads."""
        self._idle_seconds = idle_seconds
        self._limits = limits
        self._database = database
        self._open_agent = open_agent
        self._take_checkpoint = take_checkpoint
        self._live: dict[SessionId, Session] = {}
        self._drives: dict[SessionId, Drive] = {}
        self._locks: WeakValueDictionary[tuple[ProjectId, SessionId], anyio.Lock] = WeakValueDictionary()
        self._leaving: dict[ProjectId, anyio.Event] = {}
        """Those of which all sessions are being deleted: who opens one waits for the end of that."""
        self._tasks: TaskGroup | None = None
        self._stopping = anyio.Event()
        self._stopped = anyio.Event()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """End what a crash cut off, then own the tasks of the sessions until ``stop`` or a cancellation."""
        try:
            async with anyio.create_task_group() as self._tasks:
                await self._tasks.start(self._end_interrupted)
                self._tasks.start_soon(self._put_idle_away)
                task_status.started()
                await self._stopping.wait()
                self._tasks.cancel_scope.cancel()
        finally:
            self._stopped.set()

    async def stop(self) -> None:
        """Take no more prompts, let the readers go, end the turns; return when their end is stored."""
        self._stopping.set()
        await self._stopped.wait()
        for live in self._live.values():
            live.log.over = True
            live.log.touch()

    async def usage(self, part: Part, by: By, limit: int) -> Report:
        """What replies took, also in sessions that were deleted; at most ``limit`` groups of it."""

        def look(db: sqlite3.Connection) -> Report:
            return Report(
                total=ledger.spent(db, part),
                groups=ledger.groups(db, part, by, limit),
                today=ledger.spent(db, ledger.today()),
                limits=self._limits,
            )

        return await self._database.read(look)

    @property
    def live(self) -> int:
        """How many sessions are in memory."""
        return len(self._live)

    async def create(self, project: ProjectId) -> SessionRow:
        """Raises NotFound when the project is gone."""
        row = SessionRow(id=SessionId(uuid7()), project=project, created_at=clock.now())
        if not await self._database.write(lambda db: rows.insert(db, row)):
            raise NotFound(f"project not registered: {project}")
        return row

    async def adopt(self, project: ProjectId, records: Sequence[Record]) -> SessionRow:
        """A new session with a log that is made already: all of it, or nothing. Raises NotFound, Invalid."""
        new = SessionRow(id=SessionId(uuid7()), project=project, created_at=clock.now())
        row = after(new, (record.event for record in records))

        def work(db: sqlite3.Connection) -> bool:
            if not rows.insert(db, row):
                return False
            rows.append(db, row, records)
            return True

        try:
            stored = await self._database.write(work)
        except ValueError as error:
            raise Invalid("The conversation holds something that cannot be stored. Leave it out.") from error
        if not stored:
            raise NotFound(f"project not registered: {project}")
        return row

    async def fork(self, source: Session, seq: Seq) -> SessionRow:
        """A new session with what was said in ``source`` up to the record of this number. Raises Invalid."""
        return await self.adopt(source.log.row.project, forked(source.log.records, seq))

    def running(self, project: ProjectId) -> bool:
        """Whether a turn runs in one of its sessions."""
        return any(live.log.row.project == project and live.log.row.turn is not None for live in self._live.values())

    async def list(
        self, project: ProjectId, *, limit: int | None = None, before: str | None = None
    ) -> list[SessionRow]:
        """Newest first: at most ``limit``, of those older than the session ``before``."""
        return await self._database.read(
            lambda db: rows.of_project(db, project, limit=limit, before=before or rows.NEWEST)
        )

    async def get(self, project: ProjectId, session: SessionId) -> Session:
        """The live session; it is loaded when it was not. Raises NotFound, Unavailable when its log cannot be read."""
        self._check_goes_on()
        live = self._live.get(session)
        if live is None or live.log.over:
            while (gone := self._leaving.get(project)) is not None:
                await gone.wait()
            async with self._alone_with(project, session):
                live = await self._opened(project, session)
        if live.log.row.project != project:
            raise NotFound("session not found")
        live.log.used_at = anyio.current_time()
        return live

    async def delete(self, project: ProjectId, session: SessionId) -> None:
        """End the running turn, then forget the session, also one whose log cannot be read. Raises NotFound."""
        self._check_goes_on()
        if await self._database.read(lambda db: rows.find(db, project, session)) is None:
            raise NotFound("session not found")
        await self._end_turns(lambda row: row.id == session)
        async with self._alone_with(project, session):
            await self._remove(lambda row: row.id == session, lambda db: rows.delete(db, session))

    async def end_turns(self, project: ProjectId) -> None:
        """End those that run in its sessions, and return when their ends are stored, or cannot be."""
        await self._end_turns(lambda row: row.project == project)

    async def delete_all(self, project: ProjectId, mark: Callable[[sqlite3.Connection], None]) -> None:
        """End the turns of a project, then forget its sessions; ``mark`` is part of the same transaction.

        For a project at most once at a time.
        """
        await self.end_turns(project)

        def work(db: sqlite3.Connection) -> None:
            mark(db)
            rows.delete_all(db, project)

        gone = self._leaving[project] = anyio.Event()
        try:
            for lock in [lock for (whose, _), lock in self._locks.items() if whose == project]:
                async with lock:  # who opens one now has done so then
                    pass
            await self._remove(lambda row: row.project == project, work)
        finally:
            del self._leaving[project]
            gone.set()

    def _check_goes_on(self) -> None:
        if self._stopping.is_set():
            raise Unavailable("The server is stopping. Try again in a moment.")

    def _alone_with(self, project: ProjectId, session: SessionId) -> anyio.Lock:
        """Held by who opens, puts away or deletes a session."""
        return self._locks.setdefault((project, session), anyio.Lock())

    async def _end_turns(self, which: Callable[[SessionRow], bool]) -> None:
        async with anyio.create_task_group() as tasks:
            for live in self._live.values():
                if which(live.log.row):
                    tasks.start_soon(_end_turn, live)

    async def _remove(self, which: Callable[[SessionRow], bool], work: Callable[[sqlite3.Connection], None]) -> None:
        """Nobody opens them meanwhile. When ``work`` fails, they are opened anew from what is stored."""
        for live in [each for each in self._live.values() if which(each.log.row)]:
            await live.log.close()
            await self._end_drive(live)
        await self._database.write(work)

    async def _end_drive(self, live: Session) -> None:
        if self._live.get(live.log.row.id) is live:
            drive = self._drives[live.log.row.id]
            drive.scope.cancel()
            await drive.ended.wait()

    async def _put_idle_away(self) -> None:
        """Let go of the sessions that nobody needs; who comes next opens them from what is stored. Until cancelled."""
        while True:
            await anyio.sleep(self._idle_seconds / 4)
            for live in [each for each in self._live.values() if each.log.idle(self._idle_seconds)]:
                async with self._alone_with(live.log.row.project, live.log.row.id):
                    if await live.log.put_away(self._idle_seconds):
                        await self._end_drive(live)

    async def _opened(self, project: ProjectId, session: SessionId) -> Session:
        live = self._live.get(session)
        if live is None and project in self._leaving:  # that began just now
            raise NotFound("session not found")
        return live or await self._load(project, session)

    async def _load(self, project: ProjectId, session: SessionId) -> Session:
        if self._tasks is None:
            raise Unavailable("The server is starting. Try again in a moment.")
        row = await self._database.read(lambda db: rows.find(db, project, session))
        if row is None:
            raise NotFound("session not found")
        log = await self._log(row)
        await self._interrupt(log)
        self._check_goes_on()
        live = Session(log=log, open_agent=self._open_agent, take_checkpoint=self._take_checkpoint, limits=self._limits)
        self._live[session] = live
        self._drives[session] = Drive()
        self._tasks.start_soon(self._drive, live, self._drives[session], name=f"session {session}")
        return live

    async def _drive(self, live: Session, drive: Drive) -> None:
        session = live.log.row.id
        try:
            with drive.scope:
                try:
                    await live.run()
                except Exception:  # a defect ends this session, never the server; who comes next opens it anew
                    logger.exception("session %s cannot go on", session)
            live.log.over = True
            live.log.touch()
            del self._live[session], self._drives[session]
        finally:
            drive.ended.set()

    async def _log(self, row: SessionRow) -> SessionLog:
        """Raises Unavailable when it cannot be read."""
        records: list[Record] = []
        last = rows.BEGINNING
        try:
            while more := await self._database.read(partial(rows.records, session=row.id, after=last)):
                records += more
                last = more[-1].seq
        except ValueError as error:
            raise Unavailable(DAMAGED.format(error)) from error
        return SessionLog(database=self._database, row=row, records=records)

    async def _end_interrupted(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Give every turn that the last server left open a stated end; what finds no room now, as soon as there is."""
        left = [row for row in await self._database.read(rows.running) if not await self._ended(row)]
        task_status.started()
        while left:
            await anyio.sleep(STORE_AGAIN_SECONDS)
            left = [row for row in left if not await self._ended(row)]

    async def _ended(self, row: SessionRow) -> bool:
        try:
            async with self._alone_with(row.project, row.id):
                if row.id not in self._live:  # else its turn was ended when it was opened
                    await self._end_interrupted_turn(row)
        except AppxError as error:
            logger.error("the interrupted turn of session %s cannot be ended: %s", row.id, error)  # noqa: TRY400
            return False
        return True

    async def _end_interrupted_turn(self, row: SessionRow) -> None:
        try:
            if await self._database.write(lambda db: end_turn(db, row)):
                logger.warning("turn %s of session %s was interrupted", row.turn, row.id)
        except AppxError:
            raise
        except Exception:  # what is wrong with one session never keeps the server from starting
            logger.exception("the log of session %s is damaged: its turn has no end, but counts as ended", row.id)
            await self._database.write(lambda db: rows.rest(db, row.id))

    async def _interrupt(self, log: SessionLog) -> None:
        """End the turn that is open although nobody works on it, if there is one."""
        turn = open_turn(log.events)
        if turn is not None:
            await log.append(*interrupted(log.events, await log.seen_before_crash()))
            logger.warning("turn %s of session %s was interrupted", turn, log.row.id)


async def _end_turn(live: Session) -> None:
    """Before its log is deleted: a full disk does not hinder that."""
    with suppress(NoSpace, Unavailable):
        await live.abort()
