"""What opens a shell in an app, as bash understands it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings

from appx.podman import shells
from tests.unit.podman.calls import HOSTILE, podman_in, run

STARTS_AND_STAYS = """#!/bin/bash
case $1 in
exec) setsid env "$6" sleep 471 & exec sleep 471 ;;
unshare) shift && exec "$@" ;;
esac
"""


def test_it_has_a_terminal_and_a_mark_by_which_it_is_ended(folder: Path) -> None:
    code, (opened, *_) = run(folder, shells.in_app("one", "name1"))
    assert code == 0
    assert opened[:8] == [
        "exec", "--interactive", "--tty", "--detach-keys=", "--env", "APPX_SHELL=name1", "--env", "TERM=xterm-256color",
    ]  # fmt: skip
    assert opened[8:11] == ["one", "sh", "-c"]


def test_its_exit_code_is_that_of_the_command(tmp_path: Path) -> None:
    (podman_in(tmp_path) / "podman").write_text('#!/bin/sh\n[ "$1" != exec ] || exit 7\n')
    assert run(tmp_path, shells.in_app("one", "name2"))[0] == 7


def test_what_was_started_by_a_shell_ends_with_it_also_when_that_has_no_time_to_say_so(tmp_path: Path) -> None:
    (podman_in(tmp_path) / "podman").write_text(STARTS_AND_STAYS)
    mark = f"{shells.MARK}=test{os.getpid()}"
    line = shells.in_app("one", mark.partition("=")[2])
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    with subprocess.Popen(["bash", "-c", line], env=environment, start_new_session=True) as shell:
        assert soon(lambda: len(marked(mark)) == 1)
        os.killpg(shell.pid, signal.SIGKILL)
    assert soon(lambda: not marked(mark))


def marked(mark: str) -> list[str]:
    found = subprocess.run(
        ["bash", "-c", 'grep -lzxFe "$0" /proc/[0-9]*/environ', mark], capture_output=True, text=True, check=False
    )
    return found.stdout.split()


def soon(happened: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not happened() and time.monotonic() < deadline:
        time.sleep(0.05)
    return happened()


@settings(max_examples=10, deadline=None)
@given(HOSTILE)
def test_nothing_that_somebody_wrote_becomes_a_command(folder: Path, text: str) -> None:
    run(folder, shells.in_app(text, text))
    assert not (folder / "empty" / "hacked").exists()
