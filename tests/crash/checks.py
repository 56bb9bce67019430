"""What must hold when a server is up again after a crash."""

import json
import os
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from appx.sessions import ledger
from appx.sessions.codec import decode_event
from tests.crash.book import Book, Json, ProjectNote, SessionNote, Shown, words
from tests.crash.life import Life
from tests.crash.people import DEMO, choose, listen, resolve

GOES_ON_SECONDS = 20.0


async def check_all(life: Life, book: Book, workspace: Path, *, killed_at: float, fresh: bool = True) -> None:
    """Everything. ``fresh``: the server has just started. Raises AssertionError with what is wrong."""
    if fresh:
        check_files(workspace)
    check_stored(workspace, book)
    await check_projects(life, book, workspace, fresh=fresh)
    async with anyio.create_task_group() as tasks:
        for session in book.sessions():
            tasks.start_soon(check_session, life, session, killed_at)
    check_database(workspace / ".pi-global" / "appx.db")


# --- the disk ---------------------------------------------------------------------------------------------------------


def check_files(workspace: Path) -> None:
    """Nothing half written, and nothing left behind by a write that did not end.

    Meanwhile the server removes what deletes left.
    """
    for top, folders, names in os.walk(workspace):
        if ".git" in folders:
            folders.remove(".git")
        for path in (Path(top, name) for name in (*folders, *names)):
            assert not path.name.startswith(".") or known(path), f"litter: {path}"
            with suppress(FileNotFoundError, NotADirectoryError):
                check_file(path)


def check_file(path: Path) -> None:
    if path.name == "index.html":
        text = path.read_text()
        assert text.startswith("<!doctype html>"), path
        assert text.endswith("</html>\n"), path
    elif path.suffix == ".json":
        json.loads(path.read_text())


def known(path: Path) -> bool:
    return path.name in {".pi", ".pi-global", ".git"}


def check_stored(workspace: Path, book: Book) -> None:
    """Keys and providers are what was acknowledged last, or asked for since."""
    keys = _json(workspace / ".pi-global" / "credentials.json")
    providers = _json(workspace / ".pi-global" / "models.json")
    effective = {
        "key openai": keys.get("openai", {}).get("key"),
        "provider lab": providers.get("lab", {}).get("baseUrl"),
    }
    for name, allowed in book.values.items():
        assert effective[name] in allowed, (name, effective[name], allowed)
        book.values[name] = [effective[name]]


def check_database(path: Path) -> None:
    """The file is sound, each record can be read and is booked, each turn has an end, no text waits for a reply."""
    with TemporaryDirectory() as folder, closing(sqlite3.connect(_reachable(path, Path(folder)))) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        for session, count, last in db.execute("SELECT session_id, count(*), max(seq) FROM records GROUP BY 1"):
            assert count == last, f"{session} lacks a record"
        paid: Counter[str] = Counter()
        for session, event in db.execute("SELECT session_id, event FROM records"):
            took = ledger.paid(decode_event(event))
            paid[session] += took[1].total if took is not None else 0
        booked = dict(
            db.execute("SELECT session_id, sum(input + output + cache_read + cache_write) FROM usage GROUP BY 1")
        )
        assert {session: booked.get(session, 0) for session in paid} == paid, "the ledger says what the logs say"
        assert db.execute("SELECT count(*) FROM drafts").fetchone() == (0,)


def _reachable(path: Path, folder: Path) -> Path:
    """SQLite resolves the root of another process to our own, so what is there is copied; nobody writes now."""
    if not path.is_relative_to("/proc"):
        return path
    for name in ("appx.db", "appx.db-wal"):
        if path.with_name(name).exists():
            (folder / name).write_bytes(path.with_name(name).read_bytes())
    return folder / path.name


def _json(path: Path) -> Json:
    found: Json = json.loads(path.read_text()) if path.exists() else {}
    return found


# --- projects ---------------------------------------------------------------------------------------------------------


async def check_projects(life: Life, book: Book, workspace: Path, *, fresh: bool) -> None:
    listed = {each["name"]: each for each in (await life.ok("GET", "/v1/projects"))["projects"]}
    for project in book.projects:
        found = listed.pop(project.name, None)
        was, project.state = project.state, resolve(project.state, found=found is not None)
        assert (project.state == "there") == (found is not None), (project, found)
        if found is None:
            if was == "asked":  # a create that was cut off may leave a directory, which the next one takes over
                project.id = ""
            elif fresh or was == "gone":
                await _check_gone(life, workspace / (project.id or "-"))
            continue
        assert project.id in {"", found["id"]}
        project.id = found["id"]
        if was != "there":
            await _settle(life, project, was, workspace / project.id)
        if project.state == "there":
            _check_deployment(project, found, workspace / project.id)
            await _check_rows(life, project)
    assert not listed, "a project that nobody asked for"


async def _check_gone(life: Life, directory: Path) -> None:
    """Its directory follows, at once or when the next server cleans up."""
    with anyio.move_on_after(GOES_ON_SECONDS):
        while directory.exists():
            await anyio.sleep(0.01)
    assert not directory.exists(), (sorted(directory.rglob("*")), life.said())


async def _settle(life: Life, project: ProjectNote, was: str, directory: Path) -> None:
    """A delete that was cut off can be sent again; a create too, and gives a project that works."""
    if was == "leaving" and len(project.name) % 2:
        await life.ok("DELETE", f"/v1/projects/{project.id}")
        project.state = "gone"
        assert not directory.exists()
    else:
        again = await life.ok("POST", "/v1/projects", {"name": project.name})
        assert again["id"] == project.id
        assert (directory / ".git" / "HEAD").exists()


