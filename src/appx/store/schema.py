"""The schema, as the list of migrations that led to it. Only ever append to the list.

Each is one transaction. When you append one, put what the version before writes into ``tests/unit/store/data``.
"""

MIGRATIONS: tuple[str, ...] = (
    # 1: projects, sessions and their logs.
    """
    CREATE TABLE projects (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        created_at TEXT NOT NULL,
        directory TEXT NOT NULL,
        deployment TEXT
    ) STRICT;
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        created_at TEXT NOT NULL,
        first_message TEXT NOT NULL DEFAULT '',
        message_count INTEGER NOT NULL DEFAULT 0,
        turn TEXT
    ) STRICT;
    CREATE INDEX sessions_by_project ON sessions (project_id, id);
    CREATE INDEX sessions_running ON sessions (turn) WHERE turn IS NOT NULL;
    CREATE TABLE records (
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        at TEXT NOT NULL,
        event TEXT NOT NULL,
        PRIMARY KEY (session_id, seq)
    ) STRICT;
    CREATE TABLE drafts (
        session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
        draft TEXT NOT NULL
    ) STRICT;
    """,
    # 2: a project that is being deleted is gone for everybody, and a crash does not bring it back.
    """
    ALTER TABLE projects ADD COLUMN deleting INTEGER NOT NULL DEFAULT 0;
    """,
)
