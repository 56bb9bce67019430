"""What the audit log promises when many write at once, and when nothing can be written."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from appx.audit.log import UNWRITTEN, AuditLog
from appx.audit.rows import Deed
from appx.domain.errors import NoSpace
from appx.store.database import Database

pytestmark = pytest.mark.anyio


def deed(action: str) -> Deed:
    return Deed(at="2026-11-25T10:00:00.000Z", who="token", address="192.0.2.1", action=action, path="/v1/x" * 100)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(tmp_path / "appx.db")
    yield made
    made.close()


def fill(database: Database) -> None:
    """As a full disk: no page may be added."""
    pages = database._writer.execute("PRAGMA page_count").fetchone()[0]
    database._writer.execute(f"PRAGMA max_page_count = {pages}")


def make_room(database: Database) -> None:
    database._writer.execute("PRAGMA max_page_count = 1000000")


async def told(log: AuditLog) -> list[tuple[str, int | None]]:
    return [(each.deed.action, each.deed.status) for each in await log.page(limit=1_000_000, before=None, action=None)]


async def until_full(log: AuditLog) -> None:
    async def begin_many() -> None:
        for _ in range(1_000):
            await log.begin(deed("fill"))

    with pytest.raises(NoSpace, match="it was not done"):
        await begin_many()


async def test_an_entry_is_on_the_disk_before_its_change_begins_and_gets_its_outcome(
    database: Database, tmp_path: Path
) -> None:
    log = AuditLog(database, days=1)
    entry = await log.begin(deed("one"))
    other = AuditLog(Database(tmp_path / "appx.db"), days=1)
    assert await told(other) == [("one", None)]
    log.end(entry, 200, project="shop")
    assert await told(log) == [("one", 200)]
    log.end(entry, 500)
    assert await told(log) == [("one", 200)], "only once"
    other._database.close()


async def test_many_that_begin_at_once_share_a_write_and_each_gets_its_own_number(database: Database) -> None:
    log = AuditLog(database, days=1)
    writes = 0
    plain = database.write

    async def counted(work: object) -> object:
        nonlocal writes
        writes += 1
        return await plain(work)  # type: ignore[arg-type]

    database.write = counted  # type: ignore[method-assign,assignment]
    numbers: dict[str, int | None] = {}

    async def begin(action: str) -> None:
        numbers[action] = await log.begin(deed(action))

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(begin, f"n{number}")
    assert writes <= 3
    found = await log.page(limit=100, before=None, action=None)
    assert {each.deed.action: each.id for each in found} == numbers


async def test_on_a_full_disk_nothing_is_done_but_what_makes_room_and_that_is_written_later(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    log = AuditLog(database, days=1)
    fill(database)
    await until_full(log)
    assert await log.begin(deed("delete"), makes_room=True) is None
    assert "delete" in caplog.text
    with pytest.raises(NoSpace):
        await log.write()
    make_room(database)
    assert (await told(log))[0] == ("delete", None)
    assert len([each for each in await told(log) if each[0] == "delete"]) == 1


async def test_what_waits_for_room_takes_little_memory(database: Database) -> None:
    log = AuditLog(database, days=1)
    fill(database)
    await until_full(log)
    for _ in range(UNWRITTEN):
        await log.begin(deed("delete"), makes_room=True)
    with pytest.raises(NoSpace):
        await log.begin(deed("delete"), makes_room=True)


async def test_refusals_wait_for_room_and_are_not_counted_twice(database: Database) -> None:
    log = AuditLog(database, days=1, now=lambda: datetime(2026, 11, 25, tzinfo=UTC))
    fill(database)
    await until_full(log)
    log._late.append(deed("late " * 2_000))  # no room for it, and all waits together
    for _ in range(5):
        log.refuse("192.0.2.1", "a wrong token", 401)
        with pytest.raises(NoSpace):
            await log.write()
    make_room(database)
    await log.write()
    found = await log.page(limit=10, before=None, action="a wrong token")
    assert [each.deed.count for each in found] == [5]


async def test_who_reads_waits_for_what_is_being_written(database: Database) -> None:
    log = AuditLog(database, days=1)
    plain, begun, go_on = database.write, anyio.Event(), anyio.Event()

    async def slow(work: object) -> object:
        begun.set()
        await go_on.wait()
        return await plain(work)  # type: ignore[arg-type]

    log.refuse("192.0.2.1", "a wrong token", 401)
    database.write = slow  # type: ignore[method-assign,assignment]
    seen: list[tuple[str, int | None]] = []

    async def read() -> None:
        seen.extend(await told(log))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(log.write)
        await begun.wait()
        tasks.start_soon(read)
        await anyio.sleep(0.05)
        assert seen == []
        go_on.set()
    assert seen == [("a wrong token", 401)]
