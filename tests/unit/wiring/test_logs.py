"""How much is logged, and by whom. In a process of its own, because a process logs in one way."""

import select
import subprocess
import sys

import pytest

TALK = """
import logging, sys
from appx.wiring.logs import log_to_stderr
log_to_stderr(sys.argv[1])
for name in ("appx.x", "httpx2", "openai", "uvicorn"):
    for level in ("debug", "info", "warning", "error"):
        getattr(logging.getLogger(name), level)("said %s", level)
"""
FORGED = r"""
import logging
from appx.wiring.logs import log_to_stderr
log_to_stderr("info")
text = "a\x1b[2J\n2026-01-01 00:00:00,000 INFO appx: log in\rb"
logging.getLogger("appx.x").warning("said %s", text)
try:
    raise ValueError(text)
except ValueError:
    logging.getLogger("appx.x").exception("failed")
"""
FULL = """
import logging
from appx.wiring.logs import log_to_stderr
log_to_stderr("info")
for number in range(5_000):
    logging.getLogger("appx.x").info("line %d %s", number, "x" * 1_000)
print("went on", flush=True)
input()
logging.getLogger("appx.x").info("the last one")
"""
LEVELS = ["debug", "info", "warning", "error"]


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_shows_itself_and_what_is_worse_and_libraries_show_warnings_at_most(level: str) -> None:
    argv = [sys.executable, "-c", TALK, level]
    done = subprocess.run(argv, env={"PYTHONPATH": "src"}, capture_output=True, text=True, check=True)
    assert done.stdout == "", "the output of a command is not for the log"
    shown = LEVELS[LEVELS.index(level) :]
    for name in ("appx.x", "httpx2", "openai", "uvicorn"):
        lines = [line for line in done.stderr.splitlines() if f" {name}: " in line]
        expected = shown if name == "appx.x" else [each for each in shown if each in {"warning", "error"}]
        assert [line.split()[3:] for line in lines] == [[f"{name}:", "said", each] for each in expected]
        assert [line.split()[2] for line in lines] == [each.upper() for each in expected]


def test_what_an_agent_said_begins_no_line_and_commands_no_terminal() -> None:
    argv = [sys.executable, "-c", FORGED]
    done = subprocess.run(argv, env={"PYTHONPATH": "src"}, capture_output=True, text=True, check=True)
    lines = done.stderr.split("\n")
    assert [line for line in lines if line[:1].isdigit()] == [each for each in lines if " appx.x: " in each]
    assert len([line for line in lines if line.strip().startswith("2026-01-01")]) == 2, "it is told"
    assert not {"\x1b", "\r"} & set(done.stderr)


def test_who_logs_waits_for_no_reader_and_says_what_was_lost() -> None:
    argv = [sys.executable, "-c", FULL]
    with subprocess.Popen(
        argv,
        env={"PYTHONPATH": "src"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        if not select.select([process.stdout], [], [], 60)[0]:
            process.kill()
        assert process.stdout.readline() == "went on\n", "although nobody reads its log"
        first = [process.stderr.readline() for _ in range(500)]
        process.stdin.write("\n")
        process.stdin.close()
        lines = first + process.stderr.readlines()
    assert [line.split()[5] for line in lines[:-1]] == [str(number) for number in range(len(lines) - 1)]
    assert lines[-1].endswith(
        f"the last one ({5_001 - len(lines)} lines before this one were lost: the log was not read)\n"
    )
