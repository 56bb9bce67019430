"""Whatever a workbench says, and in however small pieces, others have their turn meanwhile."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.lowlevel
import httpx2
import pytest
from typing_extensions import override

from appx.domain.errors import Unavailable
from appx.workbench import answers, wire
from appx.workbench.answers import Answer
from appx.workbench.bench import Command
from appx.workbench.remote import RemoteBench
from tests.fakes.false_bench import FalseBench, whole
from tests.unit.workbench.conftest import PROJECT

pytestmark = pytest.mark.anyio

PIECES = 5_000
MOST_AT_ONCE = 60


@dataclass(slots=True)
class Counted:
    """How many pieces came while nobody else had a turn: ``most`` at once."""

    now: int = 0
    most: int = 0

    async def take(self, *_: object) -> None:
        self.now += 1
        self.most = max(self.most, self.now)

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        """With another task, which works whenever it may."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._turn)
            yield
            tasks.cancel_scope.cancel()

    async def _turn(self) -> None:
        while True:
            self.now = 0
            await anyio.lowlevel.checkpoint()


class AtOnce(httpx2.AsyncByteStream):
    """A body that is there already, a byte at a time."""

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(PIECES):
            yield b"x"


async def test_others_have_their_turn_between_frames_of_one_byte() -> None:
    async def part() -> AsyncIterator[bytes]:
        yield wire.frame(b"x") * PIECES + wire.frame(b"") + b"{}"

    counted = Counted()
    async with counted.beside():
        await wire.hand_over(part(), counted.take)
    assert 0 < counted.most <= MOST_AT_ONCE


async def test_others_have_their_turn_between_parts_of_one_byte() -> None:
    counted = Counted()
    async with counted.beside():
        async for _ in Answer(httpx2.Response(200, stream=AtOnce())).parts():
            await counted.take()
    assert 0 < counted.most <= MOST_AT_ONCE


QUESTIONS: dict[str, Callable[[RemoteBench, Counted], Awaitable[object]]] = {
    "stream": lambda bench, counted: bench.stream(Command(line="", project=PROJECT, time_limit=60), counted.take),
    "pack": lambda bench, counted: bench.pack(PROJECT, counted.take),
    "zip": lambda bench, counted: bench.tree.zip(PROJECT, ".", counted.take, everything=True),
}


@pytest.mark.parametrize("name", QUESTIONS)
async def test_others_have_their_turn_whatever_a_false_workbench_says(tmp_path: Path, name: str) -> None:
    said = wire.frame(b"\1\n" if name == "stream" else b"x") * PIECES + wire.frame(b"") + b"{}"
    bench, counted = RemoteBench(tmp_path / "s"), Counted()
    async with FalseBench(whole(said)).serving(tmp_path / "s"), counted.beside():
        await QUESTIONS[name](bench, counted)
    await bench.aclose()
    assert 0 < counted.most <= MOST_AT_ONCE


async def test_the_rest_is_as_long_as_the_work_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, rests = [0.0], list[float]()

    async def sleep(seconds: float) -> None:
        rests.append(round(seconds, 6))

    monkeypatch.setattr(time, "thread_time", lambda: clock[0])
    monkeypatch.setattr(anyio, "sleep", sleep)
    turns = answers.Turns()
    for took in (0.001, 0.003, 0.002, 0.001, 7.0):
        clock[0] += took
        await turns.end()
    assert rests == [0.006, answers.MOST_REST_SECONDS]


async def test_what_a_workbench_says_is_kept_and_told_within_bounds(tmp_path: Path) -> None:
    bench, long = RemoteBench(tmp_path / "s"), "x" * 50_000
    said = json.dumps({"podman": long, "problems": [long] * 30, "notes": [long] * 30}).encode()
    async with FalseBench(whole(said)).serving(tmp_path / "s"):
        status = await bench.status()
    assert len(json.dumps([status.podman, status.problems, status.notes])) < 100_000
    async with FalseBench(whole(json.dumps({"directory": long}).encode())).serving(tmp_path / "s"):
        with pytest.raises(Unavailable, match="makes no sense"):
            await bench.create_project(PROJECT)
    async with FalseBench(whole(json.dumps({"problems": [long] * 30}).encode())).serving(tmp_path / "s"):
        assert len("".join((await bench.mcp_servers(PROJECT)).failures)) < 50_000
    async with FalseBench(whole(json.dumps({"problems": ["x" * (30 << 20)]}).encode())).serving(tmp_path / "s"):
        with pytest.raises(Unavailable, match="at once"):
            await bench.mcp_servers(PROJECT)
    await bench.aclose()
