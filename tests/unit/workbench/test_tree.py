"""A project's files as people handle them, here and over the socket: whole or not at all, and never outside."""

import os
import shutil
import stat
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from appx.domain.errors import AppxError, Changed, Conflict, Invalid, NotFound, TooLarge
from appx.workbench import tree_local
from appx.workbench.bench import Command, Workbench
from appx.workbench.local import LocalBench, clear_projects
from appx.workbench.tree import ANY, Entry, Look, Span, When
from tests.unit.workbench.conftest import PROJECT
from tests.unit.workbench.streams import content, sent, zipped

pytestmark = pytest.mark.anyio

WHATEVER = When()


def home(local: LocalBench) -> Path:
    return local.workspace / PROJECT


def names(top: Path) -> list[str]:
    return sorted(path.name for path in top.iterdir())


def everything(top: Path) -> list[Path]:
    return sorted(top.rglob("*"))


async def paths(bench: Workbench, look: Look) -> list[str]:
    """All pages of a listing."""
    found = await bench.tree.entries(PROJECT, look)
    told = [entry.path for entry in found.entries]
    assert len(told) <= look.limit
    while found.next is not None:
        found = await bench.tree.entries(PROJECT, replace(look, after=found.next))
        assert 0 < len(found.entries) <= look.limit
        told += [entry.path for entry in found.entries]
    return told


@pytest.fixture
def some(local: LocalBench) -> Path:
    top = home(local)
    top.mkdir(exist_ok=True)
    for name in ("b/two/x.txt", "b/one.txt", "b.txt", "a ☃.txt", ".env", ".git/config", "b/.git/config"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(b"12345")
    (top / "link").symlink_to("b/one.txt")
    (top / "out").symlink_to("/etc")
    (top / "b" / "empty").mkdir()
    os.mkfifo(top / "pipe")
    return top


async def test_a_listing_has_each_with_kind_size_and_time(bench: Workbench, some: Path) -> None:
    os.utime(some / "b.txt", ns=(0, 1_234_567_891_000_000_000))
    found = await bench.tree.entries(PROJECT, Look())
    told = {entry.path: (entry.kind, entry.size) for entry in found.entries}
    assert told == {
        ".env": ("file", 5), "a ☃.txt": ("file", 5), "b": ("directory", 0), "b.txt": ("file", 5), "link": ("link", 0),
        "out": ("link", 0), "pipe": ("other", 0),
    }  # fmt: skip
    assert found.next is None
    assert found.entries[3].modified.isoformat() == "2009-02-13T23:31:31+00:00"


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_pages_together_are_the_whole(bench: Workbench, some: Path, limit: int) -> None:
    assert await paths(bench, Look(depth=3, limit=limit)) == [
        ".env", "a ☃.txt", "b", "b/empty", "b/one.txt", "b/two", "b/two/x.txt", "b.txt", "link", "out", "pipe",
    ]  # fmt: skip
    assert await paths(bench, Look(path="b", limit=limit)) == ["b/empty", "b/one.txt", "b/two"]
    assert ".env" not in await paths(bench, Look(hidden=False, limit=limit))


async def test_names_that_are_not_utf_8_and_strange_times_break_nothing(bench: Workbench, local: LocalBench) -> None:
    top = home(local)
    for name in (b"bad\xff", b"bad\xfe", b"dir\xff/in"):
        place = os.fsencode(top) + b"/" + name
        os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120  names of bytes
        with open(place, "wb") as file:  # noqa: PTH123, ASYNC230
            file.write(b"x")
    (top / "new\nline").touch()
    os.utime(top / "new\nline", (0, 2**33))
    for limit in (1, 10):
        told = await paths(bench, Look(depth=2, limit=limit))
        assert told == ["bad\ufffd", "bad\ufffd", "dir\ufffd", "dir\ufffd/in", "new\nline"]
    found = await bench.tree.entries(PROJECT, Look())
    assert [entry.exact for entry in found.entries] == [False, False, False, True]
    assert (await zipped(bench)).namelist() == ["bad%FE", "bad%FF", "dir%FF/", "dir%FF/in", "new\nline"]


async def test_a_directory_of_many_comes_in_pages_and_one_that_cannot_be_read_is_only_named(
    bench: Workbench, local: LocalBench
) -> None:
    for number in range(2_500):
        (home(local) / f"{number:04}").touch()
    assert len(await paths(bench, Look(limit=1_000))) == 2_500
    assert (await bench.tree.entries(PROJECT, Look(after="2498"))).entries[0].path == "2499"


@pytest.mark.parametrize("path", ["..", "/etc", "out", "b/../..", "a\0b", "b.txt", "link"])
async def test_only_a_directory_of_the_project_is_listed(bench: Workbench, some: Path, path: str) -> None:
    with pytest.raises(Invalid):
        await bench.tree.entries(PROJECT, Look(path=path))
    with pytest.raises(NotFound):
        await bench.tree.entries(PROJECT, Look(path="none"))


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (None, b"0123456789"),
        (Span(first=0, last=0), b"0"),
        (Span(first=2, last=4), b"234"),
        (Span(first=7, last=None), b"789"),
        (Span(first=7, last=99), b"789"),
        (Span(first=None, last=3), b"789"),
        (Span(first=None, last=99), b"0123456789"),
        (Span(first=None, last=0), b""),
        (Span(first=10, last=None), b""),
        (Span(first=99, last=100), b""),
    ],
)
async def test_a_part_of_a_file_is_read(bench: Workbench, span: Span | None, expected: bytes) -> None:
    await bench.write(PROJECT, "ten", b"0123456789")
    async with bench.tree.open(PROJECT, "ten", span) as opened:
        assert b"".join([chunk async for chunk in opened.chunks]) == expected
        assert (opened.stop - opened.start, opened.entry.size) == (len(expected), 10)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "out/passwd", "b", "pipe", "."])
