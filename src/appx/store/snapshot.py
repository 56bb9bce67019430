"""A copy of a database that somebody else may be writing to, and a look into a copy."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from appx.domain.errors import Invalid, NoSpace, NotFound, Unavailable


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
