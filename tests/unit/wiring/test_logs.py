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
