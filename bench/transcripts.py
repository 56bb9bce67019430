"""How quickly a long transcript opens, against a floor measured in the same run: ``json.loads`` of the same bytes.

    .venv/bin/python bench/transcripts.py [MEGABYTES]

``cold``: the session is not in memory. Each number is the best of three, so that others on the machine count less.
"""
# ruff: noqa: SLF001  it puts sessions away before they are idle

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import anyio
import httpx2

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.flows.api import Api, serving

from appx.domain.events import (
    Event,
    ModelReplied,
    Record,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnStarted,
)
from appx.domain.ids import CallId, ProjectId, Seq, TurnId
from appx.domain.messages import ModelRef, Reply, Text, Thinking, ToolCall, ToolResult, UserMessage
from appx.kit import clock

REF = ModelRef(provider="litellm", id="openai/gpt-5.5", api="openai-completions")
WORDS = 'The quick brown fox ☃ jumps over "the" lazy dog.\n' * 100
ROUNDS = 3
SESSIONS = 1_000


def turn(number: int) -> list[Event]:
    """A prompt, a command with 5,000 characters of output, an answer: about 7 KB."""
    name = TurnId(f"t{number}")
    call = ToolCall(id=CallId(f"c{number}"), name="bash", arguments={"command": WORDS[:200]})
    first = Reply(model=REF, blocks=(Thinking(text=WORDS[:400]), Text(text=WORDS[:200]), call), stop="toolUse")
    result = ToolResult(ok=True, text=WORDS)
    return [
        TurnStarted(turn=name, prompt=UserMessage(text=WORDS[:200])),
        ModelReplied(turn=name, reply=first),
        ToolStarted(turn=name, call=call),
        ToolFinished(turn=name, call_id=call.id, tool="bash", result=result),
        ModelReplied(turn=name, reply=Reply(model=REF, blocks=(Text(text=WORDS[:400]),))),
        TurnEnded(turn=name, outcome="done"),
    ]


async def best(work: Callable[[], Awaitable[object]], before: Callable[[], Awaitable[object]]) -> float:
    """Seconds."""
    found = []
    for _ in range(ROUNDS):
        await before()
        began = time.perf_counter()
        await work()
        found.append(time.perf_counter() - began)
    return min(found)


async def ready(session: str, http: httpx2.AsyncClient) -> None:
    """Until the first line of the stream of events."""
    async with http.stream("GET", f"{session}/events") as answer:
        async for _ in answer.aiter_lines():
            return


async def measure(megabytes: float, directory: Path) -> None:
    async with serving(directory) as api:
        api.http.timeout = httpx2.Timeout(300)
        await api.ok("POST", "/v1/projects", {"name": "bench"})
        session = await fill(api, megabytes)
        stored = await anyio.to_thread.run_sync(rows, directory / ".pi-global/appx.db")
        size = sum(map(len, stored))
        sessions = api.server._sessions

        async def nothing() -> None:
            pass

        async def parse() -> None:
            for row in stored:
                json.loads(row)

        async def put_away() -> None:
            for live in list(sessions._live.values()):
                await live.log.put_away(0)
                await sessions._end_drive(live)

        floor = await best(parse, nothing)
        print(f"{size / 1e6:.1f} MB in {len(stored)} records; floor {floor * 1e3:.0f} ms")
        for name, work, before in (
            ("messages, cold", lambda: api.http.get(session), put_away),
            ("messages, warm", lambda: api.http.get(session), nothing),
            ("last 50 messages, warm", lambda: api.http.get(f"{session}?limit=50"), nothing),
            ("events until connected, cold", lambda: ready(session, api.http), put_away),
            ("events until connected, warm", lambda: ready(session, api.http), nothing),
            ("export, warm", lambda: api.http.get(f"{session}/export"), nothing),
            (f"{SESSIONS} sessions in a list", lambda: api.http.get("/v1/projects/bench/sessions"), nothing),
        ):
            seconds = await best(work, before)
            print(f"{name:32} {seconds * 1e3:8.1f} ms  {seconds / floor:6.2f} x floor")


async def fill(api: Api, megabytes: float) -> str:
    """One long session among many empty ones."""
    events = [event for number in range(int(megabytes * 1e6 / 7_700)) for event in turn(number)]
    now = clock.now()
    records = [Record(seq=Seq(number), at=now, event=event) for number, event in enumerate(events, 1)]
    row = await api.server._sessions.adopt(ProjectId("bench"), records)
    for _ in range(SESSIONS - 1):
        await api.ok("POST", "/v1/projects/bench/sessions")
    return f"/v1/projects/bench/sessions/{row.id}"


def rows(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [row[0] for row in db.execute("SELECT event FROM records ORDER BY seq")]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        anyio.run(measure, float(sys.argv[1]) if len(sys.argv) > 1 else 10.0, Path(directory))
