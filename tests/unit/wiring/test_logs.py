"""How much is logged, and by whom. In a process of its own, because a process logs in one way."""

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
        assert [line.rpartition(" ")[2] for line in lines] == expected
        assert [line.split()[2] for line in lines] == [each.upper() for each in expected]


def test_what_an_agent_said_begins_no_line_and_commands_no_terminal() -> None:
    argv = [sys.executable, "-c", FORGED]
    done = subprocess.run(argv, env={"PYTHONPATH": "src"}, capture_output=True, text=True, check=True)
    lines = done.stderr.split("\n")
    assert [line for line in lines if line[:1].isdigit()] == [each for each in lines if " appx.x: " in each]
    assert len([line for line in lines if line.strip().startswith("2026-01-01")]) == 2, "it is told"
    assert not {"\x1b", "\r"} & set(done.stderr)
