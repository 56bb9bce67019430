BEGIN TRANSACTION;
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
INSERT INTO "audit" VALUES(1,'2026-11-20T10:00:00.000Z','token','127.0.0.1','create project','/v1/projects','shop',NULL,200,1);
CREATE TABLE drafts (
        session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
        draft TEXT NOT NULL
    ) STRICT;
INSERT INTO "drafts" VALUES('01930000-0000-7000-8000-000000000002','[{"provider":"litellm","id":"openai/gpt-5.5","api":"openai-completions"},[{"text":"hm","signature":null,"type":"thinking"},{"text":"I beg","signature":null,"type":"text"}]]');
CREATE TABLE model_access (
        project_id TEXT PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
        enabled INTEGER NOT NULL DEFAULT 0,
        models TEXT,
        day_cost REAL,
        day_tokens INTEGER,
        token TEXT
    ) STRICT;
INSERT INTO "model_access" VALUES('shop',1,NULL,1.5,NULL,NULL);
CREATE TABLE port_leases (
        port INTEGER PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        environment TEXT NOT NULL CHECK (environment IN ('dev', 'prod')),
        UNIQUE (project_id, environment)
    ) STRICT;
INSERT INTO "port_leases" VALUES(3000,'shop','dev');
CREATE TABLE projects (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        created_at TEXT NOT NULL,
        directory TEXT NOT NULL,
        deployment TEXT
    , deleting INTEGER NOT NULL DEFAULT 0, account INTEGER, egress_policy TEXT CHECK (egress_policy IN ('open', 'list', 'none')), egress_hosts TEXT) STRICT;
