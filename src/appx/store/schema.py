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
    # 3: what replies took, apart from the sessions, which may be deleted. It is filled from the logs: with what is
    # later than its session, since an imported conversation was paid elsewhere.
    """
    CREATE TABLE usage (
        day TEXT NOT NULL,
        project_id TEXT NOT NULL,
        session_id TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        input INTEGER NOT NULL,
        output INTEGER NOT NULL,
        cache_read INTEGER NOT NULL,
        cache_write INTEGER NOT NULL,
        cost REAL NOT NULL,
        replies INTEGER NOT NULL,
        PRIMARY KEY (day, project_id, session_id, provider, model)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX usage_by_session ON usage (session_id, day);
    CREATE INDEX usage_by_project ON usage (project_id, day);
    WITH paid AS MATERIALIZED (
        SELECT
            date(r.at) AS day, s.project_id, s.id AS session_id,
            coalesce(r.event ->> '$.reply.model', (
                SELECT b.event ->> '$.reply.model' FROM records b
                WHERE b.session_id = r.session_id AND b.seq < r.seq AND b.event LIKE '%"type":"model_replied"}'
                    AND json_valid(b.event)
                ORDER BY b.seq DESC LIMIT 1
            )) AS model,
            coalesce(r.event -> '$.reply.usage', r.event -> '$.usage') AS usage
        FROM records r JOIN sessions s ON s.id = r.session_id
        WHERE (r.event LIKE '%"type":"model_replied"}' OR r.event LIKE '%"type":"compacted"}')
            AND json_valid(r.event) AND julianday(r.at) >= julianday(s.created_at)
    )
    INSERT INTO usage
    SELECT
        day, project_id, session_id, model ->> 'provider', model ->> 'id',
        sum(usage ->> 'input'), sum(usage ->> 'output'), sum(usage ->> 'cache_read'), sum(usage ->> 'cache_write'),
        total(usage ->> '$.cost.input') + total(usage ->> '$.cost.output')
            + total(usage ->> '$.cost.cache_read') + total(usage ->> '$.cost.cache_write'),
        count(*)
    FROM paid
    WHERE model IS NOT NULL AND (
        usage ->> 'input' OR usage ->> 'output' OR usage ->> 'cache_read' OR usage ->> 'cache_write'
    )
    GROUP BY 1, 2, 3, 4, 5;
    """,
)
