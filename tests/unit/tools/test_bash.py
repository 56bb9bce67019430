"""What the model is told of a command."""

import pytest

from appx.tools.bash import told
from appx.workbench.bench import Command, CommandResult
from tests.fakes.bench import FakeBench
from tests.unit.tools.calls import PROJECT, call

pytestmark = pytest.mark.anyio

COMMAND = Command(line="make", project=PROJECT, time_limit=120)


def done(output: str, code: int | None = 0, *, lines: int = 0, size: int = 0, file: str | None = None) -> CommandResult:
    return CommandResult(
        code=code,
        ended="time_limit" if code is None else "exit",
        output=output,
        total_bytes=size or len(output.encode()),
        total_lines=lines or output.count("\n"),
        full_output=file,
    )


OVER_TIME = (
    "[ended after 120 s, its time limit. Give a larger timeout (at most 600), "
    "or run it in the background: command > log 2>&1 &]"
)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (done("a\nb\n"), "a\nb"),
        (done("a\nb"), "a\nb"),
        (done("a\n\n\n"), "a"),
        (done("\n\n  a\n"), "\n\n  a"),
        (done(""), "[no output]"),
        (done(" \n\t\n"), "[only white space]"),
        (done("a\n", 1), "a\n[exit code 1]"),
        (done("", 1), "[no output]\n[exit code 1]"),
        (done("x: not found\n", 127), "x: not found\n[exit code 127: command not found]"),
        (done("x\n", 126), "x\n[exit code 126: found, but it cannot be executed]"),
        (done("a\n", 137), "a\n[exit code 137: ended by SIGKILL, perhaps because memory ran out]"),
        (done("a\n", 143), "a\n[exit code 143: ended by SIGTERM]"),
        (done("a\n", 139), "a\n[exit code 139: ended by SIGSEGV]"),
        (done("a\n", 255), "a\n[exit code 255]"),
        (done("a\n", 128), "a\n[exit code 128]"),
        (done("a\n", None), f"a\n{OVER_TIME}"),
        (done("", None), f"[no output]\n{OVER_TIME}"),
        (done("9\n10\n", lines=1234, file="/t/1"), "9\n10\n[the last 2 of 1,234 lines; the whole output: /t/1]"),
        (done("9\n10", lines=10, file="/t/1"), "9\n10\n[the last 2 of 10 lines; the whole output: /t/1]"),
        (
            done("9\n", 2, lines=10, file="/t/1"),
            "9\n[the last 1 of 10 lines; the whole output: /t/1]\n[exit code 2]",
        ),
        (
            done("xxx", lines=1, size=99_999, file="/t/1"),
            "xxx\n[the last 51,200 of 99,999 bytes; the whole output: /t/1]",
        ),
        (
            done("9\n", None, lines=10, file="/t/1"),
            f"9\n[the last 1 of 10 lines; the whole output: /t/1]\n{OVER_TIME}",
        ),
        (
            done("9\n", lines=10),
            "9\n[the last 1 of 10 lines; the whole output: could not be kept, perhaps the disk is full]",
        ),
        (
            done("xxx", size=51_201),
            "xxx\n[the last 51,200 of 51,201 bytes; the whole output: could not be kept, perhaps the disk is full]",
        ),
        (done("xxx", lines=1, size=51_200), "xxx"),
        (done("\x1b[1;31mred\x1b[0m \x1b]0;title\x07\x1b(Bend\x07\n"), "red end"),
        (done("10%\r50%\r100%\r\ndone\r\n"), "100%\ndone"),
        (done("wait\r"), "wait"),
        (done("a\0b\x08\n"), "ab"),
        (done("\x1b[2K\n"), "[only white space]"),
        (done("caf\ufffd\n"), "caf\ufffd"),
        (done("done [exit code 1]\n"), "done [exit code 1]"),
    ],
)
async def test_the_output_the_rest_and_the_end_are_told(result: CommandResult, text: str) -> None:
    assert told(COMMAND, result) == text


@pytest.mark.parametrize(("code", "ok"), [(0, True), (1, False), (137, False), (None, False)])
async def test_only_exit_code_0_is_a_success(code: int | None, *, ok: bool) -> None:
    result = await call(FakeBench(result=done("a\n", code)), "bash", {"command": "make"})
    assert result.ok is ok


@pytest.mark.parametrize(
    ("arguments", "limit"),
    [({}, 120), ({"timeout": None}, 120), ({"timeout": 300}, 300), ({"timeout": 600}, 600), ({"timeout": 0.5}, 0.5)],
)
async def test_the_command_is_run_in_the_project_with_its_time_limit(
    arguments: dict[str, object], limit: float
) -> None:
    bench = FakeBench()
    await call(bench, "bash", {"command": "make  all\n", **arguments})
    assert bench.commands == [Command(line="make  all\n", project=PROJECT, time_limit=limit)]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"command": ""}, "command: "),
        ({"command": "a\0b"}, "command: "),
        ({"command": "\ud83d"}, "command: "),
        ({}, "command: "),
        ({"command": "x", "timeout": 601}, "timeout: "),
        ({"command": "x", "timeout": 0}, "timeout: "),
        ({"command": "x", "timeout": -1}, "timeout: "),
        ({"command": "x", "timeout": float("nan")}, "timeout: "),
        ({"command": "x", "timeout": float("inf")}, "timeout: "),
    ],
)
async def test_a_wrong_argument_is_named_and_nothing_is_run(arguments: dict[str, object], field: str) -> None:
    bench = FakeBench()
    result = await call(bench, "bash", arguments)
    assert not result.ok
    assert field in result.text
    assert bench.commands == []


async def test_the_output_so_far_is_shown_as_it_comes() -> None:
    seen: list[str] = []
    bench = FakeBench(tails=["a\n", "a\n\x1b[32mb\x1b[0m\n"], result=done("a\nb\nc\n"))
    result = await call(bench, "bash", {"command": "make"}, seen.append)
    assert seen == ["a\n", "a\nb\n"]
    assert result.text == "a\nb\nc"
