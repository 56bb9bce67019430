"""A copy of a database that somebody else may be writing to, and a look into a copy."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from appx.domain.errors import Invalid, NoSpace, NotFound, Unavailable
from appx.store.schema import MIGRATIONS

FIRST_WITH_ACCOUNTS = 4
"""The version of the schema."""


def snapshot(database: Path, target: Path) -> int:
    """Copy ``database`` as it is at one moment to ``target``; on the disk when this returns its schema version.

    Mode 0600 from the first byte on. A server goes on reading and writing meanwhile.
    Raises NotFound, NoSpace, Unavailable; ``target`` is then not there.
    """
    if not database.is_file():
        raise NotFound(f"There is no database {database}. WORKSPACE_DIR: name the workspace of the server.")
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, isolation_level=None)) as source:
            source.execute("PRAGMA busy_timeout = 5000")
            version = schema_version(source)
            source.execute("VACUUM INTO ?", (str(target),))
        with target.open("rb+") as file:
            os.fsync(file.fileno())
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error | OSError):
            raise _translated(error, database, target) from error
        raise
    return version


def schema_version(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def settle(database: Path, workspace: Path) -> list[str]:
    """Make a copy fit for ``workspace``, and answer the ids of its projects. Raises Invalid when it is damaged."""
    try:
        with closing(sqlite3.connect(database, isolation_level=None)) as copy:
            problems = [row[0] for row in copy.execute("PRAGMA integrity_check(1)")]
            if problems != ["ok"]:
                raise Invalid(f"The database in the backup is damaged: {problems[0]}. Nothing was changed.")
            copy.execute("UPDATE projects SET directory = ? || '/' || id", (str(workspace),))
            return [row[0] for row in copy.execute("SELECT id FROM projects ORDER BY id")]
    except sqlite3.Error as error:
        raise Invalid(f"The database in the backup is damaged: {error}. Nothing was changed.") from error


def accounts_of(database: Path) -> dict[str, int | None]:
    """The account of each project of a database, beside a server; those of an older one have none."""
    if not database.is_file():
        return {}
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as found:
            if not any(row[1] == "account" for row in found.execute("PRAGMA table_info(projects)")):
                return {}
            return dict(found.execute("SELECT id, account FROM projects"))
    except sqlite3.DatabaseError:
        return {}


def set_accounts(database: Path, accounts: Mapping[str, int | None]) -> None:
    """Into a database that nobody else uses; one that is too old for accounts is brought up to date first."""
    with closing(sqlite3.connect(database, isolation_level=None)) as copy:
        if any(account is not None for account in accounts.values()):
            for number, script in enumerate(MIGRATIONS[schema_version(copy) :], start=schema_version(copy) + 1):
                copy.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")
        if schema_version(copy) >= FIRST_WITH_ACCOUNTS:
            copy.execute("BEGIN")
            copy.execute("UPDATE projects SET account = NULL")
            copy.executemany("UPDATE projects SET account = ? WHERE id = ?", [(n, id_) for id_, n in accounts.items()])
            copy.execute("COMMIT")


def projects_of(database: Path) -> list[str] | None:
    """The ids of the projects of a database that nobody writes to; None when it cannot be read."""
    if not database.is_file():
        return []
    try:
        with closing(sqlite3.connect(database)) as found:
            if not schema_version(found):
                return []
            return [row[0] for row in found.execute("SELECT id FROM projects ORDER BY id")]
    except sqlite3.DatabaseError:
        return None


def _translated(error: sqlite3.Error | OSError, database: Path, target: Path) -> NoSpace | Unavailable:
    full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL or getattr(error, "errno", 0) == 28
    if full:
        return NoSpace(f"The disk that holds {target.parent} is full: the database needs a copy there. Make room.")
    return Unavailable(f"The database {database} cannot be copied to {target}: {error}.")
