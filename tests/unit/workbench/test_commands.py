"""Commands: what comes back of them, and that nothing of them stays, here and over the socket."""

import os
import time
from pathlib import Path

import anyio
import pytest

from appx.domain.errors import Invalid, NotFound, Unavailable
from appx.domain.ids import ProjectId
from appx.workbench.bench import Command, CommandResult, Workbench
from appx.workbench.local import MAX_LINE, LocalBench
from tests.unit.workbench.conftest import PROJECT

pytestmark = pytest.mark.anyio


def command(line: str, *, time_limit: float = 15.0, keep_lines: int = 2_000) -> Command:
    return Command(line=line, project=PROJECT, time_limit=time_limit, keep_lines=keep_lines)


async def run(bench: Workbench, line: str, *, time_limit: float = 15.0) -> CommandResult:
    return await bench.run(command(line, time_limit=time_limit))


@pytest.mark.parametrize(
    ("line", "code", "output"),
    [
        ("echo hello", 0, "hello\n"),
        ("echo out; echo err >&2", 0, "out\nerr\n"),
        ("exit 3", 3, ""),
        ("false | true", 0, ""),
        ("kill -KILL $$", 137, ""),
        ("no-such-command 2>/dev/null", 127, ""),
        ("if", 2, None),
        ("basename $PWD", 0, "shop\n"),
        ("cat", 0, ""),
        ("printf 'a\\xffb\\n'", 0, "a\ufffdb\n"),
        ("printf 'naïve ☃'", 0, "naïve ☃"),
        ("tty || true", 0, "not a tty\n"),
        ("ulimit -c", 0, "0\n"),
        ("echo $APPX_PROJECT", 0, "shop\n"),
        ("touch x; (sleep 30 &) ; echo done", 0, "done\n"),
    ],
)
async def test_a_command_answers_its_code_and_its_output(
    bench: Workbench, line: str, code: int, output: str | None
) -> None:
    done = await run(bench, line)
    assert (done.code, done.ended) == (code, "exit")
    if output is not None:
        assert done.output == output
        assert done.total_bytes == len(output.encode()) or "\ufffd" in output
    assert done.full_output is None


async def test_a_command_gets_nothing_of_the_servers_environment(local: LocalBench) -> None:
    os.environ["SOME_API_KEY"] = "sk-canary"  # noqa: TID251
    try:
        await local.create_project(PROJECT)
        done = await run(local, "env")
    finally:
        del os.environ["SOME_API_KEY"]  # noqa: TID251
    assert "sk-canary" not in done.output
    names = {line.partition("=")[0] for line in done.output.splitlines()}
    assert names - {"_", "SHLVL", "PWD"} == {*local.environment, "APPX_PROJECT", "APPX_PROJECT_DIR"}


async def test_output_is_shown_while_the_command_runs(bench: Workbench) -> None:
    seen: list[str] = []
    came = anyio.Event()

    def show(tail: str) -> None:
        seen.append(tail)
        came.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.run, command("echo first; sleep 0.5; echo second"), show)
        with anyio.fail_after(5):
            await came.wait()
        assert seen[0] == "first\n"


async def test_a_long_output_is_kept_at_its_end_and_whole_in_a_file(bench: Workbench) -> None:
    done = await run(bench, "seq 1 100000")
    assert done.total_lines == 100_000
    assert done.output.endswith("\n99999\n100000\n")
    assert len(done.output.splitlines()) == 2_000
    assert done.full_output is not None
    whole = await bench.read(PROJECT, done.full_output, limit=10_000_000)
    assert whole == b"".join(b"%d\n" % number for number in range(1, 100_001))


async def test_a_flood_leaves_little_behind(bench: Workbench) -> None:
    done = await run(bench, "head -c 300000000 /dev/zero | tr '\\0' 'x'")
    assert done.total_bytes == 300_000_000
    assert done.output == "x" * 50 * 1024
    assert done.full_output is not None
    whole = await bench.read(PROJECT, done.full_output, limit=100_000_000)
    assert len(whole) < 17 << 20
    assert b"more bytes of output were left out" in whole[-200:]


