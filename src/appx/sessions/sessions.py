"""All sessions: made, found, listed, deleted, and driven while somebody needs them."""

import logging

import anyio
from anyio.abc import TaskGroup, TaskStatus

from appx.domain.errors import NotFound, Unavailable
from appx.domain.ids import ProjectId, SessionId, uuid7
from appx.kit import clock
from appx.sessions import rows
from appx.sessions.closing import closing, open_turn
from appx.sessions.log import SessionLog
from appx.sessions.row import SessionRow
from appx.sessions.session import OpenAgent, Session, last_model
from appx.store.database import Database

logger = logging.getLogger(__name__)


class Sessions:
    """The live sessions by id, and the way to the others. ``run`` must run for sessions to be driven."""

    def __init__(self, *, database: Database, open_agent: OpenAgent) -> None:
        self._database = database
        self._open_agent = open_agent
        self._live: dict[SessionId, Session] = {}
        self._scopes: dict[SessionId, anyio.CancelScope] = {}
        self._opening = anyio.Lock()
        self._tasks: TaskGroup | None = None
        self._stopping = anyio.Event()
        self._stopped = anyio.Event()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """End what a crash cut off, then own the tasks of the sessions until ``stop`` or a cancellation."""
        await self._end_interrupted()
        try:
            async with anyio.create_task_group() as self._tasks:
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

    async def create(self, project: ProjectId) -> SessionRow:
        row = SessionRow(id=SessionId(uuid7()), project=project, created_at=clock.now())
        await self._database.write(lambda db: rows.insert(db, row))
        return row

    async def list(self, project: ProjectId) -> list[SessionRow]:
        """Newest first."""
        return await self._database.read(lambda db: rows.of_project(db, project))

    async def get(self, project: ProjectId, session: SessionId) -> Session:
        """The live session; it is loaded when it was not. Raises NotFound."""
        if self._stopping.is_set():
            raise Unavailable("The server is stopping. Try again in a moment.")
        async with self._opening:
            live = self._live.get(session)
            if live is None:
                live = await self._load(project, session)
            if live.log.row.project != project:
                raise NotFound("session not found")
            return live

    async def delete(self, project: ProjectId, session: SessionId) -> None:
        """End the running turn, then forget the session. Raises NotFound."""
        live = await self.get(project, session)
        await live.abort()
        await self._database.write(lambda db: rows.delete(db, session))
        self._forget(session)

    async def delete_all(self, project: ProjectId) -> None:
        for row in await self.list(project):
            await self.delete(project, row.id)

    def _forget(self, session: SessionId) -> None:
        live = self._live.pop(session)
        live.log.deleted = live.log.over = True
        live.log.touch()
        self._scopes.pop(session).cancel()

    async def _load(self, project: ProjectId, session: SessionId) -> Session:
        if self._tasks is None:
            raise Unavailable("The server is starting. Try again in a moment.")
        row = await self._database.read(lambda db: rows.find(db, project, session))
        if row is None:
            raise NotFound("session not found")
        live = Session(log=await self._log(row), open_agent=self._open_agent)
        self._live[session] = live
        self._scopes[session] = anyio.CancelScope()
        self._tasks.start_soon(self._drive, live, name=f"session {session}")
        return live

    async def _drive(self, live: Session) -> None:
        session = live.log.row.id
        with self._scopes[session]:
            try:
                await live.run()
            except Exception:  # a defect ends this session until the next start, never the server
                logger.exception("session %s cannot go on", session)

    async def _log(self, row: SessionRow) -> SessionLog:
        records = await self._database.read(lambda db: rows.records(db, row.id))
        return SessionLog(database=self._database, row=row, records=records)

    async def _end_interrupted(self) -> None:
        """Give every turn that the last server left open a stated end."""
        for row in await self._database.read(rows.running):
            log = await self._log(row)
            turn = open_turn(log.events)
            if turn is None:
                continue
            model, seen = await log.seen_before_crash() or (last_model(log.events), ())
            detail = "The server ended before the turn did. Prompt again to go on."
            await log.append(
                *closing(log.events, turn=turn, outcome="interrupted", detail=detail, model=model, seen=seen)
            )
            logger.warning("turn %s of session %s was interrupted", turn, row.id)
