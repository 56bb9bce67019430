"""Files of a project: whole or not at all, and never outside of the project."""

import os
import shutil
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from appx.domain.errors import AppxError, Invalid, NotFound, Unavailable
from appx.domain.ids import ProjectId
from appx.wiring.benches import PATH
from appx.workbench import local as module
from appx.workbench.bench import Command, Workbench
from appx.workbench.local import LocalBench
from tests.unit.workbench.conftest import PROJECT

pytestmark = pytest.mark.anyio

SECRET = b"not yours"


def home(local: LocalBench) -> Path:
    return local.workspace / PROJECT


@pytest.mark.parametrize(
    "path", ["a.txt", "./a.txt", "a/b/c.txt", "a//b.txt", "a/../b.txt", "ünï ☃.txt", "-rf", "x" * 255]
)
async def test_what_was_written_is_read(bench: Workbench, path: str) -> None:
    if path.startswith("a/.."):
        await bench.write(PROJECT, "a/x", b"")
    await bench.write(PROJECT, path, b"one\r\n\0\xff")
    assert await bench.read(PROJECT, path, limit=100) == b"one\r\n\0\xff"
    assert await bench.read(PROJECT, path, limit=3) == b"one"


async def test_an_absolute_path_inside_is_the_same_file(bench: Workbench, local: LocalBench) -> None:
    await bench.write(PROJECT, f"{home(local)}/a.txt", b"x")
    assert await bench.read(PROJECT, "a.txt", limit=10) == b"x"


async def test_writing_keeps_the_mode_and_leaves_nothing_beside(bench: Workbench, local: LocalBench) -> None:
    await bench.write(PROJECT, "run.sh", b"#!/bin/sh\n")
    (home(local) / "run.sh").chmod(0o755)
    await bench.write(PROJECT, "run.sh", b"#!/bin/bash\n")
    assert stat.S_IMODE((home(local) / "run.sh").stat().st_mode) == 0o755
    assert sorted(path.name for path in home(local).iterdir()) == [".git", "run.sh"]


async def test_a_link_inside_is_followed_and_stays_a_link(bench: Workbench, local: LocalBench) -> None:
    await bench.write(PROJECT, "deep/real.txt", b"old")
    (home(local) / "link.txt").symlink_to("deep/../deep/real.txt")
    (home(local) / "absolute.txt").symlink_to(home(local) / "deep/real.txt")
    for name in ("link.txt", "absolute.txt"):
        await bench.write(PROJECT, name, name.encode())
        assert (home(local) / name).is_symlink()
        assert await bench.read(PROJECT, "deep/real.txt", limit=100) == name.encode()


@pytest.mark.parametrize(
    "path",
    [
        "../outside.txt", "a/../../outside.txt", "/etc/passwd", "/", "..", "link", "folder/outside.txt", "chain",
        "folder/../outside.txt", "upwards",
    ],
)  # fmt: skip
async def test_no_path_leads_out(bench: Workbench, local: LocalBench, path: str) -> None:
    outside = local.workspace / "outside.txt"
    outside.write_bytes(SECRET)
    (home(local) / "link").symlink_to(outside)
    (home(local) / "folder").symlink_to("..")
    (home(local) / "chain").symlink_to("link")
    (home(local) / "upwards").symlink_to("../../../../../../etc/passwd")
    (home(local) / "a").mkdir()
    with pytest.raises(Invalid):
        await bench.read(PROJECT, path, limit=100)
    with pytest.raises(Invalid):
        await bench.write(PROJECT, path, b"changed")
    assert outside.read_bytes() == SECRET


async def test_another_project_is_outside_also_when_its_name_begins_alike(bench: Workbench, local: LocalBench) -> None:
    await bench.create_project(ProjectId("shop-two"))
    with pytest.raises(Invalid, match="leads out"):
        await bench.write(PROJECT, f"{local.workspace}/shop-two/x", b"")