async def test_a_quick_flood_of_lines_is_counted(bench: Workbench) -> None:
    done = await run(bench, "yes | head -n 2000000")
    assert (done.total_lines, done.total_bytes) == (2_000_000, 4_000_000)


@pytest.mark.parametrize("line", ["sleep 60", "trap '' TERM; echo deaf; while :; do sleep 1; done"])
async def test_a_command_that_takes_too_long_is_ended(bench: Workbench, line: str) -> None:
    began = time.monotonic()
    done = await run(bench, f"echo begun; {line}", time_limit=0.5)
    assert (done.code, done.ended) == (None, "time_limit")
    assert done.output.startswith("begun\n")
    assert time.monotonic() - began < 6


async def test_leaving_ends_the_command_with_its_children(bench: Workbench) -> None:
    with anyio.move_on_after(0.7):
        await run(bench, "sleep 59.125 & sleep 59.125; wait", time_limit=60)
    with anyio.fail_after(5):
        while "59.125" in (await run(bench, "ps -o args -u $(id -u) | grep '[s]leep 59.125' || true")).output:  # noqa: ASYNC110
            await anyio.sleep(0.05)


async def test_many_commands_run_at_once(bench: Workbench) -> None:
    results: list[CommandResult] = []

    async def one(number: int) -> None:
        results.append(await run(bench, f"sleep 1; echo {number}"))

    began = time.monotonic()
    async with anyio.create_task_group() as tasks:
        for number in range(40):
            tasks.start_soon(one, number)
    assert sorted(int(each.output) for each in results) == list(range(40))
    assert time.monotonic() - began < 12


@pytest.mark.parametrize(
    ("line", "says"),
    [("echo " + "x" * MAX_LINE, "bytes"), ("echo \0", "zero byte"), ("echo \ud800", "Unicode")],
)
async def test_a_command_that_cannot_be_started_gets_a_sentence(local: LocalBench, line: str, says: str) -> None:
    await local.create_project(PROJECT)
    with pytest.raises(Invalid, match=says):
        await run(local, line)


async def test_a_long_command_is_refused_over_the_socket_as_well(bench: Workbench) -> None:
    with pytest.raises(Invalid, match="bytes"):
        await run(bench, "echo " + "x" * MAX_LINE)


async def test_without_its_directory_a_project_has_no_commands(bench: Workbench) -> None:
    with pytest.raises(NotFound, match="gone"):
        await bench.run(Command(line="true", project=ProjectId("other"), time_limit=1))
    with pytest.raises(Invalid, match="no id"):
        await bench.run(Command(line="true", project=ProjectId("../shop"), time_limit=1))


async def test_a_shell_that_is_missing_is_unavailable(local: LocalBench) -> None:
    local.environment = {"PATH": "/nowhere"}  # where neither prlimit nor bash is
    (local.workspace / PROJECT).mkdir()
    with pytest.raises(Unavailable, match="could not be started"):
        await run(local, "true")


async def test_a_fork_bomb_ends_at_its_limit(local: LocalBench) -> None:
    await local.create_project(PROJECT)
    done = await local.run(command("ulimit -u"))
    local.max_processes = 77
    limited = await local.run(command("ulimit -u"))
    assert (limited.output, done.output != "77\n") == ("77\n", True)


async def test_removing_a_project_ends_nothing_of_its_namesake_elsewhere(local: LocalBench, tmp_path: Path) -> None:
    other = LocalBench(workspace=tmp_path / "other", environment=local.environment, outputs=tmp_path / "o")
    (tmp_path / "other").mkdir()
    await other.create_project(PROJECT)
    async with anyio.create_task_group() as tasks:

        async def work() -> None:
            assert (await run(other, "sleep 1; echo done")).output == "done\n"

        tasks.start_soon(work)
        await anyio.sleep(0.3)
        await local.remove_project(PROJECT)