INSERT INTO "projects" VALUES('shop','Shop','2026-11-25T09:00:00.123456+00:00','/workspace/shop','{"dev": {"port": 10007, "url": "https://x.example.com"}, "prod": null}',0,1,'list','["pypi.org"]');
INSERT INTO "projects" VALUES('blog','Blog','2026-11-26T09:00:00.123456+00:00','/workspace/blog',NULL,0,NULL,NULL,NULL);
CREATE TABLE records (
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        at TEXT NOT NULL,
        event TEXT NOT NULL,
        PRIMARY KEY (session_id, seq)
    ) STRICT;
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',1,'2026-11-25T09:00:01.123456+00:00','{"provider":"litellm","model_id":"openai/gpt-5.5","thinking":"high","type":"model_chosen"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',2,'2026-11-25T09:00:02.123456+00:00','{"turn":"0193-t1","prompt":{"text":"Build a shop – naïve ☃","images":[{"data":"aGk=","media_type":"image/png"}]},"type":"turn_started"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',3,'2026-11-25T09:00:03.123456+00:00','{"prompt":{"text":"and a cart","images":[]},"type":"prompt_queued"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',4,'2026-11-25T09:00:04.123456+00:00','{"turn":"0193-t1","reply":{"model":{"provider":"litellm","id":"openai/gpt-5.5","api":"openai-completions"},"blocks":[{"text":"half","signature":null,"type":"text"}],"usage":{"input":0,"output":0,"cache_read":0,"cache_write":0,"cost":{"input":0.0,"output":0.0,"cache_read":0.0,"cache_write":0.0}},"stop":"error","error":"overloaded"},"type":"model_replied"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',5,'2026-11-25T09:00:05.123456+00:00','{"turn":"0193-t1","attempt":1,"max_attempts":3,"delay_ms":2000,"error":"overloaded","type":"retry_started"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',6,'2026-11-25T09:00:06.123456+00:00','{"turn":"0193-t1","reply":{"model":{"provider":"litellm","id":"openai/gpt-5.5","api":"openai-completions"},"blocks":[{"text":"hm","signature":"s","type":"thinking"},{"text":"I look.","signature":"t","type":"text"},{"id":"c1","name":"bash","arguments":{"command":"ls","timeout":5},"problem":"","signature":"sig","type":"call"},{"id":"c2","name":"write","arguments":{},"problem":"not JSON","signature":null,"type":"call"}],"usage":{"input":10,"output":20,"cache_read":30,"cache_write":4,"cost":{"input":0.1,"output":0.2,"cache_read":0.03,"cache_write":0.04}},"stop":"toolUse","error":""},"type":"model_replied"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',7,'2026-11-25T09:00:07.123456+00:00','{"turn":"0193-t1","ok":true,"attempt":1,"error":"","type":"retry_ended"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',8,'2026-11-25T09:00:08.123456+00:00','{"turn":"0193-t1","call":{"id":"c1","name":"bash","arguments":{"command":"ls","timeout":5},"problem":"","signature":"sig","type":"call"},"type":"tool_started"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',9,'2026-11-25T09:00:09.123456+00:00','{"turn":"0193-t1","call_id":"c1","tool":"bash","result":{"ok":true,"text":"index.html","images":[{"data":"aGk=","media_type":"image/png"}]},"type":"tool_finished"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',10,'2026-11-25T09:00:10.123456+00:00','{"turn":"0193-t1","call":{"id":"c2","name":"write","arguments":{},"problem":"not JSON","signature":null,"type":"call"},"type":"tool_started"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',11,'2026-11-25T09:00:11.123456+00:00','{"turn":"0193-t1","call_id":"c2","tool":"write","result":{"ok":false,"text":"not JSON","images":[]},"type":"tool_finished"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',12,'2026-11-25T09:00:12.123456+00:00','{"turn":"0193-t1","prompt":{"text":"and a cart","images":[]},"type":"prompt_delivered"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',13,'2026-11-25T09:00:13.123456+00:00','{"turn":"0193-t1","reply":{"model":{"provider":"litellm","id":"openai/gpt-5.5","api":"openai-completions"},"blocks":[{"text":"Done.","signature":null,"type":"text"}],"usage":{"input":0,"output":0,"cache_read":0,"cache_write":0,"cost":{"input":0.0,"output":0.0,"cache_read":0.0,"cache_write":0.0}},"stop":"stop","error":""},"type":"model_replied"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',14,'2026-11-25T09:00:14.123456+00:00','{"turn":"0193-t1","outcome":"done","detail":"","type":"turn_ended"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000002',1,'2026-11-25T09:00:01.123456+00:00','{"turn":"0193-t2","prompt":{"text":"go on","images":[]},"type":"turn_started"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',15,'2026-11-25T23:59:58.123456+00:00','{"turn":"0193-t3","reason":"manual","type":"compaction_started"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',16,'2026-11-25T23:59:59.123456+00:00','{"turn":"0193-t3","reason":"manual","summary":"A shop.","first_kept":13,"tokens_before":900,"usage":{"input":5,"output":10,"cache_read":15,"cache_write":20,"cost":{"input":0.5,"output":1.0,"cache_read":0.0,"cache_write":0.0}},"type":"compacted"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',17,'2026-11-26T00:00:00.123456+00:00','{"turn":"0193-t3","outcome":"done","detail":"","type":"turn_ended"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',18,'2026-11-26T00:00:01.123456+00:00','{"turn":"0193-t4","reason":"manual","type":"compaction_started"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',19,'2026-11-26T00:00:02.123456+00:00','{"turn":"0193-t4","reason":"manual","error":"busy","type":"compaction_failed"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',20,'2026-11-26T00:00:03.123456+00:00','{"turn":"0193-t4","outcome":"done","detail":"","type":"turn_ended"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',21,'2026-11-26T00:00:04.123456+00:00','{"turn":"0193-t4","id":"0193-q1","question":{"method":"confirm","title":"Sure?","options":[],"text":"Really?"},"type":"question_asked"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',22,'2026-11-26T00:00:05.123456+00:00','{"id":"0193-q1","answer":{"value":null,"confirmed":true},"type":"question_answered"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000004',1,'2026-11-17T10:00:00+00:00','{"turn":"0193-t5","prompt":{"text":"go","images":[]},"type":"turn_started"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000004',2,'2026-11-17T10:00:01+00:00','{"turn":"0193-t5","reply":{"model":{"provider":"anthropic","id":"claude-opus-5","api":"anthropic-messages"},"blocks":[{"text":"Hi.","signature":null,"type":"text"}],"usage":{"input":1000,"output":2000,"cache_read":3000,"cache_write":4000,"cost":{"input":100.0,"output":200.0,"cache_read":0.0,"cache_write":0.0}},"stop":"stop","error":""},"type":"model_replied"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000004',3,'2026-11-17T10:00:02+00:00','{"turn":"0193-t5","outcome":"done","detail":"","type":"turn_ended"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000004',4,'2026-11-26T10:00:03+00:00','{"turn":"0193-t6","prompt":{"text":"go","images":[]},"type":"turn_started"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000004',5,'2026-11-26T10:00:04+00:00','{"turn":"0193-t6","reply":{"model":{"provider":"anthropic","id":"claude-opus-5","api":"anthropic-messages"},"blocks":[{"text":"Hi.","signature":null,"type":"text"}],"usage":{"input":7,"output":14,"cache_read":21,"cache_write":28,"cost":{"input":0.7,"output":1.4,"cache_read":0.0,"cache_write":0.0}},"stop":"aborted","error":""},"type":"model_replied"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000004',6,'2026-11-26T10:00:05+00:00','{"turn":"0193-t6","outcome":"done","detail":"","type":"turn_ended"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',23,'2026-11-26T11:00:23+00:00','{"type":"queue_cleared"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',24,'2026-11-26T11:00:24+00:00','{"turn":"0193-t6","id":"0193-w1","sentence":"Half of what a day may cost is spent.","type":"warned"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',25,'2026-11-26T11:00:25+00:00','{"turn":"0193-t6","checkpoint":"a94a8fe5ccb19ba61c4c0873d391e987982fbbd3","type":"checkpoint_taken"}');
INSERT INTO "records" VALUES('01930000-0000-7000-8000-000000000001',26,'2026-11-26T11:00:26+00:00','{"turn":"0193-t5","error":"No space left on device","type":"checkpoint_failed"}');
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
INSERT INTO "reservations" VALUES(1,'2026-11-20','shop','scripted','demo',10,20,0.0);
CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
        created_at TEXT NOT NULL,
        first_message TEXT NOT NULL DEFAULT '',
        message_count INTEGER NOT NULL DEFAULT 0,
        turn TEXT
    ) STRICT;
INSERT INTO "sessions" VALUES('01930000-0000-7000-8000-000000000001','shop','2026-11-25T09:00:00.123456+00:00','Build a shop – naïve ☃',7,NULL);
INSERT INTO "sessions" VALUES('01930000-0000-7000-8000-000000000002','shop','2026-11-25T09:00:00.123456+00:00','go on',1,'0193-t2');
INSERT INTO "sessions" VALUES('01930000-0000-7000-8000-000000000003','shop','2026-11-25T09:00:00.123456+00:00','',0,NULL);
INSERT INTO "sessions" VALUES('01930000-0000-7000-8000-000000000004','blog','2026-11-26T10:00:00+00:00','go',4,NULL);
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
INSERT INTO "usage" VALUES('2026-11-25','shop','01930000-0000-7000-8000-000000000001','litellm','openai/gpt-5.5',15,30,45,24,1.86999999999999988453e+00,2);
INSERT INTO "usage" VALUES('2026-11-26','blog','01930000-0000-7000-8000-000000000004','anthropic','claude-opus-5',7,14,21,28,2.09999999999999964472e+00,1);
CREATE INDEX sessions_by_project ON sessions (project_id, id);
CREATE INDEX sessions_running ON sessions (turn) WHERE turn IS NOT NULL;
CREATE INDEX usage_by_session ON usage (session_id, day);
CREATE INDEX usage_by_project ON usage (project_id, day);
CREATE UNIQUE INDEX projects_by_account ON projects (account);
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
CREATE UNIQUE INDEX model_access_by_token ON model_access (token);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('audit',1);
COMMIT;
PRAGMA user_version = 4;