@pytest.mark.parametrize(
    ("path", "error", "says"),
    [
        ("missing.txt", NotFound, "no such file"),
        ("missing/x.txt", NotFound, "no such file"),
        ("file/x.txt", Invalid, "no directory"),
        ("folder", Invalid, "directory"),
        (".", Invalid, "directory"),
        ("", Invalid, "directory"),
        ("pipe", Invalid, "regular"),
        ("circle", Invalid, "circle"),
        ("x" * 300, Invalid, "too long"),
        ("a\0b", Invalid, "zero byte"),
    ],
)
async def test_what_cannot_be_read_has_a_reason(
    bench: Workbench, local: LocalBench, path: str, error: type[AppxError], says: str
) -> None:
    (home(local) / "file").touch()
    (home(local) / "folder").mkdir()
    os.mkfifo(home(local) / "pipe")
    (home(local) / "circle").symlink_to("circle")
    with pytest.raises(error, match=says):
        await bench.read(PROJECT, path, limit=10)


@contextmanager
def swapped(project: Path, outside: Path) -> Iterator[None]:
    """A thread that makes ``spot`` a directory, then a link to ``outside``, then nothing, all the time."""
    (project / "inside").mkdir()
    (project / "out").symlink_to(outside)
    spot, stop = project / "spot", threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for each in (project / "inside", project / "out"):
                with suppress(OSError):  # the writer made a directory in the gap
                    each.rename(spot)
                    spot.rename(each)
                shutil.rmtree(spot, ignore_errors=True)

    racer = threading.Thread(target=swap)
    racer.start()
    try:
        yield
    finally:
        stop.set()
        racer.join()


async def test_a_link_that_is_swapped_all_the_time_never_leads_out(local: LocalBench) -> None:
    await local.create_project(PROJECT)
    outside = local.workspace / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(SECRET)
    seen: set[bytes | str] = set()
    with swapped(home(local), outside):
        for _ in range(400):
            try:
                await local.write(PROJECT, "spot/file", b"mine")
                seen.add(await local.read(PROJECT, "spot/file", limit=100))
            except AppxError as error:
                seen.add(type(error).__name__)
    assert SECRET not in seen
    assert (outside / "file").read_bytes() == SECRET
    assert "Invalid" in seen, "the race was never met"


async def test_a_project_is_made_once_and_is_a_repository(either: Workbench, local: LocalBench) -> None:
    first = await either.create_project(PROJECT)
    await either.write(PROJECT, "kept.txt", b"kept")
    assert await either.create_project(PROJECT) == first == str(home(local))
    assert await either.read(PROJECT, "kept.txt", limit=10) == b"kept"
    done = await either.run(Command(line="git status --short", project=PROJECT, time_limit=10))
    assert (done.code, done.output) == (0, "?? kept.txt\n")


@pytest.mark.parametrize(("git", "why"), [("echo no luck; exit 3", "git says no luck."), ("sleep 60", "took longer")])
async def test_why_a_project_cannot_be_made_is_said(
    local: LocalBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, git: str, why: str
) -> None:
    """A program by the name of git, which is found first."""
    monkeypatch.setattr(module, "GIT_SECONDS", 0.5)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").write_text(f"#!/bin/sh\n{git}\n")
    (tmp_path / "bin/git").chmod(0o755)
    found_first = {**local.environment, "PATH": f"{tmp_path / 'bin'}:{PATH}"}
    slow = LocalBench(workspace=local.workspace, environment=found_first, outputs=tmp_path / "outputs")
    with pytest.raises(Unavailable, match=why):
        await slow.create_project(PROJECT)
    assert await local.create_project(PROJECT) == str(home(local)), "it can be made again"


async def test_a_removed_project_leaves_neither_files_nor_processes(bench: Workbench, local: LocalBench) -> None:
    line = "mkdir -p a/b; touch a/b/c; ln -s ../outside out; chmod 000 a; setsid sleep 58.25 & echo started"
    (local.workspace / "outside").mkdir()
    await bench.run(Command(line=line, project=PROJECT, time_limit=10))
    await bench.remove_project(PROJECT)
    await bench.remove_project(PROJECT)
    assert (local.workspace / "outside").exists()
    assert not home(local).exists()
    done = await bench.run(Command(line="ps -ef | grep '[s]leep 58.25'", project=None, time_limit=10))
    assert done.output == ""


async def test_a_file_that_is_too_large_is_refused(bench: Workbench) -> None:
    with pytest.raises(AppxError, match="more than"):
        await bench.write(PROJECT, "big", b"x" * ((64 << 20) + 1))
