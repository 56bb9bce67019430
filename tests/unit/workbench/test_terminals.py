"""Output that goes to somebody as it comes, and commands at a terminal: alike here and behind the socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from anyio.streams.memory import MemoryObjectSendStream

from appx.domain.errors import Invalid, NotFound
from appx.domain.ids import ProjectId
from appx.workbench.bench import Command, Size, Stream, Typed, Workbench
from tests.unit.workbench.conftest import PROJECT

pytestmark = pytest.mark.anyio


def command(line: str, *, time_limit: float = 10, project: ProjectId = PROJECT) -> Command:
    return Command(line=line, project=project, time_limit=time_limit)


@dataclass(slots=True)
class Taken:
    streams: dict[str, bytes] = field(default_factory=lambda: {"stdout": b"", "stderr": b""})

    async def add(self, stream: Stream, data: bytes) -> None:
        self.streams[stream] += data


async def test_both_streams_come_apart_and_whole(bench: Workbench) -> None:
    taken = Taken()
    line = "head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2; printf end; printf $APPX_PROJECT >&2; exit 7"
    assert await bench.stream(command(line), taken.add) == 7
    assert (len(taken.streams["stdout"]), len(taken.streams["stderr"])) == (3_000_003, 2_000_004)
    assert taken.streams["stdout"].endswith(b"end")
    assert taken.streams["stderr"].endswith(b"shop")


async def test_output_comes_while_the_command_runs_and_who_leaves_ends_it(bench: Workbench, tmp_path: Path) -> None:
    came = anyio.Event()

    async def take(_stream: Stream, data: bytes) -> None:
        assert data == b"begun\n"
        came.set()

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            line = f"echo $$ > {tmp_path}/pid; echo begun; exec sleep 61.5"
            tasks.start_soon(bench.stream, command(line, time_limit=60), take)
            await came.wait()
            tasks.cancel_scope.cancel()
        await ended(tmp_path / "pid")


async def ended(pid: Path) -> None:
    number = pid.read_text().strip()  # noqa: ASYNC240
    while await anyio.Path("/proc", number).exists():  # noqa: ASYNC110
        await anyio.sleep(0.05)


async def test_a_flood_waits_for_who_takes_it(bench: Workbench, tmp_path: Path) -> None:
    taken = 0

    async def slowly(_stream: Stream, data: bytes) -> None:
        nonlocal taken
        taken += len(data)
        await anyio.sleep(0.2)

    line = f"exec 3>{tmp_path}/count; while :; do head -c 1000000 /dev/zero; printf . >&3; done"
    with anyio.move_on_after(3):
        await bench.stream(command(line), slowly)
    written = (tmp_path / "count").stat().st_size * 1_000_000
    assert 0 < taken <= written + 1_000_000, "a million is counted when all of it was written"
    assert written < taken + 12_000_000, "what is on its way is bounded"


async def test_when_the_time_is_over_the_answer_is_none(bench: Workbench) -> None:
    assert await bench.stream(command("sleep 62.5", time_limit=0.3), Taken().add) is None


async def test_what_cannot_run_is_said(bench: Workbench) -> None:
    with pytest.raises(NotFound):
        await bench.stream(command("true", project=ProjectId("nowhere")), Taken().add)
    with pytest.raises(Invalid, match="zero byte"):
        await bench.stream(command("a\0b"), Taken().add)


# --- terminals --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Seat:
    """Somebody at a terminal."""

    typed: MemoryObjectSendStream[Typed]
    shown: bytes = b""
    code: int | None = -1
    over: anyio.Event = field(default_factory=anyio.Event)

    async def take(self, data: bytes) -> None:
        self.shown += data

    async def type(self, text: str) -> None:
        await self.typed.send(text.encode())

    async def sees(self, text: str) -> None:
        with anyio.fail_after(30):
            while text.encode() not in self.shown:  # noqa: ASYNC110
                await anyio.sleep(0.02)

    async def ended(self) -> int | None:
        with anyio.fail_after(30):
            await self.over.wait()
        return self.code


@asynccontextmanager
async def seated(
    bench: Workbench, line: str = "PS1='> ' bash --norc -i", time_limit: float = 60
) -> AsyncIterator[Seat]:
    send, receive = anyio.create_memory_object_stream[Typed](10)
    seat = Seat(send)

    async def sit() -> None:
        seat.code = await bench.terminal(
            command(line, time_limit=time_limit), Size(columns=91, rows=33), receive, seat.take
        )
        seat.over.set()

    with send, receive:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sit)
            yield seat
            tasks.cancel_scope.cancel()


async def test_a_shell_has_a_terminal_of_the_size_of_the_window(bench: Workbench) -> None:
    async with seated(bench) as seat:
        await seat.sees("> ")
        await seat.type("stty size; tty; echo $((40 + 2)) $APPX_PROJECT\r")
        await seat.sees("33 91\r\n/dev/pts/")
        await seat.sees("42 shop\r\n")
        await seat.typed.send(Size(columns=100, rows=50))
        await seat.type("stty size\r")
        await seat.sees("50 100")
        await seat.type("exit 3\r")
        assert await seat.ended() == 3


async def test_control_c_ends_what_runs_and_not_the_shell(bench: Workbench) -> None:
    async with seated(bench) as seat:
        # Told by what has the terminal already: bash loses the signal while it makes a child of its own.
        await seat.type("sh -c \"echo run''ning; exec sleep 63.5\"\r")
        await seat.sees("running")
        await seat.type("\x03")
        await seat.sees("^C\r\n")
        await anyio.sleep(0.5)  # readline forgets what was typed before its prompt
        await seat.type("echo code $?\r")
        await seat.sees("code 130")
        await seat.type("\x04")
        assert await seat.ended() == 0


async def test_a_terminal_that_is_left_takes_all_with_it(bench: Workbench, tmp_path: Path) -> None:
    """Jobs are in groups of their own; one does not listen."""
    deaf = f"(trap '' HUP TERM; echo $BASHPID >{tmp_path}/two; while :; do sleep 1; done) &"
    jobs = f"sleep 64.5 & echo $! >{tmp_path}/one; {deaf}"
    async with seated(bench) as seat:
        await seat.type(f"{jobs} echo $$ >{tmp_path}/shell; echo be''gun\r")
        await seat.sees("begun")
    with anyio.fail_after(10):
        for name in ("one", "two", "shell"):
            await ended(tmp_path / name)


async def test_what_a_shell_leaves_at_its_end_goes_with_it(bench: Workbench, tmp_path: Path) -> None:
    async with seated(bench, f"sleep 65.5 & echo $! >{tmp_path}/pid; echo done; exit 0") as seat:
        assert await seat.ended() == 0
        assert seat.shown == b"done\r\n"
        with anyio.fail_after(10):
            await ended(tmp_path / "pid")


async def test_the_time_at_a_terminal_is_limited(bench: Workbench) -> None:
    async with seated(bench, "sleep 66.5", time_limit=0.5) as seat:
        assert await seat.ended() is None


async def test_who_types_when_nothing_reads_does_not_hold_the_rest(bench: Workbench) -> None:
    async with seated(bench, "stty -echo; echo here; sleep 1; exit 5") as seat:
        await seat.sees("here")
        for _ in range(5):
            await seat.type("x" * 1_000 + "\r")
        assert await seat.ended() == 5
