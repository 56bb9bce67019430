"""A database of any earlier version opens, with all that is in it; a migration that is cut off changed nothing.

``data/version-N.sql`` is what ``sqlite3`` dumps of a database that the code of version N wrote, and its version.
"""

import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing
from pathlib import Path

import pytest

from appx.apps import rows as apps
from appx.domain.errors import Misconfigured
from appx.domain.ids import ProjectId, SessionId
from appx.projects import rows as projects
from appx.sessions import ledger
from appx.sessions import rows as sessions
from appx.store.database import Database
from appx.store.schema import MIGRATIONS

pytestmark = pytest.mark.anyio

DATA = Path(__file__).parent / "data"
EARLIER = range(1, len(MIGRATIONS))
OURS = [SessionId(f"01930000-0000-7000-8000-00000000000{number}") for number in (1, 2, 3, 4)]
KINDS = {
    1: {
        "model_chosen", "turn_started", "prompt_queued", "prompt_delivered", "model_replied", "retry_started",
        "retry_ended", "tool_started", "tool_finished", "turn_ended",
    },
    2: {"question_asked", "question_answered", "compaction_started", "compacted", "compaction_failed"},
    3: {"queue_cleared", "warned", "checkpoint_taken", "checkpoint_failed"},
}  # fmt: skip
"""The events that each version knew first."""


def old(path: Path, version: int) -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.executescript((DATA / f"version-{version}.sql").read_text())
    return path


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [*db.iterdump(), *map(str, db.execute("PRAGMA user_version"))]


@pytest.mark.parametrize("version", EARLIER)
async def test_all_that_an_earlier_version_wrote_is_read(tmp_path: Path, version: int) -> None:
    database = Database(old(tmp_path / "appx.db", version))
    found = await database.read(projects.every)
    assert [each.name for each in found] == ["Blog", "Shop"]
    rows = await database.read(lambda db: sessions.of_project(db, ProjectId("shop")))
    assert [row.message_count for row in rows] == [0, 1, 7]
    logs = [await database.read(lambda db, row=row: sessions.records(db, row.id)) for row in rows]  # type: ignore[misc]
    kinds = {record.event.type for log in logs for record in log}
    assert kinds == set().union(*(KINDS.get(each, set()) for each in range(1, version + 1)))
    draft = await database.read(lambda db: sessions.draft(db, SessionId(rows[1].id)))
    assert draft is not None
    assert [block.type for block in draft[1]] == ["thinking", "text"]
    database.close()


@pytest.mark.parametrize("version", EARLIER)
def test_a_migrated_database_has_the_schema_of_a_new_one(tmp_path: Path, version: int) -> None:
    Database(old(tmp_path / "old.db", version)).close()
    Database(tmp_path / "new.db").close()

    def schema(path: Path) -> list[object]:
        with closing(sqlite3.connect(path)) as db:
            tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")]
            indexes = db.execute("SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index' ORDER BY 1").fetchall()
            columns = [db.execute("SELECT * FROM pragma_table_xinfo(?)", (table,)).fetchall() for table in tables]
            return [tables, indexes, columns, db.execute("PRAGMA user_version").fetchone()]

    assert schema(tmp_path / "old.db") == schema(tmp_path / "new.db")


@pytest.mark.parametrize("version", EARLIER)
def test_a_copy_of_the_earlier_version_is_kept(tmp_path: Path, version: int) -> None:
    path = old(tmp_path / "appx.db", version)
    before = dump(path)
    Database(path).close()
    kept = tmp_path / f"appx.db.before-{version}"
    assert sorted(dump(kept)) == sorted(before), "VACUUM puts triggers last"
    assert kept.stat().st_mode & 0o077 == 0
    Database(path).close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["appx.db", kept.name]


