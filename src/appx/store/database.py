"""The database: one file, one writer, one reader. What ``write`` returned from is on the disk."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from appx.domain.errors import AppxError, Misconfigured, NoSpace, Unavailable
from appx.store.schema import MIGRATIONS

T = TypeVar("T")

BUSY_MILLIS = 5_000


class Database:
    """SQLite in WAL mode with ``synchronous=FULL``: a commit survives a power cut (measured in NORMAL: it does not).

    Work runs in a thread. When the caller is cancelled, work that has begun still ends and its result is returned.
    Raises NoSpace on a full disk, Unavailable on other failures of the disk; nothing of that transaction stays.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file, and bring its schema up to date.

        Raises Misconfigured when the file is not a database, is damaged, or belongs to a newer appx.
        """
        self.path = path
        try:
            self._writer = _connect(path)
            _migrate(self._writer, path)
            self._reader = _connect(path)
        except sqlite3.DatabaseError as error:
            raise Misconfigured(
                f"The database {path} cannot be opened ({error}). Move it away together with its -wal and -shm files, "
                f"put the newest backup in its place, and start again."
            ) from error
        self._one_writer = CapacityLimiter(1)
        self._one_reader = CapacityLimiter(1)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` as one transaction. It is on the disk when this returns."""

        def transaction() -> T:
            with _our_errors(self.path), _transaction(self._writer):
                return work(self._writer)

        return await to_thread.run_sync(transaction, limiter=self._one_writer)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work``, which only looks, beside a writer."""

        def look() -> T:
            with _our_errors(self.path):
                return work(self._reader)

        return await to_thread.run_sync(look, limiter=self._one_reader)

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLIS}")
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise Misconfigured(
            f"The database {path} was written by a newer appx (schema {version}, this one knows {len(MIGRATIONS)}). "
            "Start that version, or restore a backup that is older."
        )
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _our_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise _translated(error, path) from error


def _translated(error: sqlite3.OperationalError, path: Path) -> AppxError:
    if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
        return NoSpace(f"The disk that holds {path} is full. Nothing was changed. Make room, then try again.")
    return Unavailable(f"The database {path} does not work now: {error}. Nothing was changed.")
