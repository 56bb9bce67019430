"""Many at once, over real sockets, against a server in a process of its own. ``bench/load.py`` prints the numbers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.flows.apart import Apart, apart

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

SESSIONS = 64
IDLE = 500
IDLE_KIB = 64
"""What a session that nobody prompts may hold, together with its reader and their connection."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Apart]:
    async with apart(tmp_path) as server:
        yield server


async def at_once(work: Callable[[str], Awaitable[object]], sessions: Iterable[str]) -> None:
    async def one(session: str) -> None:
        await work(session)

    async with anyio.create_task_group() as tasks:
        for session in sessions:
            tasks.start_soon(one, session)


async def sessions(server: Apart, count: int, project: str = "demo") -> list[str]:
    return [await server.session(project) for _ in range(count)]


def texts(messages: list[dict[str, Any]], role: str) -> list[str]:
    return [part["text"] for each in messages if each["role"] == role for part in each["content"] if "text" in part]


async def running(server: Apart, found: Iterable[str], command: str = "echo begun; sleep 60") -> None:
    """Let every session run a command that has begun when this returns."""

    async def begin(session: str) -> None:
        async with server.events(session, lean=True) as reader:
            await server.prompt(session, f"run: {command}")
            await reader.until("tool_execution_update")

    await at_once(begin, found)


async def test_64_sessions_run_at_once_and_none_is_lost(server: Apart) -> None:
    found = await sessions(server, SESSIONS)
    ended: dict[str, list[dict[str, Any]]] = {}

    async def run(session: str) -> None:
        async with server.events(session, lean=True) as reader:
            await server.prompt(session, f"run: sleep 0.5; echo I am {session}")
            ended[session] = await reader.until("agent_end")

    await at_once(run, found)

    assert ended.keys() == set(found)
    for session, events in ended.items():
        assert events[-1]["outcome"] == "done"
        results = texts(events[-1]["messages"], "toolResult")
        assert [text.splitlines()[0] for text in results] == [f"I am {session}"]
        assert await server.messages(session) == events[-1]["messages"], "stored as it was shown"
    await server.no_commands()


async def test_each_of_64_running_sessions_takes_a_second_prompt_into_its_turn(server: Apart) -> None:
    found = await sessions(server, SESSIONS)

    async def run(session: str) -> None:
        async with server.events(session, lean=True) as reader:
            await server.prompt(session, "run: sleep 0.5")
            await reader.until("tool_execution_start")
            await server.prompt(session, f"say: steered {session}")
            told = await reader.until("agent_end")
        assert (told[-1]["outcome"], [each["type"] for each in told].count("agent_start")) == ("done", 0)

    await at_once(run, found)

    for session in found:
        messages = await server.messages(session)
        assert texts(messages, "user") == ["run: sleep 0.5", f"say: steered {session}"]
        assert texts(messages, "assistant")[-1] == f"steered {session}"


async def test_64_turns_are_aborted_at_once_and_leave_no_process(server: Apart) -> None:
    found = await sessions(server, SESSIONS)
    await running(server, found)
    assert server.commands() >= SESSIONS

    await at_once(lambda session: server.ok("POST", f"{session}/abort"), found)

    await server.no_commands()
    rows = (await server.ok("GET", found[0].rpartition("/")[0]))["sessions"]
    assert [row["running"] for row in rows] == [False] * SESSIONS
    for session in found:
        last = (await server.messages(session))[-1]
        assert (last["role"], last["isError"]) == ("toolResult", True), "the call has a result: that it was stopped"


async def test_projects_are_deleted_at_once_while_their_sessions_run(server: Apart) -> None:
    names = [f"p{number}" for number in range(8)]
    found = [session for name in names for session in await sessions(server, 4, name)]
    await running(server, found)

    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(server.events(session, lean=True)) for session in found]
        await at_once(lambda name: server.ok("DELETE", f"/v1/projects/{name}"), names)
        for reader in readers:
            await reader.rest()

    await server.no_commands()
    assert await server.ok("GET", "/v1/projects") == {"projects": []}
    for session in found:
        assert (await server.call("GET", session))[0] == 404
    assert (await server.ok("GET", "/v1/healthz"))["channels"] == {}


async def test_500_idle_sessions_and_their_readers_hold_little_memory_and_compute_nothing(server: Apart) -> None:
    found = await sessions(server, IDLE)
    async with server.listening(found[0]):
        before = server.memory()
    async with AsyncExitStack() as stack:
        for session in found:
            await stack.enter_async_context(server.listening(session))
        assert sum((await server.ok("GET", "/v1/healthz"))["channels"].values()) == IDLE
        assert (server.memory() - before) / IDLE < IDLE_KIB

        computed = server.cpu()
        await anyio.sleep(2)
        assert server.cpu() - computed < 0.2

        async with server.events(found[-1]) as reader:
            await server.prompt(found[-1], "say: still here")
            assert (await reader.until("agent_end"))[-1]["outcome"] == "done"
    await server.all_left()