async def test_nothing_else_is_read_written_or_zipped(bench: Workbench, some: Path, path: str) -> None:
    with pytest.raises(Invalid):
        await content(bench, path)
    with pytest.raises(Invalid):
        await bench.tree.put(PROJECT, path, sent(b"x"), WHATEVER)
    if path in {"b", "."}:
        return
    with pytest.raises(Invalid):
        await zipped(bench, path)
    assert (some / "b/one.txt").read_bytes() == b"12345"


async def test_what_is_put_is_read_and_nothing_stays_beside(bench: Workbench, local: LocalBench) -> None:
    data = os.urandom(700_000)
    entry = await bench.tree.put(PROJECT, "deep/er/file", sent(data[:5], b"", data[5:]), WHATEVER)
    assert (entry.path, entry.kind, entry.size) == ("deep/er/file", "file", len(data))
    assert await content(bench, "deep/er/file") == data
    (home(local) / "deep/er/file").chmod(0o750)
    again = await bench.tree.put(PROJECT, "deep/er/file", sent(b"new"), WHATEVER)
    assert again.tag != entry.tag
    assert stat.S_IMODE((home(local) / "deep/er/file").stat().st_mode) == 0o750
    assert names(home(local)) == [".git", "deep"]


async def test_only_what_is_as_the_caller_saw_it_is_replaced(bench: Workbench, local: LocalBench) -> None:
    first = await bench.tree.put(PROJECT, "a", sent(b"1"), When(absent=True))
    for when in (When(absent=True), When(tags=("other",))):
        with pytest.raises(Changed):
            await bench.tree.put(PROJECT, "a", sent(b"2"), when)
    for path in ("none", "no/ne"):
        with pytest.raises(Changed):
            await bench.tree.put(PROJECT, path, sent(b"2"), When(tags=(ANY,)))
    second = await bench.tree.put(PROJECT, "a", sent(b"2"), When(tags=("other", first.tag)))
    with pytest.raises(Changed):
        await bench.tree.put(PROJECT, "a", sent(b"3"), When(tags=(first.tag,)))
    await bench.run(Command(line="printf 4 > a", project=PROJECT, time_limit=5))
    with pytest.raises(Changed):
        await bench.tree.put(PROJECT, "a", sent(b"3"), When(tags=(second.tag,)))
    await bench.tree.put(PROJECT, "a", sent(b"5"), When(tags=(ANY,)))
    assert (home(local) / "a").read_bytes() == b"5"
    assert names(home(local)) == [".git", "a"]


