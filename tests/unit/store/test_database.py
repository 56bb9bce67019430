import sqlite3
from pathlib import Path
from threading import Event

import anyio
import anyio.to_thread
import pytest

from appx.domain.errors import Misconfigured, NoSpace, Unavailable
from appx.store import database as store
from appx.store.database import Database
from appx.store.schema import MIGRATIONS

pytestmark = pytest.mark.anyio


def _project(name: str) -> str:
    return f"INSERT INTO projects (id, name, created_at, directory) VALUES ('{name}', '{name}', '', '')"


async def test_what_is_used_while_it_is_closed_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite would take the process with it."""
    monkeypatch.setattr(store, "CLOSE_SECONDS", 0.1)
    database, begun, go_on, found = Database(tmp_path / "appx.db"), Event(), Event(), list[int]()

    def slowly(db: sqlite3.Connection) -> int:
        begun.set()
        go_on.wait(10)
        return int(db.execute("SELECT count(*) FROM projects").fetchone()[0])

    async def read() -> None:
        found.append(await database.read(slowly))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await anyio.to_thread.run_sync(begun.wait)
        database.close()
        go_on.set()
    assert found == [0]
    with pytest.raises(Unavailable, match="closed"):
        await database.write(lambda db: db.execute(_project("a")))


async def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "appx.db")

    def half(db: sqlite3.Connection) -> None:
        db.execute(_project("a"))
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        await database.write(half)
    await database.write(lambda db: db.execute(_project("b")))
    found = await database.read(lambda db: [row["id"] for row in db.execute("SELECT id FROM projects")])
    assert found == ["b"]
    database.close()


async def test_a_write_that_has_begun_ends_although_its_caller_is_cancelled(tmp_path: Path) -> None:
    database = Database(tmp_path / "appx.db")
    with anyio.CancelScope() as scope:

        def work(db: sqlite3.Connection) -> None:
            anyio.from_thread.run_sync(scope.cancel)
            db.execute(_project("a"))

        await database.write(work)
    count = await database.read(lambda db: db.execute("SELECT count(*) FROM projects").fetchone()[0])
    assert count == 1
    database.close()


async def test_a_full_disk_has_a_name_and_changes_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "appx.db")
    await database.write(lambda db: db.execute("PRAGMA max_page_count = 20"))

    def fill(db: sqlite3.Connection) -> None:
        db.execute(_project("a"))
        db.execute("UPDATE projects SET name = hex(randomblob(200000))")

    with pytest.raises(NoSpace, match="full"):
        await database.write(fill)
    count = await database.read(lambda db: db.execute("SELECT count(*) FROM projects").fetchone()[0])
    assert count == 0
    database.close()


def test_a_damaged_file_is_named_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "appx.db"
    path.write_bytes(b"not a database " * 1000)
    with pytest.raises(Misconfigured, match=str(path)):
        Database(path)


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "appx.db"
    Database(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(Misconfigured, match="newer"):
        Database(path)


async def test_commits_are_synced(tmp_path: Path) -> None:
    database = Database(tmp_path / "appx.db")

    def modes(db: sqlite3.Connection) -> tuple[object, ...]:
        return tuple(db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous"))

    assert await database.write(modes) == ("wal", 2)
    database.close()
