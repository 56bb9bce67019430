"""What opens a shell in an app, as bash understands it."""

from pathlib import Path

from hypothesis import given, settings

from appx.podman import shells
from tests.unit.podman.calls import HOSTILE, run


def test_it_has_a_terminal_and_a_mark_by_which_it_is_ended(folder: Path) -> None:
    (folder / "setsid").write_text('#!/bin/sh\nshift\nexec "$@"\n')
    (folder / "setsid").chmod(0o755)
    code, calls = run(folder, shells.in_app("one", "name1"))
    (folder / "setsid").unlink()
    assert code == 0
    opened, ended = calls
    assert opened[:8] == [
        "exec", "--interactive", "--tty", "--detach-keys=", "--env", "APPX_SHELL=name1", "--env", "TERM=xterm-256color",
    ]  # fmt: skip
    assert opened[8:11] == ["one", "sh", "-c"]
    assert (ended[:3], ended[-1]) == (["unshare", "bash", "-c"], "APPX_SHELL=name1")


@settings(max_examples=10, deadline=None)
@given(HOSTILE)
def test_nothing_that_somebody_wrote_becomes_a_command(folder: Path, text: str) -> None:
    run(folder, shells.in_app(text, text))
    assert not (folder / "empty" / "hacked").exists()
