"""Whoever took the place of a workbench costs the server a bounded amount of memory and time, and one request."""

import json
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from appx.domain.errors import AppxError, Unavailable
from appx.kit import json_values
from appx.workbench import answers, remote, tree_remote, wire
from appx.workbench.bench import Command, Size
from appx.workbench.mcp import bounds
from appx.workbench.mcp.shapes import McpCall
from appx.workbench.remote import RemoteBench
from appx.workbench.tree import Look, When
from tests.fakes.false_bench import FLOOD, LIES, SILENCES, FalseBench, endless, whole
from tests.unit.workbench.conftest import PROJECT

pytestmark = pytest.mark.anyio

COMMAND = Command(line="true", project=PROJECT, time_limit=1.0)
CALL = McpCall(server="s", tool="t", arguments={}, time_limit=1.0, keep_bytes=1_000)
MOST_MEMORY = 40 << 20


async def ignore(*_: object) -> None:
    pass


async def nobody() -> AsyncIterator[bytes]:
    await anyio.sleep_forever()
    yield b""


async def opened(bench: RemoteBench) -> None:
    async with bench.tree.open(PROJECT, "a") as found:
        async for _ in found.chunks:
            pass


async def some() -> AsyncIterator[bytes]:
    yield b"data"


QUESTIONS: dict[str, Callable[[RemoteBench], Awaitable[object]]] = {
    "run": lambda bench: bench.run(COMMAND, lambda _: None),
    "stream": lambda bench: bench.stream(COMMAND, ignore),
    "terminal": lambda bench: bench.terminal(COMMAND, Size(columns=80, rows=24), nobody(), ignore),
    "read": lambda bench: bench.read(PROJECT, "a", limit=1_000),
    "create_project": lambda bench: bench.create_project(PROJECT),
    "pack": lambda bench: bench.pack(PROJECT, ignore),
    "mcp_servers": lambda bench: bench.mcp_servers(PROJECT),
    "call_mcp": lambda bench: bench.call_mcp(PROJECT, CALL),
    "entries": lambda bench: bench.tree.entries(PROJECT, Look()),
    "open": opened,
    "put": lambda bench: bench.tree.put(PROJECT, "a", some(), When()),
    "zip": lambda bench: bench.tree.zip(PROJECT, ".", ignore, everything=True),
    "move": lambda bench: bench.tree.move(PROJECT, "a", "b", replace=False),
}
MAY_BELIEVE = {"read", "mcp_servers"}
"""Any few bytes are a file, and any object lists no server."""


@pytest.mark.parametrize("lie", LIES)
async def test_what_makes_no_sense_is_unavailable(tmp_path: Path, lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST_BYTES", 2 << 20)
    monkeypatch.setattr(wire, "MOST_FRAME", 2 << 20)
    bench = RemoteBench(tmp_path / "s", patience=0.2)
    tracemalloc.start()
    try:
        async with FalseBench(LIES[lie]).serving(tmp_path / "s"):
            for name, ask in QUESTIONS.items():
                with anyio.fail_after(30), suppress(Unavailable) if name in MAY_BELIEVE else pytest.raises(AppxError):
                    await ask(bench)
            status = await bench.status()
            assert status.problems
            assert not await bench.ended()
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
        await bench.aclose()


@pytest.mark.parametrize("lie", SILENCES)
async def test_silence_ends(tmp_path: Path, lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (remote, tree_remote):
        monkeypatch.setattr(module, "SILENCE_SECONDS", 0.3)
    monkeypatch.setattr(remote, "GRACE_SECONDS", -0.7)
    monkeypatch.setattr(remote, "STATUS_SECONDS", 0.3)
    bench = RemoteBench(tmp_path / "s", patience=0.2)
    async with FalseBench(SILENCES[lie]).serving(tmp_path / "s"):
        for name, ask in QUESTIONS.items():
            with anyio.move_on_after(10) as scope:
                if lie == "hints" and name == "put":
                    continue  # who sends much may wait long, and only for itself
                with pytest.raises(Unavailable):
                    await ask(bench)
            assert not scope.cancelled_caught, f"{name} waits for ever"
        assert (await bench.status()).problems
    await bench.aclose()


async def test_a_flood_of_output_is_thinned_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "GRACE_SECONDS", 0.0)
    bench, shown = RemoteBench(tmp_path / "s"), list[str]()
    async with FalseBench(FLOOD).serving(tmp_path / "s"):
        with pytest.raises(Unavailable, match="was not done within"):
            await bench.run(COMMAND, shown.append)
    await bench.aclose()
    assert 2 <= len(shown) <= 3 * remote.OUTPUTS_PER_SECOND


async def test_what_has_more_values_than_anybody_needs_is_not_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of a million takes memory, and what is wrong with it takes more."""
    servers = [{"name": "a", "state": "off"}] * 100
    bench = RemoteBench(tmp_path / "s")
    async with FalseBench(whole(json.dumps({"servers": servers}).encode())).serving(tmp_path / "s"):
        assert len((await bench.mcp_servers(PROJECT)).servers) == bounds.MAX_SERVERS
        monkeypatch.setattr(json_values, "MOST_VALUES", 200)
        with pytest.raises(Unavailable, match="makes no sense"):
            await bench.mcp_servers(PROJECT)
    await bench.aclose()


async def test_an_output_in_other_words_is_none(tmp_path: Path) -> None:
    """It would not be thinned."""
    bench, shown = RemoteBench(tmp_path / "s"), list[str]()
    async with FalseBench(whole(b'{ "output": "a"}\n')).serving(tmp_path / "s"):
        with pytest.raises(Unavailable, match="makes no sense"):
            await bench.run(COMMAND, shown.append)
    await bench.aclose()
    assert shown == []


async def test_no_more_is_kept_than_was_asked_for(tmp_path: Path) -> None:
    said = b'{"output": "%s"}\n{"result": {"code": 0, "ended": "exit", "output": "%s", "total_bytes": 1, '
    said += b'"total_lines": 1, "full_output": "%s"}}\n'
    bench, shown = RemoteBench(tmp_path / "s"), list[str]()
    command = Command(line="true", project=PROJECT, time_limit=1.0, keep_bytes=10)
    async with FalseBench(whole(said % (b"a" * 50, b"b" * 50, b"c" * 5_000))).serving(tmp_path / "s"):
        done = await bench.run(command, shown.append)
    await bench.aclose()
    assert (shown, done.output, len(done.full_output or "")) == (["a" * 10], "b" * 10, remote.MOST_PATH)


async def test_a_file_has_no_more_bytes_than_were_announced(tmp_path: Path) -> None:
    bench = RemoteBench(tmp_path / "s")
    entry = {"path": "", "kind": "file", "size": 3, "modified": "2026-01-01T00:00:00Z", "tag": "a"}
    head = json.dumps({"entry": entry, "start": 0, "stop": 3}).encode()
    async with FalseBench(endless(b"ab", head=head)).serving(tmp_path / "s"), bench.tree.open(PROJECT, "a") as found:
        assert b"".join([each async for each in found.chunks]) == b"aba"
    await bench.aclose()
