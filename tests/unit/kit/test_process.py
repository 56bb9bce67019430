"""Children end with their group, or by themselves; their output is bounded by whoever takes it."""

import os
import subprocess
import time
from pathlib import Path

import anyio
import pytest

from appx.kit import process

pytestmark = pytest.mark.anyio

ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin", "MARK": "given"}


async def bash(line: str, *, time_limit: float = 10.0) -> tuple[int | None, bytes]:
    output = bytearray()
    code = await process.run(
        ["bash", "-c", line], cwd=Path("/"), env=ENV, time_limit=time_limit, on_output=output.extend
    )
    return code, bytes(output)


async def gone(path: Path) -> bool:
    """Whether the process whose id is in the file ends within some seconds."""
    with anyio.move_on_after(3):
        while _runs(path):  # noqa: ASYNC110  a process of somebody else's tells nobody
            await anyio.sleep(0.02)
        return True
    return False


def _runs(path: Path) -> bool:
    try:
        state = Path("/proc", path.read_text().strip(), "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("line", "code", "output"),
    [
        ("echo out; echo err >&2; echo out", 0, b"out\nerr\nout\n"),
        ("exit 7", 7, b""),
        ("kill -KILL $$", 137, b""),
        ("no-such-command-here 2>/dev/null", 127, b""),
        ("read line; echo got $?", 0, b"got 1\n"),
        ("echo $MARK $HOME", 0, b"given\n"),
        ("printf '\\xff\\xfe'", 0, b"\xff\xfe"),
        ("printf nothing-after", 0, b"nothing-after"),
    ],
)
async def test_a_child_gives_its_code_and_its_output_in_order(line: str, code: int, output: bytes) -> None:
    assert await bash(line) == (code, output)


async def test_what_is_in_the_background_does_not_hold_the_call_and_goes_on(tmp_path: Path) -> None:
    began = time.monotonic()
    code, output = await bash(f"sleep 30 & echo $! > {tmp_path}/pid; echo done")
    assert (code, output) == (0, b"done\n")
    assert time.monotonic() - began < 5
    assert (await bash(f"kill $(cat {tmp_path}/pid)"))[0] == 0, "it was still there"


async def test_a_background_flood_does_not_hold_the_call(tmp_path: Path) -> None:
    with anyio.fail_after(8):
        code, _ = await bash("(trap '' PIPE; timeout 20 yes) & echo done")
    assert code == 0


@pytest.mark.parametrize(
    "line", ["sleep 60", "sleep 60 & echo $! > pid; wait", "trap '' TERM; sleep 60 & echo $! > pid; wait; wait"]
)
async def test_when_time_runs_out_the_whole_group_ends(tmp_path: Path, line: str) -> None:
    began = time.monotonic()
    code, output = await bash(f"cd {tmp_path}; echo $$ > pid; echo begun; {line}", time_limit=0.5)
    assert (code, output) == (None, b"begun\n")
    assert time.monotonic() - began < 0.5 + process.GRACE_SECONDS + 3
    assert await gone(tmp_path / "pid")


async def test_when_the_leader_ends_at_once_its_children_are_still_ended(tmp_path: Path) -> None:
    line = f"cd {tmp_path}; (trap '' TERM; echo $BASHPID > pid; exec sleep 60) & wait"
    assert (await bash(line, time_limit=0.5))[0] is None
    assert await gone(tmp_path / "pid")


async def test_cancelling_ends_the_whole_group(tmp_path: Path) -> None:
    with anyio.move_on_after(0.5) as scope:
        await bash(f"sleep 60 & echo $! > {tmp_path}/pid; wait")
    assert scope.cancelled_caught
    assert await gone(tmp_path / "pid")


async def test_a_flood_passes_through_in_bounded_pieces() -> None:
    total, largest = 0, 0

    def take(chunk: bytes) -> None:
        nonlocal total, largest
        total, largest = total + len(chunk), max(largest, len(chunk))

    code = await process.run(
        ["head", "-c", str(200 << 20), "/dev/zero"], cwd=Path("/"), env=ENV, time_limit=15, on_output=take
    )
    assert (code, total) == (0, 200 << 20)
    assert largest <= process.CHUNK_BYTES


async def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        await process.run(["/no/such/program"], cwd=Path("/"), env=ENV, time_limit=1)


async def test_no_descriptor_is_left_open() -> None:
    before = _open_descriptors()
    for _ in range(20):
        await bash("true")
    with anyio.move_on_after(0.01):
        await bash("sleep 5")
    assert _open_descriptors() <= before + 1


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_dead_whom_nobody_took_note_of_do_not_live() -> None:
    """Else the end of a command would wait for whoever inherits them."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as child:
        assert process._lives(child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process._signal(child.pid, 0), "it is still in its group"
        assert not process._lives(child.pid)
