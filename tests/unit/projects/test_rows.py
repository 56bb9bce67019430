"""A project is reserved before it is made, and takes nothing from another."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appx.domain.ids import ProjectId
from appx.projects import rows
from appx.projects.rows import Project
from appx.store.database import Database

pytestmark = pytest.mark.anyio

TEA = Project(
    id=ProjectId("tea"),
    name="Tea",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    directory="",
    deployment=None,
    account=1,
)


async def test_a_reserved_project_is_nobodys_until_it_is_made(tmp_path: Path) -> None:
    database = Database(tmp_path / "appx.db")
    await database.write(lambda db: rows.reserve(db, TEA))
    assert await database.read(lambda db: rows.by_id(db, TEA.id)) is None
    assert await database.read(rows.deleting) == ["tea"]
    assert await database.read(rows.accounts) == {"tea": 1}
    made = replace(TEA, directory="/workspace/tea")
    await database.write(lambda db: rows.insert(db, made))
    assert await database.read(lambda db: rows.by_id(db, TEA.id)) == made
    assert await database.read(rows.deleting) == []
    database.close()


@pytest.mark.parametrize(
    "other",
    [
        replace(TEA, id=ProjectId("two"), account=2),
        replace(TEA, id=ProjectId("two"), name="Two"),
    ],
    ids=["name", "account"],
)
async def test_neither_a_name_nor_an_account_is_taken_from_another(tmp_path: Path, other: Project) -> None:
    database = Database(tmp_path / "appx.db")
    await database.write(lambda db: rows.insert(db, TEA))
    for write in (rows.reserve, rows.insert):
        with pytest.raises(sqlite3.IntegrityError):
            await database.write(lambda db, write=write: write(db, other))  # type: ignore[misc]
    assert await database.read(lambda db: rows.by_id(db, TEA.id)) == TEA
    database.close()
