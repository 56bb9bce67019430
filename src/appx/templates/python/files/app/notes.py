"""The notes, in SQLite."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Each is carried out once, in this order. Only ever append to it.
MIGRATIONS = (
    """
    CREATE TABLE notes (
        id INTEGER PRIMARY KEY,
        text TEXT NOT NULL,
        created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    ) STRICT
    """,
)


@dataclass(frozen=True)
class Note:
    text: str
    created_at: str


class Notes:
    """A connection for each call: SQLite's belong to one thread, and the routes run in several."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file
        with self._connected() as db:
            db.execute("PRAGMA journal_mode = WAL")
            self._migrate(db)

    def add(self, text: str) -> None:
        with self._connected() as db:
            db.execute("INSERT INTO notes (text) VALUES (?)", (text,))

    def newest(self, limit: int) -> list[Note]:
        with self._connected() as db:
            found = db.execute("SELECT text, created_at FROM notes ORDER BY id DESC LIMIT ?", (limit,))
            return [Note(text, created_at) for text, created_at in found]

    def check(self) -> None:
        """Raises sqlite3.Error when the database does not work."""
        with self._connected() as db:
            db.execute("SELECT 1 FROM notes LIMIT 1").fetchall()

    def _migrate(self, db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")  # two releases may begin at once
        (done,) = db.execute("PRAGMA user_version").fetchone()
        for statement in MIGRATIONS[done:]:
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        db = sqlite3.connect(self._file, timeout=10)
        try:
            with db:
                yield db
        finally:
            db.close()
