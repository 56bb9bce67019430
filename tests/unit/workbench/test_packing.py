"""A project goes through a pipe and comes out as it was."""

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from appx.domain.errors import Conflict, Invalid, NotFound, Unavailable
from appx.domain.ids import ProjectId
from appx.workbench import wire
from appx.workbench.bench import Command, Workbench
from appx.workbench.local import LocalBench
from tests.unit.workbench.conftest import PROJECT

pytestmark = pytest.mark.anyio

INTO = ".restore-1"


class Taken:
    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    async def add(self, chunk: bytes) -> None:
        self.chunks.append(chunk)

    async def given(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk


def tree(top: Path) -> dict[str, tuple[object, ...]]:
    """Each path with its kind and mode, time and content."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(top.rglob("*")):
        told = path.lstat()
        what = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(top))] = (told.st_mode, what) + (() if path.is_symlink() else (told.st_mtime_ns,))
    return found


async def test_a_packed_project_is_unpacked_as_it_was(bench: Workbench, local: LocalBench) -> None:
    line = (
        "mkdir -p 'a b/c' empty closed; head -c 3000000 /dev/urandom > 'a b/big'; echo x > 'ünï ☃'; chmod 751 'ünï ☃'; "
        "ln -s 'a b/big' link; ln -s /etc/passwd out; touch -d 2001-02-03T04:05:06.789 closed; chmod 500 closed; "
        "mkfifo pipe; printf x > $(printf 'y%.0s' {1..200})"
    )
    assert (await bench.run(Command(line=line, project=PROJECT, time_limit=10))).code == 0
    taken = Taken()
    await bench.pack(PROJECT, taken.add)
    await bench.unpack(PROJECT, INTO, taken.given())
    assert tree(local.workspace / INTO / PROJECT) == tree(local.workspace / PROJECT)
    assert stat.S_IMODE((local.workspace / INTO).stat().st_mode) == 0o700


HOLE = 128 << 20
"""Bytes of a file that takes nearly none of the disk."""


async def test_a_hole_is_packed_as_one_and_comes_back_as_one(bench: Workbench, local: LocalBench) -> None:
    line = f"truncate -s {HOLE} none; truncate -s {HOLE} some; printf data | dd of=some bs=1M seek=100 conv=notrunc"
    assert (await bench.run(Command(line=line, project=PROJECT, time_limit=10))).code == 0
    taken = Taken()
    await bench.pack(PROJECT, taken.add)
    assert sum(map(len, taken.chunks)) < 2 << 20
    await bench.unpack(PROJECT, INTO, taken.given())
    for name in ("none", "some"):
        told = (local.workspace / INTO / PROJECT / name).stat()
        assert told.st_size == HOLE
        assert told.st_blocks * 512 < 2 << 20
    same = await bench.run(Command(line=f"cmp some ../{INTO}/shop/some", project=PROJECT, time_limit=60))
    assert same.code == 0, same.output


async def test_where_nobody_tells_what_of_a_file_is_there_all_of_it_is_packed(
    bench: Workbench, local: LocalBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else tar would take each file for a hole, and the backup would have nothing."""
    usual = os.fstat

    def fstat(descriptor: int) -> os.stat_result:
        told = usual(descriptor)
        return os.stat_result(told, {"st_blocks": 0}) if told.st_nlink == 0 else told

    await bench.run(Command(line="truncate -s 10M hole", project=PROJECT, time_limit=10))
    monkeypatch.setattr(os, "fstat", fstat)
    taken = Taken()
    await bench.pack(PROJECT, taken.add)
    assert sum(map(len, taken.chunks)) > 10 << 20
    assert sorted(each.name for each in (local.workspace / PROJECT).iterdir()) == [".git", "hole"]


async def test_who_takes_slowly_is_waited_for_and_who_leaves_ends_it(bench: Workbench, local: LocalBench) -> None:
    line = "head -c 30000000 /dev/zero > zeros"
    await bench.run(Command(line=line, project=PROJECT, time_limit=10))
    came = anyio.Event()

    async def never(_: bytes) -> None:
        came.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.pack, PROJECT, never)
        await came.wait()
        assert "tar" in (await packers(local))
        tasks.cancel_scope.cancel()
    with anyio.fail_after(5):
        while "tar" in await packers(local):  # noqa: ASYNC110
            await anyio.sleep(0.05)


async def packers(local: LocalBench) -> str:
    """The names of the processes that work for the project."""
    line = (
        f"grep -lzx APPX_PROJECT_DIR={local.workspace / PROJECT} /proc/[0-9]*/environ 2>/dev/null | "
        "xargs -r -n1 dirname | xargs -I% cat %/comm"
    )
    return (await local.run(Command(line=line, project=None, time_limit=10))).output


async def test_an_error_of_who_takes_comes_out_as_it_is(bench: Workbench) -> None:
    async def full(_: bytes) -> None:
        raise Invalid("enough")

    with pytest.raises(Invalid, match="enough"):
        await bench.pack(PROJECT, full)


async def test_an_error_of_who_gives_comes_out_as_it_is(bench: Workbench) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"\0" * 512
        raise Invalid("damaged")

    with pytest.raises(Invalid, match="damaged"):
        await bench.unpack(PROJECT, INTO, broken())


async def test_what_is_no_archive_has_a_reason(bench: Workbench) -> None:
    async def words() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b"no archive" * 10_000

    with pytest.raises(Unavailable, match=r"could not be unpacked: .*tar"):
        await bench.unpack(PROJECT, INTO, words())


async def test_nothing_is_unpacked_over_something_or_elsewhere(bench: Workbench, local: LocalBench) -> None:
    taken = Taken()
    await bench.pack(PROJECT, taken.add)
    (local.workspace / INTO / PROJECT).mkdir(parents=True)
    with pytest.raises(Conflict, match="already"):
        await bench.unpack(PROJECT, INTO, taken.given())
    for into in ("shop", ".", "..", "./x", ".a/b", ""):
        with pytest.raises(Invalid, match="no name"):
            await bench.unpack(PROJECT, into, taken.given())


async def test_a_project_without_a_directory_is_not_found(bench: Workbench) -> None:
    with pytest.raises(NotFound, match="gone"):
        await bench.pack(ProjectId("other"), Taken().add)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_frames_are_told_apart_however_they_are_cut(size: int) -> None:
    sent = wire.frame(b"one") + wire.frame(b"x" * 50) + wire.frame(b"") + b"{}"
    frames = wire.Frames()
    found = [frame for at in range(0, len(sent), size) for frame in frames.add(sent[at : at + size])]
    assert (found, frames.last) == ([b"one", b"x" * 50], b"{}")