def _check_deployment(project: ProjectNote, found: Json, directory: Path) -> None:
    """The file may be ahead of the answer by a change that was cut off."""
    assert found.get("deployment") in project.deployments, (found, project)
    stored = _json(directory / ".pi" / "deployment.json")
    assert stored.pop("project") == project.id
    assert (stored or None) in project.deployments, (stored, project)
    project.deployments = list({json.dumps(each): each for each in (found.get("deployment"), stored or None)}.values())


async def _check_rows(life: Life, project: ProjectNote) -> None:
    rows = (await life.ok("GET", f"/v1/projects/{project.id}/sessions"))["sessions"]
    there = {row["id"] for row in rows}
    for session in project.sessions:
        session.state = resolve(session.state, found=session.id in there)
        assert (session.state == "there") == (session.id in there), (session.state, session.path)
        there.discard(session.id)
    assert len(there) <= project.unknown_sessions, there
    project.sessions += [SessionNote(path=f"/v1/projects/{project.id}/sessions/{each}") for each in there]
    project.unknown_sessions = 0
    assert not [row for row in rows if row["running"]], "hangs as running"


# --- sessions ---------------------------------------------------------------------------------------------------------


async def check_session(life: Life, session: SessionNote, killed_at: float) -> None:
    kept, base = session.shown.kept_at(killed_at), session.shown.seq
    said = await life.ok("GET", session.path)
    replayed = await replay(life, session.path, 0, said["seq"])
    facts = session.shown.facts
    assert replayed.facts[: len(facts)] == facts, (
        "shown and changed",
        session.path,
        *_difference(replayed.facts, facts),
    )
    if kept:
        _check_text(kept, (await replay(life, session.path, base, said["seq"])).facts)
    check_conversation(said["messages"])
    kinds = Counter(event["type"] for event in replayed.facts)
    assert kinds["agent_start"] == kinds["agent_end"], kinds
    await _check_settings(life, session)
    await _goes_on(life, session)


async def replay(life: Life, path: str, after: int, until: int) -> Shown:
    note = SessionNote(path=path)
    note.shown.seq = after
    if until > after:
        async with life.http.stream("GET", f"{path}/events", params={"after": str(after)}) as answer:
            with anyio.fail_after(GOES_ON_SECONDS):
                await listen(answer, note, until)
    return note.shown


def _check_text(kept: str, facts: list[Json]) -> None:
    replies = [
        words(event["message"])
        for event in facts
        if event["type"] == "message_end" and event["message"]["role"] == "assistant"
    ]
    assert replies, ("text that was shown is lost", kept[-80:])
    assert replies[0].startswith(kept), ("text that was shown is lost", len(replies[0]), len(kept))


def check_conversation(messages: list[Json]) -> None:
    """Each call has its one result, right after the reply that made it."""
    calls: list[str] = []
    for message in messages:
        if message["role"] == "toolResult":
            assert message["toolCallId"] in calls, message
            calls.remove(message["toolCallId"])
            continue
        assert not calls, ("calls without a result", calls)
        if message["role"] == "assistant" and message["stopReason"] not in {"error", "aborted"}:
            calls = [block["id"] for block in message["content"] if block["type"] == "toolCall"]
    assert not calls, ("calls without a result", calls)


async def _check_settings(life: Life, session: SessionNote) -> None:
    found = (await life.ok("GET", f"{session.path}/settings"))["model"]
    now = {"provider": found["provider"], "modelId": found["id"]}
    assert now in session.settings or None in session.settings, ("settings are lost", now, session.settings)
    if now != DEMO:
        await choose(life, session, DEMO)


async def _goes_on(life: Life, session: SessionNote) -> None:
    """Another prompt becomes a turn that ends well; by then every prompt that was acknowledged was delivered."""
    before = (await life.ok("GET", session.path))["seq"]
    text = f"say: on after {before}"
    await life.ok("POST", f"{session.path}/prompt", {"text": text})
    await idle(life, session)
    said = await life.ok("GET", session.path)
    ends = [event for event in (await replay(life, session.path, before, said["seq"])).facts if "outcome" in event]
    assert [event["outcome"] for event in ends] == ["done"], ends
    check_conversation(said["messages"])
    given = Counter(words(message) for message in said["messages"] if message["role"] == "user")
    session.prompts[text] = True
    for prompt, acknowledged in tuple(session.prompts.items()):
        assert given[prompt] == 1 or (not acknowledged and given[prompt] == 0), (prompt, given[prompt], acknowledged)
        if given[prompt]:
            session.prompts[prompt] = True
        else:
            del session.prompts[prompt]
    assert set(given) <= set(session.prompts), "a prompt that nobody gave"


async def idle(life: Life, session: SessionNote) -> None:
    """Wait until no turn runs."""
    with anyio.fail_after(GOES_ON_SECONDS):
        while (await life.ok("GET", f"{session.path}/settings"))["isStreaming"]:
            await anyio.sleep(0.03)


def _difference(replayed: list[Json], facts: list[Json]) -> list[str]:
    """Around the first event that is not the same."""
    place = next((n for n, pair in enumerate(zip(replayed, facts, strict=False)) if pair[0] != pair[1]), 0)
    window = slice(max(0, place - 2), place + 3)
    return [json.dumps(each)[:300] for each in ("replayed", *replayed[window], "shown", *facts[window])]
