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
    # 4: which uid works for a project: the number of one of the image's, or none for the one that all share.
    """
    ALTER TABLE projects ADD COLUMN account INTEGER;
    CREATE UNIQUE INDEX projects_by_account ON projects (account);
    -- The audit log. An entry is made before the change that it tells of, and its outcome is filled in once; nothing
    -- else of it ever changes, and it goes only by age. Of what was refused, one entry counts a minute of an address.
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at TEXT NOT NULL,
        who TEXT NOT NULL,
        address TEXT NOT NULL,
        action TEXT NOT NULL,
        path TEXT NOT NULL,
        project_id TEXT,
        session_id TEXT,
        status INTEGER,
        count INTEGER NOT NULL DEFAULT 1
    ) STRICT;
    CREATE INDEX audit_by_action ON audit (action, id);
    CREATE INDEX audit_refused ON audit (id) WHERE who = 'nobody';
    CREATE TRIGGER audit_stays BEFORE UPDATE OF id, at, who, address, action, path ON audit
    BEGIN
        SELECT raise(ABORT, 'an entry of the audit log stays as it is');
    END;
    CREATE TRIGGER audit_has_one_outcome BEFORE UPDATE OF status ON audit
    WHEN old.status IS NOT NULL AND new.status IS NOT old.status
    BEGIN
        SELECT raise(ABORT, 'an entry of the audit log has its outcome');
    END;
    CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
    WHEN old.who <> 'nobody' AND julianday(old.at) > julianday('now') - 0.9
    BEGIN
        SELECT raise(ABORT, 'an entry of the audit log is kept for a day');
    END;

    -- Model access for the apps of a project: what a person allowed, and what requests that run may still take.
    -- models: a JSON list of provider/model; null: all. token: the SHA-256 of it, in hexadecimal.
    CREATE TABLE model_access (
        project_id TEXT PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
        enabled INTEGER NOT NULL DEFAULT 0,
        models TEXT,
        day_cost REAL,
        day_tokens INTEGER,
        token TEXT
    ) STRICT;
    CREATE UNIQUE INDEX model_access_by_token ON model_access (token);
    CREATE TABLE reservations (
        id INTEGER PRIMARY KEY,
        day TEXT NOT NULL,
        project_id TEXT NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        input INTEGER NOT NULL,
        output INTEGER NOT NULL,
        cost REAL NOT NULL
    ) STRICT;

    -- What a project may reach; none of both: what the settings say. The hosts are a JSON list.
    ALTER TABLE projects ADD COLUMN egress_policy TEXT CHECK (egress_policy IN ('open', 'list', 'none'));
    ALTER TABLE projects ADD COLUMN egress_hosts TEXT;

    -- Which of the published ports leads to which project: each has a network of its own, so two could listen on one.
    CREATE TABLE port_leases (
        port INTEGER PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        environment TEXT NOT NULL CHECK (environment IN ('dev', 'prod')),
        UNIQUE (project_id, environment)
    ) STRICT;
    """,
    # 5: what projects run. A release is an image that was built; an app is an environment as it is wanted; a rollout is
    # a try to bring a release into an environment.
    """
    CREATE TABLE releases (
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        at TEXT NOT NULL,
        image TEXT NOT NULL,
        checkpoint TEXT NOT NULL,
        size INTEGER NOT NULL,
        port INTEGER NOT NULL,
        volumes TEXT NOT NULL,
        PRIMARY KEY (project_id, number)
    ) STRICT;
    CREATE TABLE apps (
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        environment TEXT NOT NULL CHECK (environment IN ('dev', 'prod')),
        release INTEGER NOT NULL,
        wanted TEXT NOT NULL CHECK (wanted IN ('running', 'stopped')),
        health TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (project_id, environment),
        FOREIGN KEY (project_id, release) REFERENCES releases (project_id, number)
    ) STRICT;
    CREATE TABLE rollouts (
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        environment TEXT NOT NULL CHECK (environment IN ('dev', 'prod')),
        kind TEXT NOT NULL CHECK (kind IN ('deploy', 'promote', 'rollback')),
        status TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed', 'interrupted')),
        started_at TEXT NOT NULL,
        ended_at TEXT,
        release INTEGER,
        reason TEXT NOT NULL DEFAULT '',
        tail TEXT NOT NULL DEFAULT '',
        steps TEXT NOT NULL DEFAULT '[]',
        PRIMARY KEY (project_id, number)
    ) STRICT;
    CREATE INDEX rollouts_running ON rollouts (status) WHERE status = 'running';
    CREATE TABLE app_variables (
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        environment TEXT NOT NULL CHECK (environment IN ('dev', 'prod')),
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (project_id, environment, name)
    ) STRICT, WITHOUT ROWID;
    """,
    # 6: an app of several services. What is started, as JSON for compose; empty: one container of the image.
    """
    ALTER TABLE releases ADD COLUMN compose TEXT NOT NULL DEFAULT '';
    ALTER TABLE releases ADD COLUMN services TEXT NOT NULL DEFAULT '[]';
    """,
)
