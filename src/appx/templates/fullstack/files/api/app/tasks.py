"""The tasks, in PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import psycopg
from psycopg.rows import class_row, scalar_row

# Each is carried out once, in this order. Only ever append to it.
MIGRATIONS = (
    """
    CREATE TABLE tasks (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        text text NOT NULL,
        done boolean NOT NULL DEFAULT false
    )
    """,
)
LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Task:
    id: int
    text: str
    done: bool


class Tasks:
    """A connection for each call. The first one that finds the database brings its schema up to date."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._migrating = Lock()
        self._ready = False

    def every(self) -> list[Task]:
        with self._connected() as db:
            return db.execute("SELECT id, text, done FROM tasks ORDER BY id").fetchall()

    def add(self, text: str) -> Task:
        with self._connected() as db:
            made = db.execute("INSERT INTO tasks (text) VALUES (%s) RETURNING id, text, done", (text,)).fetchone()
            assert made is not None
            return made

    def mark(self, number: int, done: bool) -> Task | None:
        """None when there is no such task."""
        with self._connected() as db:
            changed = "UPDATE tasks SET done = %s WHERE id = %s RETURNING id, text, done"
            return db.execute(changed, (done, number)).fetchone() if 0 < number <= LARGEST else None

    def remove(self, number: int) -> None:
        with self._connected() as db:
            if 0 < number <= LARGEST:
                db.execute("DELETE FROM tasks WHERE id = %s", (number,))

    def check(self) -> None:
        """Raises psycopg.OperationalError when the database does not answer."""
        with self._connected() as db:
            db.execute("SELECT 1 FROM tasks LIMIT 1")

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[Task]]:
        """One transaction."""
        with psycopg.connect(self._database, connect_timeout=5, row_factory=class_row(Task)) as db:
            if not self._ready:
                self._migrate(db)
            yield db

    def _migrate(self, db: psycopg.Connection[Task]) -> None:
        """Two releases may begin at once, so one waits for the other."""
        with self._migrating, db.cursor(row_factory=scalar_row) as at:
            at.execute("SELECT pg_advisory_xact_lock(1)")
            at.execute("CREATE TABLE IF NOT EXISTS migrations (number integer PRIMARY KEY)")
            done = at.execute("SELECT count(*) FROM migrations").fetchone()
            for number, statement in list(enumerate(MIGRATIONS))[done:]:
                at.execute(statement)
                at.execute("INSERT INTO migrations VALUES (%s)", (number,))
            db.commit()
            self._ready = True
