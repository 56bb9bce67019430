"""A workspace that is put back before each run, and what people do in it, watched by strace."""

import copy
import os
import shutil
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import anyio

from tests.crash.book import Book, ProjectNote
from tests.crash.checks import idle
from tests.crash.life import Cut, Life, Nursery, client, listening, running, tools, variables
from tests.crash.people import People
from tests.crash.tracer import Tracer

REFUSED = frozenset({503, 507})


@dataclass(slots=True)
class Stage:
    """A workspace with a project and a session, put back before each run; and what people know of it."""

    folder: Path
    nursery: Nursery
    book: Book = field(default_factory=Book)

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def put_back(self) -> Book:
        shutil.rmtree(self.workspace, ignore_errors=True)
        shutil.copytree(self.folder / "template", self.workspace, symlinks=True)
        return copy.deepcopy(self.book)

    @asynccontextmanager
    async def server(self) -> AsyncIterator[Life]:
        """Raises Ended when it does not come up."""
        async with self._started(stopped=False) as (start, pid), client(await self._port(start, pid)) as http:
            yield Life(pid=pid, http=http, log=self._log)

    @asynccontextmanager
    async def traced(self, trace: Path, options: Sequence[str]) -> AsyncIterator[tuple[Life, Tracer]]:
        """As ``server``, with strace from its first step on."""
        async with self._started(stopped=True) as (start, pid):
            tracer = Tracer(pid, trace, options)
            try:
                await tracer.attach()
                async with client(await self._port(start, pid)) as http:
                    yield Life(pid=pid, http=http, log=self._log), tracer
            finally:
                tracer.detach()

    @asynccontextmanager
    async def _started(self, *, stopped: bool) -> AsyncIterator[tuple[int, int]]:
        start = self._log.stat().st_size if self._log.exists() else 0
        given = variables(self.workspace, tools(self.folder / "bin"))
        pid = self.nursery.start(given, self._log, stopped=stopped)
        try:
            yield start, pid
        finally:
            self.nursery.ended(pid)

    async def _port(self, start: int, pid: int) -> int:
        return await listening(self._log, start, pid)

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    async def prepare(self) -> None:
        self.workspace.mkdir()
        project = ProjectNote(name="First")
        async with self.server() as life:
            people = People(life, self.book, Random(0))
            await people.create_project(project)
            session = await people.create_session(project)
            assert session is not None
            await people.prompt(session, "say: before")
            await idle(life, session)
            os.kill(life.pid, signal.SIGTERM)
            while running(life.pid):
                await anyio.sleep(0.01)
        shutil.copytree(self.workspace, self.folder / "template", symlinks=True)

    async def baseline(self, options: Sequence[str]) -> Path:
        """The trace of a run in which nothing happens."""
        book, trace = self.put_back(), self.folder / "baseline"
        async with self.traced(trace, options) as (life, _):
            await one_turn(life, book)
        return trace


async def one_turn(life: Life, book: Book) -> None:
    """What people do in each run: a turn with files and a command, keys, settings, a project that comes and goes."""
    people = People(life, book, Random(0), refused=REFUSED)
    (session,) = book.sessions()
    second = ProjectNote(name="Second")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(people.read, session)
        try:
            await people.prompt(session, "a page about the sea")
            await idle(life, session)
            await people.set_key("sk-first")
            await people.set_provider("http://127.0.0.1:9/first")
            await people.create_project(second)
            if second.state == "there":
                another = await people.create_session(second)
                if another is not None:
                    await people.delete_session(another)
                await people.delete_project(second)
        except Cut:
            pass
        tasks.cancel_scope.cancel()
