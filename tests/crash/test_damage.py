"""A damaged database stops the start, loudly, and the words lead to the backup; a damaged log of a session does not."""

import json
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from random import Random

import anyio
import pytest

from tests.crash.book import Book, ProjectNote, SessionNote
from tests.crash.life import Ended, Life, Nursery, client, listening, running, tools, variables
from tests.crash.people import People

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]


PAGE = 4_096


class Damaged:
    """A workspace whose server has worked and ended, by a kill or by a stop."""

    def __init__(self, folder: Path, nursery: Nursery) -> None:
        self.workspace = folder / "workspace"
        self.workspace.mkdir()
        self.database = self.workspace / ".pi-global" / "appx.db"
        self._log = folder / "server.log"
        self._variables = variables(self.workspace, tools(folder / "bin"))
        self._nursery = nursery

    @asynccontextmanager
    async def server(self, end: signal.Signals) -> AsyncIterator[Life]:
        start = self._log.stat().st_size if self._log.exists() else 0
        pid = self._nursery.start(self._variables, self._log)
        try:
            async with client(await listening(self._log, start, pid)) as http:
                yield Life(pid=pid, http=http, log=self._log)
            os.kill(pid, end)
            while running(pid):
                await anyio.sleep(0.01)
        finally:
            self._nursery.ended(pid)

    async def live(self, end: signal.Signals) -> SessionNote:
        async with self.server(end) as life:
            people = People(life, Book(), Random(0))
            project = ProjectNote(name="First")
            await people.create_project(project)
            sessions = [await people.create_session(project) for _ in range(40)]
        assert sessions[-1] is not None
        return sessions[-1]

    def spoil(self, session: SessionNote) -> None:
        """Let the newest record of a session be one of an appx that let calls nest 220 levels deep."""
        call = {"id": "c", "name": "bash", "arguments": json.loads('{"in":' * 220 + "{}" + "}" * 220)}
        name = session.path.rpartition("/")[2]
        with closing(sqlite3.connect(self.database)) as db, db:
            newest = "(SELECT max(seq) FROM records WHERE session_id = sessions.id)"
            done = db.execute(
                "UPDATE records SET event = ? FROM sessions "
                f"WHERE sessions.id = ? AND turn IS NOT NULL AND session_id = sessions.id AND seq = {newest}",
                (json.dumps({"turn": "t", "call": call, "type": "tool_started"}), name),
            )
            assert done.rowcount == 1

    def page(self, table: str) -> int:
        """Where the first page of a table is in the file, in bytes."""
        with closing(sqlite3.connect(self.database)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            found: int = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()[0]
        return (found - 1) * PAGE

    async def refusal(self) -> str:
        """What a server says that does not start."""
        start = self._log.stat().st_size
        pid = self._nursery.start(self._variables, self._log)
        with pytest.raises(Ended) as ended:
            await listening(self._log, start, pid)
        assert self._nursery.ended(pid).code > 0
        return str(ended.value)


def overwrite(path: Path, start: int, size: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xa5" * size)


def check_words(said: str, database: Path) -> None:
    assert "Traceback" not in said
    assert f"The database {database} is damaged" in said
    assert "`appx restore --force FILE`" in said
    assert "backup" in said


@pytest.fixture
def damaged(tmp_path: Path, nursery: Nursery) -> Damaged:
    return Damaged(tmp_path, nursery)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_a_file_that_is_no_database_stops_the_start(damaged: Damaged, end: signal.Signals) -> None:
    await damaged.live(end)
    overwrite(damaged.database, 0, 100)
    damaged.database.with_name("appx.db-wal").unlink(missing_ok=True)
    check_words(await damaged.refusal(), damaged.database)


async def test_a_page_that_went_bad_in_a_crash_stops_the_start(damaged: Damaged) -> None:
    await damaged.live(signal.SIGKILL)
    overwrite(damaged.database, damaged.page("records"), PAGE)
    damaged.database.with_name("appx.db-wal").write_bytes(b"\0" * 32)  # as after a crash
    check_words(await damaged.refusal(), damaged.database)


async def test_a_bad_page_that_the_start_needs_stops_it(damaged: Damaged) -> None:
    await damaged.live(signal.SIGTERM)
    overwrite(damaged.database, damaged.page("sessions_running"), PAGE)
    check_words(await damaged.refusal(), damaged.database)


async def test_a_page_that_goes_bad_later_is_named_when_it_is_read(damaged: Damaged) -> None:
    session = await damaged.live(signal.SIGTERM)
    overwrite(damaged.database, damaged.page("records"), PAGE)
    async with damaged.server(signal.SIGTERM) as life:
        status, found = await life.call("GET", session.path)
        assert status == 503
        check_words(found["error"], damaged.database)
        assert (await life.call("GET", "/v1/healthz"))[0] == 200


async def test_a_log_that_a_crash_left_unreadable_stops_no_start(damaged: Damaged) -> None:
    session = await damaged.live(signal.SIGTERM)
    async with damaged.server(signal.SIGKILL) as life:
        await life.ok("POST", f"{session.path}/prompt", {"text": "run: sleep 60"})
        with anyio.fail_after(10):
            while len((await life.ok("GET", session.path))["messages"]) < 2:
                await anyio.sleep(0.02)
    damaged.spoil(session)
    for _ in range(2):
        async with damaged.server(signal.SIGKILL) as life:
            status, found = await life.call("GET", session.path)
            assert (status, "Delete it and begin another" in found["error"]) == (503, True)
            listed = (await life.ok("GET", session.path.rpartition("/")[0]))["sessions"]
            assert [row["running"] for row in listed] == [False] * len(listed)
            (other, *_) = [row["id"] for row in listed if not session.path.endswith(row["id"])]
            assert (await life.ok("GET", session.path.replace(session.path.rpartition("/")[2], other)))["id"] == other