async def test_of_many_who_saw_the_same_one_writes(bench: Workbench, local: LocalBench) -> None:
    seen = await bench.tree.put(PROJECT, "a", sent(b"0"), WHATEVER)
    done: list[Entry] = []

    async def write(number: int, when: When, path: str) -> None:
        try:
            done.append(await bench.tree.put(PROJECT, path, sent(b"%d" % number), when))
        except Changed:
            return

    for when, path in ((When(tags=(seen.tag,)), "a"), (When(absent=True), "new")):
        done.clear()
        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(write, number, when, path)
        assert len(done) == 1
    assert names(home(local)) == [".git", "a", "new"]


async def test_an_upload_that_breaks_off_leaves_nothing(bench: Workbench, local: LocalBench) -> None:
    class Left(Exception):
        pass

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 300_000
        raise Left

    await bench.write(PROJECT, "a", b"old")
    with pytest.raises(Left):
        await bench.tree.put(PROJECT, "a", broken(), WHATEVER)
    with pytest.raises(Left):
        await bench.tree.put(PROJECT, "new/dir/a", broken(), WHATEVER)
    with pytest.raises(Left):
        await bench.tree.unzip(PROJECT, "new/dir", broken(), replace=False)
    await cleared(home(local))
    assert names(home(local)) == [".git", "a"]
    assert (home(local) / "a").read_bytes() == b"old"


async def test_an_upload_that_is_cancelled_leaves_nothing(bench: Workbench, local: LocalBench) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * 300_000
        await anyio.sleep_forever()

    for work in (
        bench.tree.put(PROJECT, "a", endless(), WHATEVER),
        bench.tree.unzip(PROJECT, ".", endless(), replace=False),
    ):
        with anyio.move_on_after(0.2):
            await work
        await cleared(home(local))
        assert names(home(local)) == [".git"]


async def cleared(top: Path) -> None:
    """The service notices that the caller left a moment later."""
    with anyio.fail_after(5):
        while any(name.startswith(".appx-unfinished-") for name in names(top)):  # noqa: ASYNC110
            await anyio.sleep(0.02)


async def test_the_start_clears_what_a_kill_left(local: LocalBench) -> None:
    await local.create_project(PROJECT)
    left = home(local) / ".appx-unfinished-0123"
    (left / "inner").mkdir(parents=True)
    (left / "inner/file").touch()
    assert await paths(local, Look(depth=3)) == []
    assert (await zipped(local)).namelist() == []
    clear_projects(local.workspace)
    assert names(home(local)) == [".git"]


