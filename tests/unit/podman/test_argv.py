"""What podman is told, as bash understands it. Nothing in an id can become a command or another argument."""

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appx.domain.ids import ProjectId
from appx.podman import argv

HOSTILE = st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF), min_size=1, max_size=20) | st.sampled_from(
    ["$(touch hacked)", "`touch hacked`", "x; touch hacked", "x' || touch hacked #", "a b", "x\ntouch hacked", "*", "~"]
)

FAKE = """#!/bin/bash
printf '%s\\0' "$@" >> "$CALLS"
printf '\\0' >> "$CALLS"
case "$1 $2" in "rm "*|*" rm"|*"rmi"*) exit "${FAIL:-0}" ;; "ps "*|*" ps"|*" ls"|"images "*) echo id1; echo id2 ;; esac
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds a podman that notes its arguments, and lists two ids of everything."""
    folder = tmp_path_factory.mktemp("podman")
    podman = folder / "podman"
    podman.write_text(FAKE)
    podman.chmod(0o755)
    (folder / "empty").mkdir()
    return folder


def run(folder: Path, line: str, *, fail: bool = False) -> tuple[int, list[list[str]]]:
    """The exit code, and each call of podman."""
    calls = folder / "calls"
    calls.write_bytes(b"")
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "CALLS": str(calls), "FAIL": "1" if fail else "0"}
    done = subprocess.run(["bash", "-c", line], env=environment, cwd=folder / "empty", check=False, timeout=10)
    found = [call.split("\0") for call in calls.read_bytes().decode().split("\0\0")[:-1]]
    return done.returncode, found


@settings(max_examples=15)
@given(HOSTILE)
def test_an_id_stays_one_argument_whatever_is_in_it(folder: Path, name: str) -> None:
    code, calls = run(folder, argv.reap(ProjectId(name)))
    assert code == 0
    _, plain = run(folder, argv.reap(ProjectId("plain")))
    assert calls == [[word.replace("plain", name) for word in call] for call in plain]
    assert list((folder / "empty").iterdir()) == [], "no command of the id has run"


def test_all_that_a_project_ran_is_removed_by_its_label(folder: Path) -> None:
    code, calls = run(folder, argv.reap(ProjectId("tea")))
    assert code == 0
    removed = [call for call in calls if "--force" in call]
    assert removed[0] == [
        "rm", "--force", "--ignore", "--time", "5", "--volumes", "tea-app-dev", "tea-app-prod", "id1", "id2",
    ]  # fmt: skip
    assert removed[1:] == [
        [*words, "--force", each]
        for words in (["pod", "rm"], ["network", "rm"], ["volume", "rm"], ["rmi"])
        for each in ("id1", "id2")
    ]
    looked = [call for call in calls if "--filter" in call]
    assert len(looked) == 5
    assert all("label=appx.project=tea" in call for call in looked)


def test_each_step_is_tried_and_a_failure_is_told(folder: Path) -> None:
    code, calls = run(folder, argv.reap(ProjectId("tea")), fail=True)
    assert code == 1
    assert len([call for call in calls if "--force" in call]) == 9


def test_without_podman_there_is_nothing_to_remove(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/bash", "-c", argv.reap(ProjectId("tea"))], env={"PATH": str(tmp_path)}, check=False, timeout=10
    )
    assert done.returncode == 0


def test_only_containers_that_ask_for_it_are_started_again() -> None:
    for line in argv.start_restartable().split(" && "):
        words = shlex.split(line)
        assert words[:3] == ["podman", "start", "--all"]
        assert any(word.startswith("restart-policy=") for word in words)
        assert "status=exited" in words