GPT, CLAUDE = ("litellm", "openai/gpt-5.5"), ("anthropic", "claude-opus-5")
PAID = {
    1: [("2026-11-25", "shop", *GPT, 64, 1)],
    2: [("2026-11-25", "shop", *GPT, 114, 2), ("2026-11-26", "blog", *CLAUDE, 70, 1)],
    3: [("2026-11-25", "shop", *GPT, 114, 2), ("2026-11-26", "blog", *CLAUDE, 70, 1)],
    4: [("2026-11-25", "shop", *GPT, 114, 2), ("2026-11-26", "blog", *CLAUDE, 70, 1)],
    5: [("2026-11-25", "shop", *GPT, 114, 2), ("2026-11-26", "blog", *CLAUDE, 70, 1)],
}
"""What each version's database says was spent: the last two numbers are all tokens and the replies."""


@pytest.mark.parametrize("version", EARLIER)
async def test_what_replies_took_before_there_was_a_ledger_is_in_it(tmp_path: Path, version: int) -> None:
    """A summary counts, of the model that answered last. What was imported does not: a session can go on from there."""
    database = Database(old(tmp_path / "appx.db", version))
    found = await database.read(
        lambda db: [
            tuple(row)
            for row in db.execute(
                "SELECT day, project_id, provider, model, input + output + cache_read + cache_write, replies FROM usage"
            )
        ]
    )
    assert sorted(found) == sorted(PAID[version])
    logs = [await database.read(lambda db, each=each: sessions.records(db, each)) for each in OURS]  # type: ignore[misc]
    cost = sum(paid[1].cost.total for log in logs for record in log if (paid := ledger.paid(record.event)) is not None)
    summary = 0.0 if version == 1 else 1.5  # an earlier version did not note who wrote it
    foreign = 0.0 if version == 1 else 300.0
    total = await database.read(lambda db: ledger.spent(db, ledger.Part()))
    assert total.cost == pytest.approx(cost + summary - foreign)
    database.close()


async def test_a_release_of_before_there_were_services_is_one_container(tmp_path: Path) -> None:
    database = Database(old(tmp_path / "appx.db", 5))
    (found,) = await database.read(lambda db: apps.releases(db, ProjectId("shop")))
    assert (found.volumes, found.services, found.compose) == (("/data",), (), "")
    database.close()


def test_a_migration_that_fails_in_the_middle_changed_nothing(tmp_path: Path) -> None:
    path = tmp_path / "appx.db"
    Database(path).close()
    before = dump(path)
    broken = "CREATE TABLE half (x); INSERT INTO half VALUES (1); INSERT INTO nowhere VALUES (1);"
    with pytest.raises(Misconfigured, match="nowhere"):
        Database(path, (*MIGRATIONS, broken))
    assert dump(path) == before
    Database(path).close()


KILLED = """
    import sys
    from pathlib import Path
    from appx.store.database import Database
    from appx.store.schema import MIGRATIONS
    slow = (
        "CREATE TABLE half (x); INSERT INTO half WITH RECURSIVE n (x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n "
        "WHERE x < 100000000) SELECT randomblob(500) FROM n"
    )
    Database(Path(sys.argv[1]), (*MIGRATIONS, slow))
"""


def test_a_migration_that_is_killed_in_the_middle_changed_nothing(tmp_path: Path) -> None:
    path = tmp_path / "appx.db"
    Database(path).close()
    before = dump(path)
    environment = {"PYTHONPATH": "src"}
    script = textwrap.dedent(KILLED)
    with subprocess.Popen([sys.executable, "-c", script, str(path)], env=environment) as child:
        wal = tmp_path / "appx.db-wal"
        until = time.monotonic() + 15
        while not (wal.exists() and wal.stat().st_size > 8_000_000) and time.monotonic() < until:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    assert wal.stat().st_size > 8_000_000, "the migration had begun"
    Database(path).close()
    assert dump(path) == before


def test_without_the_copy_the_start_is_refused_and_nothing_changed(tmp_path: Path) -> None:
    path = old(tmp_path / "appx.db", 1)
    before = dump(path)
    (tmp_path / "appx.db.before-1" / "in the way").mkdir(parents=True)
    with pytest.raises(Misconfigured, match="cannot be opened"):
        Database(path)
    assert dump(path) == before