async def test_who_reads_sees_the_old_or_the_new(bench: Workbench, local: LocalBench) -> None:
    old, new = b"o" * 400_000, b"n" * 500_000
    await bench.write(PROJECT, "a", old)
    seen, done = set[bytes](), threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.add((home(local) / "a").read_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(5):
        await bench.tree.put(PROJECT, "a", sent(new), WHATEVER)
        await bench.tree.put(PROJECT, "a", sent(old), WHATEVER)
    done.set()
    watcher.join()
    assert seen <= {old, new}


async def test_files_links_and_directories_are_removed(bench: Workbench, some: Path) -> None:
    for path in ("b.txt", "link", "out", "pipe", "b/empty"):
        await bench.tree.remove(PROJECT, path, recursive=False)
    assert (some / "b/one.txt").exists()
    with pytest.raises(Conflict, match="recursive=true"):
        await bench.tree.remove(PROJECT, "b", recursive=False)
    (some / "b/out").symlink_to("/etc")
    await bench.tree.remove(PROJECT, "b", recursive=True)
    assert names(some) == [".env", ".git", "a ☃.txt"]
    assert os.access("/etc/passwd", os.R_OK)
    for path, error in (("none", NotFound), (".", Invalid), ("..", Invalid), (".git", Invalid), ("x/.GIT/y", Invalid)):
        with pytest.raises(error):
            await bench.tree.remove(PROJECT, path, recursive=True)


async def test_files_and_directories_are_moved(bench: Workbench, some: Path) -> None:
    moved = await bench.tree.move(PROJECT, "b", "new/place", replace=False)
    assert (moved.path, moved.kind) == ("new/place", "directory")
    assert (some / "new/place/two/x.txt").exists()
    await bench.tree.move(PROJECT, "link", "new/link", replace=False)
    assert (some / "new/link").is_symlink()
    with pytest.raises(Conflict):
        await bench.tree.move(PROJECT, "b.txt", ".env", replace=False)
    await bench.tree.move(PROJECT, "b.txt", ".env", replace=True)
    assert names(some) == [".env", ".git", "a ☃.txt", "new", "out", "pipe"]


@pytest.mark.parametrize(
    ("path", "to", "error"),
    [
        ("none", "x/y", NotFound),
        ("b", "b/two/b", Invalid),
        ("b.txt", "../b.txt", Invalid),
        ("b.txt", "out/b.txt", Invalid),
        ("b.txt", ".git/hooks/pre-commit", Invalid),
        (".git", "git", Invalid),
        ("b.txt", ".appx-unfinished-1", Invalid),
        (".", "x", Invalid),
        ("b.txt", "b", Conflict),
        ("b", "b.txt", Conflict),
        ("b/two", "b/empty/../two", Conflict),
    ],
)
async def test_what_cannot_be_moved_stays(
    bench: Workbench, some: Path, path: str, to: str, error: type[AppxError]
) -> None:
    before = everything(some)
    with pytest.raises(error):
        await bench.tree.move(PROJECT, path, to, replace=False)
    assert everything(some) == before


async def test_a_zip_has_what_git_would_take_and_links_stay_links(bench: Workbench, some: Path) -> None:
    await bench.create_project(PROJECT)
    shutil.rmtree(some / "b/.git")  # a repository of its own has rules of its own
    (some / ".gitignore").write_text("*.log\nnode_modules/\n")
    for name in ("a.log", "node_modules/x/y.js", "b/b.log"):
        (some / name).parent.mkdir(parents=True, exist_ok=True)
        (some / name).write_text("x")
    (some / "b/one.txt").chmod(0o755)
    os.utime(some / "b.txt", (0, 0))
    made = await zipped(bench)
    plain = [
        ".env", ".gitignore", "a ☃.txt", "b/", "b/empty/", "b/one.txt", "b/two/", "b/two/x.txt", "b.txt", "link", "out",
    ]  # fmt: skip
    assert sorted(made.namelist()) == sorted(plain)
    assert made.read("out") == b"/etc"
    assert stat.S_ISLNK(made.getinfo("out").external_attr >> 16)
    assert made.getinfo("b/one.txt").external_attr >> 16 == stat.S_IFREG | 0o755
    assert made.getinfo("b.txt").date_time[0] == 1980
    every = (await zipped(bench, everything=True)).namelist()
    assert {"a.log", "b/b.log", "node_modules/x/y.js", ".git/HEAD", *plain} <= set(every)
    assert (await zipped(bench, "b")).namelist() == ["empty/", "one.txt", "two/", "two/x.txt"]
    assert (await zipped(bench, "link")).namelist() == ["one.txt"]
    with pytest.raises(NotFound):
        await zipped(bench, "none")


async def test_a_zip_of_too_many_files_is_refused(
    bench: Workbench, some: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree_local, "MAX_ZIPPED", 5)
    with pytest.raises(TooLarge, match="more than 5 files"):
        await zipped(bench)


async def test_what_was_zipped_is_unzipped_as_it_was(bench: Workbench, some: Path) -> None:
    data = os.urandom(3_000_000)
    (some / "big").write_bytes(data)
    parts: list[bytes] = []

    async def take(part: bytes) -> None:
        parts.append(part)

    await bench.tree.zip(PROJECT, ".", take, everything=False)
    assert max(map(len, parts)) < 1 << 20
    done = await bench.tree.unzip(PROJECT, "copy", sent(*parts), replace=False)
    assert sorted(done.left_out) == ["link", "out"]
    assert (some / "copy/big").read_bytes() == data
    assert (some / "copy/a ☃.txt").read_bytes() == b"12345"
    assert (some / "copy/b/empty").is_dir()
    assert done.files == 6


async def test_who_takes_a_zip_slowly_is_waited_for(bench: Workbench, local: LocalBench) -> None:
    (home(local) / "big").write_bytes(os.urandom(20_000_000))
    came = 0

    async def take(part: bytes) -> None:
        nonlocal came
        came += len(part)
        if came > 1_000_000:
            await anyio.sleep_forever()

    with anyio.move_on_after(0.5):
        await bench.tree.zip(PROJECT, ".", take, everything=False)
    assert came < 3_000_000
