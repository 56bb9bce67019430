"""The accounts of projects in a database that no server has open."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from appx.store.database import Database
from appx.store.schema import MIGRATIONS
from appx.store.snapshot import accounts_of, schema_version, set_accounts

INSERT = "INSERT INTO projects (id, name, created_at, directory) VALUES (?1, ?1, '2026-01-01', '')"


def made(path: Path, version: int) -> Path:
    Database(path, MIGRATIONS[:version]).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for name in ("tea", "shop"):
            db.execute(INSERT, (name,))
    return path


@pytest.mark.parametrize("version", [3, len(MIGRATIONS)])
def test_they_are_written_also_into_one_that_is_older_than_accounts(tmp_path: Path, version: int) -> None:
    path = made(tmp_path / "appx.db", version)
    assert set(accounts_of(path).values()) <= {None}
    set_accounts(path, {"tea": 7, "shop": None})
    assert accounts_of(path) == {"tea": 7, "shop": None}
    Database(path).close()


def test_where_there_are_none_an_old_one_stays_as_it_is(tmp_path: Path) -> None:
    path = made(tmp_path / "appx.db", 3)
    set_accounts(path, {"tea": None, "shop": None})
    with closing(sqlite3.connect(path)) as db:
        assert schema_version(db) == 3


def test_those_of_another_machine_are_forgotten(tmp_path: Path) -> None:
    path = made(tmp_path / "appx.db", len(MIGRATIONS))
    set_accounts(path, {"tea": 1, "shop": 2})
    set_accounts(path, {"tea": 2, "shop": None})
    assert accounts_of(path) == {"tea": 2, "shop": None}


def test_two_projects_never_have_the_same_one(tmp_path: Path) -> None:
    path = made(tmp_path / "appx.db", len(MIGRATIONS))
    with pytest.raises(sqlite3.IntegrityError):
        set_accounts(path, {"tea": 1, "shop": 1})


def test_of_no_database_there_are_none(tmp_path: Path) -> None:
    assert accounts_of(tmp_path / "appx.db") == {}
