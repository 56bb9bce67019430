"""The database: one file, one writer, one reader. What ``write`` returned from is on the disk."""

import errno
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from appx.domain.errors import AppxError, Misconfigured, NoSpace, Unavailable
from appx.kit.unfinished import unfinished_name
from appx.store.schema import MIGRATIONS
from appx.store.snapshot import schema_version, snapshot

T = TypeVar("T")

BUSY_MILLIS = 5_000
CLOSE_SECONDS = 5.0

CHECK_BYTES = 100 << 20
"""Up to this size the file is checked page by page after a crash. Measured for 100 MiB: 0.2 s, 2.7 s from a cold disk;
after a clean stop there is no reason to, and what it would have found is named when it is first read."""

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Database:
    """SQLite in WAL mode with ``synchronous=FULL``: a commit survives a power cut (measured in NORMAL: it does not).

    Work runs in a thread. When the caller is cancelled, work that has begun still ends and its result is returned.
    Raises NoSpace on a full disk, Unavailable on other failures of the disk; nothing of that transaction stays.
    """

    def __init__(self, path: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
        """Open or make the file, and bring its schema up to date: version n is what the first n ``migrations`` made.

        Raises Misconfigured when the file is not a database, is damaged, or belongs to a newer appx.
        """
        self.path = path
        try:
            crashed = _has_rest(path)
            path.touch(mode=0o600)  # SQLite gives its -wal and -shm files the mode of this one
            self._writer = _connect(path)
            _migrate(self._writer, path, migrations)
            _check_writable(self._writer, len(migrations))
            self._reader = _connect(path)
            if crashed and path.stat().st_size <= CHECK_BYTES:
                _check(self._reader)
        except (OSError, sqlite3.DatabaseError) as error:
            raise Misconfigured(_cannot_start(error, path)) from error
        self._one_writer = CapacityLimiter(1)
        self._one_reader = CapacityLimiter(1)
        self._writing, self._reading = Lock(), Lock()

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` as one transaction. It is on the disk when this returns."""

        def transaction() -> T:
            with self._writing, _our_errors(self.path), _transaction(self._writer):
                return work(self._writer)

        return await to_thread.run_sync(transaction, limiter=self._one_writer)

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work``, which only looks, beside a writer."""

        def look() -> T:
            with self._reading, _our_errors(self.path):
                return work(self._reader)

        return await to_thread.run_sync(look, limiter=self._one_reader)

    def close(self) -> None:
        """What a thread still uses stays open until the process ends: SQLite would crash."""
        for lock, connection in ((self._reading, self._reader), (self._writing, self._writer)):
            if lock.acquire(timeout=CLOSE_SECONDS):
                connection.close()
                lock.release()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLIS}")
    return connection


def _has_rest(path: Path) -> bool:
    """Whether the last server ended without closing it: a clean stop leaves no -wal file."""
    wal = path.with_name(f"{path.name}-wal")
    return wal.exists() and wal.stat().st_size > 0


def _check_writable(connection: sqlite3.Connection, version: int) -> None:
    """What SQLite cannot open for writing, it opens for reading, without a word and until it is closed."""
    connection.execute(f"PRAGMA user_version = {version}")


def _check(connection: sqlite3.Connection) -> None:
    problems = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
    if problems != ["ok"]:
        error = sqlite3.DatabaseError(problems[0].replace("\n", " "))
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[str]) -> None:
    version = schema_version(connection)
    if version > len(migrations):
        raise Misconfigured(
            f"The database {path} was written by a newer appx (schema {version}, this one knows {len(migrations)}). "
            "Start that version, or restore a backup that is older."
        )
    if 0 < version < len(migrations):
        _keep(path, version)
    for number, script in enumerate(migrations[version:], start=version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _keep(path: Path, version: int) -> None:
    """Leave a copy beside, for who wants to go back to the appx of that version. Raises NoSpace, Unavailable."""
    unfinished = path.with_name(unfinished_name())
    snapshot(path, unfinished)
    unfinished.replace(path.with_name(f"{path.name}.before-{version}"))


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
    except sqlite3.IntegrityError:  # a defect of ours
        raise
    except sqlite3.DatabaseError as error:
        raise _translated(error, path) from error


def _translated(error: sqlite3.DatabaseError, path: Path) -> AppxError:
    if _code(error) == sqlite3.SQLITE_FULL:
        return NoSpace(f"The disk that holds {path} is full. Nothing was changed. Make room, then try again.")
    if _code(error) in DAMAGED:
        return Unavailable(_damaged(error, path))
    return Unavailable(f"The database {path} does not work now: {error}. Nothing was changed.")


def _cannot_start(error: OSError | sqlite3.DatabaseError, path: Path) -> str:
    if isinstance(error, sqlite3.DatabaseError) and _code(error) in DAMAGED:
        return _damaged(error, path)
    full = error.errno == errno.ENOSPC if isinstance(error, OSError) else _code(error) == sqlite3.SQLITE_FULL
    if full:
        return f"The disk that holds {path} is full ({error}). Make room, then start again."
    return f"The database {path} cannot be opened ({error}). Look at the disk and at who may write there."


def _damaged(error: sqlite3.DatabaseError, path: Path) -> str:
    return (
        f"The database {path} is damaged ({error}). Put the newest backup in its place: stop the server, run "
        "`appx restore --force FILE` with the FILE that `appx backup` made, and start again. "
        "What is there now is put aside, not removed."
    )


def _code(error: sqlite3.DatabaseError) -> int:
    """The primary code; 0 for an error of Python's own."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
