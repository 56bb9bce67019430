"""The rows of a list come by an index, a page at a time."""

import sqlite3
from pathlib import Path

import pytest

from appx.domain.ids import ProjectId, SessionId
from appx.kit import clock
from appx.projects import rows as projects
from appx.projects.rows import Project
from appx.sessions import rows
from appx.sessions.row import SessionRow
from appx.store.database import Database

pytestmark = pytest.mark.anyio

SHOP = ProjectId("shop")
IDS = [SessionId(f"{number:08x}") for number in range(1000)]


def fill(db: sqlite3.Connection) -> None:
    for name in (SHOP, ProjectId("other")):
        projects.insert(db, Project(id=name, name=name, created_at=clock.now(), directory="/", deployment=None))
    for each in IDS:
        rows.insert(db, SessionRow(id=each, project=SHOP, created_at=clock.now()))


@pytest.fixture
async def database(tmp_path: Path) -> Database:
    database = Database(tmp_path / "appx.db")
    await database.write(fill)
    return database


async def test_the_pages_of_a_list_are_the_list(database: Database) -> None:
    whole = await database.read(lambda db: rows.of_project(db, SHOP))
    assert [row.id for row in whole] == IDS[::-1]
    found: list[SessionRow] = []
    while len(found) < len(IDS):
        before = found[-1].id if found else rows.NEWEST
        more = await database.read(lambda db, before=before: rows.of_project(db, SHOP, limit=300, before=before))  # type: ignore[misc]
        assert more
        found += more
    assert found == whole
    assert await database.read(lambda db: rows.of_project(db, SHOP, limit=5, before=IDS[0])) == []
    assert await database.read(lambda db: rows.of_project(db, ProjectId("other"))) == []


async def test_a_list_is_read_by_an_index_without_sorting(database: Database) -> None:
    def plan(db: sqlite3.Connection) -> str:
        return "; ".join(row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {rows.OF_PROJECT}", (SHOP, "~", 10)))

    found = await database.read(plan)
    assert found == "SEARCH sessions USING INDEX sessions_by_project (project_id=? AND id<?)"
