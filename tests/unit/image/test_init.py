"""What PID 1 puts into the workspace before anything of an agent runs."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

INIT = Path(__file__).resolve().parents[3] / "image/rootfs/usr/local/sbin/appx-init"
FILES = (".ignore", ".rgignore", ".fdignore", ".gitignore")
STRANGER = 64_321
FAKES = {
    "as-appx": 'exec "$@"',
    "id": f"echo {os.getuid()}",
    "setpriv": 'echo "$2" >>"$ASKED"; shift 5; exec "$@"',
}
"""Whoever runs the tests is the server, and becomes nobody else."""


def taken(folder: Path, **fakes: str) -> subprocess.CompletedProcess[str]:
    programs, workspace = folder / "programs", folder / "workspace"
    for place in (programs, workspace):
        place.mkdir(exist_ok=True)
    for name, text in {**FAKES, **fakes}.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    env = {"PATH": f"{programs}:/usr/bin:/bin", "WORKSPACE_DIR": str(workspace), "ASKED": str(folder / "asked")}
    text = INIT.read_text().removesuffix("\nmain\n")
    return subprocess.run(
        ["sh", "-c", f"{text}\numask 022; take_names; echo went on"],
        env=env, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip


def say_nothing(workspace: Path) -> None:
    for name in FILES:
        found = (workspace / name).lstat()
        assert stat.S_ISREG(found.st_mode)
        assert (found.st_size, found.st_uid, found.st_mode & 0o777) == (0, os.getuid(), 0o644)
    git = workspace / ".git"
    assert stat.S_ISDIR(git.lstat().st_mode)
    assert (list(git.iterdir()), git.lstat().st_mode & 0o777) == ([], 0o755)


def kept(workspace: Path) -> list[Path]:
    return sorted(workspace.glob(".aside*"))


def test_the_names_that_searches_read_are_the_servers_and_say_nothing(tmp_path: Path) -> None:
    assert taken(tmp_path).stderr == ""
    say_nothing(tmp_path / "workspace")
    before = {each.name: each.stat().st_ino for each in (tmp_path / "workspace").iterdir()}
    assert taken(tmp_path).stderr == ""
    assert {each.name: each.stat().st_ino for each in (tmp_path / "workspace").iterdir()} == before


def rules(place: Path) -> None:
    place.write_text("*\n")


def link(place: Path) -> None:
    target = place.parents[1] / "elsewhere"
    target.touch()
    place.symlink_to(target)


def nowhere(place: Path) -> None:
    place.symlink_to(place.parents[1] / "not-there")


def second_name(place: Path) -> None:
    target = place.parents[1] / "empty"
    target.touch()
    place.hardlink_to(target)


def full(place: Path) -> None:
    (place / "info").mkdir(parents=True)
    (place / "info/exclude").write_text("*\n")


def way_to_another(place: Path) -> None:
    full(place.parent / "another")
    place.symlink_to(place.parent / "another")


@pytest.mark.parametrize("name", [*FILES, ".git"])
@pytest.mark.parametrize("plant", [rules, os.mkfifo, link, nowhere, second_name, full, way_to_another])
def test_what_an_agent_put_there_before_is_kept_beside_and_read_by_nobody(
    tmp_path: Path, name: str, plant: Callable[[Path], None]
) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    plant(workspace / name)
    before = (workspace / name).lstat()
    done = taken(tmp_path)
    say_nothing(workspace)
    (aside,) = kept(workspace)
    assert aside.name.startswith(f".aside{name}.")
    assert os.path.samestat(aside.lstat(), before)
    assert f"it is {aside} now" in done.stderr
    assert not (tmp_path / "not-there").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("name", [".ignore", ".git"])
def test_an_empty_one_of_an_account_is_moved_by_its_owner(tmp_path: Path, name: str) -> None:
    """He could fill it later."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / name).mkdir() if name == ".git" else (workspace / name).touch()
    os.chown(workspace / name, STRANGER, STRANGER)
    taken(tmp_path)
    say_nothing(workspace)
    assert (tmp_path / "asked").read_text() == f"{STRANGER}\n"


def test_where_the_owner_may_not_who_owns_the_workspace_does(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    rules(workspace / ".ignore")
    once = 'if mkdir "$ASKED" 2>/dev/null; then exit 1; fi; shift 5; exec "$@"'
    taken(tmp_path, setpriv=once)
    say_nothing(workspace)


def test_what_nobody_can_move_is_said_and_keeps_nobody_from_starting(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    rules(workspace / ".ignore")
    done = taken(tmp_path, setpriv="exit 1")
    assert done.stdout == "went on\n"
    assert f"{workspace}/.ignore changes what searches find" in done.stderr
    assert (workspace / ".git").is_dir(), "the others are taken"


@pytest.mark.skipif(shutil.which("rg") is None, reason="there is no ripgrep here")
def test_a_search_below_finds_what_it_should(tmp_path: Path) -> None:
    project = tmp_path / "workspace/p"
    project.mkdir(parents=True)
    (project / "file").write_text("wanted\n")
    rules(project.parent / ".ignore")
    command = ["rg", "--files-with-matches", "wanted", "."]
    assert subprocess.run(command, cwd=project, capture_output=True, check=False, timeout=60).stdout == b""
    taken(tmp_path)
    assert subprocess.run(command, cwd=project, capture_output=True, check=True, timeout=60).stdout == b"./file\n"
