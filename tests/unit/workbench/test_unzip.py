"""Zip archives of people who mean harm, of programs that write them oddly, and of those who mean well."""

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from appx.domain.errors import AppxError, Conflict, Invalid, TooLarge
from appx.workbench import unzipping
from appx.workbench.bench import Workbench
from appx.workbench.local import LocalBench
from tests.unit.workbench.conftest import PROJECT
from tests.unit.workbench.streams import archive, link, sent, special

pytestmark = pytest.mark.anyio

GOOD = ("good.txt", b"good")


def home(local: LocalBench) -> Path:
    return local.workspace / PROJECT


def tree(top: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(top)): path.read_bytes() if path.is_file() else b""
        for path in top.rglob("*")
        if ".git" not in path.parts
    }


def renamed(old: bytes, new: bytes) -> bytes:
    """What ``zipfile`` itself would not write."""
    assert len(old) == len(new)
    return archive(GOOD, (old.decode(), b"x")).replace(old, new)


def encrypted() -> bytes:
    data = bytearray(archive(("s.txt", b"x"), method=zipfile.ZIP_STORED))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


def lying() -> bytes:
    """It says that its file has one byte."""
    data = bytearray(archive(("f", b"z" * 5_000)))
    struct.pack_into("<I", data, data.index(b"PK\1\2") + 24, 1)
    return bytes(data)


def endless_index() -> bytes:
    """A list of entries larger than all that is taken in."""
    data = archive(GOOD)
    start = data.index(b"PK\1\2")
    index = data[start : data.index(b"PK\5\6")] * 120_000
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(index), start, 0)
    return data[:start] + index + end


def overlapping() -> bytes:
    """Many entries that share one content, as the best bombs do."""
    data = archive(("a", bytes(10_000_000)))
    start = data.index(b"PK\1\2")
    one = data[start : data.index(b"PK\5\6")]
    index = one * 300
    return data[:start] + index + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 300, 300, len(index), start, 0)


ATTACKS: list[tuple[str, bytes, type[AppxError]]] = [
    ("no archive", b"hello", Invalid),
    ("empty body", b"", Invalid),
    ("cut off", archive(GOOD, ("b", os.urandom(3_000)))[:-40], Invalid),
    ("damaged", archive(("b", b"a" * 99), method=zipfile.ZIP_STORED).replace(b"a" * 99, b"a" * 98 + b"b"), Invalid),
    ("upwards", archive(GOOD, ("../evil", b"x")), Invalid),
    ("upwards inside", archive(GOOD, ("a/../../evil", b"x")), Invalid),
    ("upwards in Windows' way", archive(GOOD, ("..\\evil", b"x")), Invalid),
    ("upwards both ways", archive(GOOD, ("a\\..\\../..\\evil", b"x")), Invalid),
    ("absolute", archive(GOOD, ("/tmp/evil", b"x")), Invalid),
    ("absolute in Windows' way", archive(GOOD, ("C:\\evil", b"x")), Invalid),
    ("a share of Windows", archive(GOOD, ("\\\\host\\evil", b"x")), Invalid),
    ("a zero byte", renamed(b"evil.txt", b"evil\0txt"), Invalid),
    ("twice", renamed(b"evil.txt", b"good.txt"), Invalid),
    ("a file and a directory", archive(("a", b"x"), ("a/b", b"x")), Invalid),
    ("a name too long", archive(("x" * 256, b"x")), Invalid),
    ("a path too long", archive(("x/" * 600 + "x", b"x")), Invalid),
    ("encrypted", encrypted(), Invalid),
    ("bzip2", archive(("a", b"x"), method=zipfile.ZIP_BZIP2), Invalid),
    ("lzma", archive(("a", b"x"), method=zipfile.ZIP_LZMA), Invalid),
    ("a size that is a lie", lying(), Invalid),
    ("a bomb", archive(("zeros", bytes(200_000_000))), TooLarge),
    ("a bomb of overlapping entries", overlapping(), AppxError),
    ("too many entries", archive(*((f"{number}", b"") for number in range(20_001))), TooLarge),
    ("an endless list of entries", endless_index(), TooLarge),
    ("not UTF-8 though it says so", renamed("naïve.txt".encode(), b"na\xff\xfeve.txt"), Invalid),
]


@pytest.mark.parametrize(("data", "error"), [each[1:] for each in ATTACKS], ids=[each[0] for each in ATTACKS])
async def test_an_attack_changes_nothing(
    bench: Workbench, local: LocalBench, data: bytes, error: type[AppxError]
) -> None:
    around = sorted(path.name for path in local.workspace.iterdir())
    with pytest.raises(error) as told:
        await bench.tree.unzip(PROJECT, "into", sent(data), replace=True)
    assert str(told.value).endswith(".")
    assert tree(home(local)) == {}
    assert sorted(path.name for path in local.workspace.iterdir()) == around


async def test_links_devices_and_what_is_gits_are_left_out(bench: Workbench, local: LocalBench) -> None:
    data = archive(
        GOOD, link("link"), link("a/link"), special("pipe", stat.S_IFIFO), special("disk", stat.S_IFBLK),
        (".git/config", b"[core]\nfsmonitor = evil"), ("sub/.GIT/config", b"x"), (".appx-unfinished-1", b"x"),
        (".gitignore", b"x"), ("./plain", b"x"), ("//", b""),
    )  # fmt: skip
    data = data.replace(b"//", b"./")
    done = await bench.tree.unzip(PROJECT, ".", sent(data), replace=False)
    assert set(done.left_out) == {
        "link", "a/link", "pipe", "disk", ".git/config", "sub/.GIT/config", ".appx-unfinished-1",
    }  # fmt: skip
    assert tree(home(local)) == {"good.txt": b"good", ".gitignore": b"x", "plain": b"x"}
    assert "evil" not in (home(local) / ".git/config").read_text()


async def test_a_link_and_then_a_file_through_it_stays_inside(bench: Workbench, local: LocalBench) -> None:
    await bench.tree.unzip(PROJECT, ".", sent(archive(link("out"), ("out/evil", b"x"))), replace=False)
    assert tree(home(local)) == {"out": b"", "out/evil": b"x"}
    assert not (home(local) / "out").is_symlink()


async def test_a_link_that_is_there_is_not_followed(bench: Workbench, local: LocalBench, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (home(local) / "out").symlink_to(tmp_path / "outside")
    for path in (".", "out"):
        with pytest.raises((Conflict, Invalid)):
            await bench.tree.unzip(PROJECT, path, sent(archive(("out/evil", b"x"))), replace=True)
    (home(local) / "file").symlink_to(tmp_path / "outside/file")
    await bench.tree.unzip(PROJECT, ".", sent(archive(("file", b"x"))), replace=True)
    assert (home(local) / "file").read_bytes() == b"x"
    assert list((tmp_path / "outside").iterdir()) == []


async def test_names_of_windows_and_of_everywhere_are_taken(bench: Workbench, local: LocalBench) -> None:
    data = archive(
        ("dir\\file.txt", b"1"), ("ünï/☃ 日本.txt", b"2"), ("empty/", b""), ("e\\", b""), ("new\nline", b"3")
    )
    done = await bench.tree.unzip(PROJECT, ".", sent(data), replace=False)
    assert (done.files, done.size) == (3, 3)
    assert tree(home(local)) == {
        "dir": b"", "dir/file.txt": b"1", "ünï": b"", "ünï/☃ 日本.txt": b"2", "empty": b"", "e": b"", "new\nline": b"3",
    }  # fmt: skip


async def test_what_is_there_is_replaced_only_when_asked_and_all_or_nothing(
    bench: Workbench, local: LocalBench
) -> None:
    await bench.write(PROJECT, "a/old.txt", b"old")
    await bench.write(PROJECT, "a/keep.txt", b"keep")
    data = archive(("0.txt", b"0"), ("a/old.txt", b"new"), ("a/b/c.txt", b"c"), ("z.txt", b"z"))
    before = tree(home(local))
    with pytest.raises(Conflict, match=r"a/old\.txt is there already"):
        await bench.tree.unzip(PROJECT, ".", sent(data), replace=False)
    for wrong in (archive(("0.txt", b"0"), ("a", b"x")), archive(("0.txt", b"0"), ("a/old.txt/x", b"x"))):
        with pytest.raises(Conflict, match="Move it away"):
            await bench.tree.unzip(PROJECT, ".", sent(wrong), replace=True)
    assert tree(home(local)) == before
    await bench.tree.unzip(PROJECT, ".", sent(data), replace=True)
    after = {"0.txt": b"0", "a/old.txt": b"new", "a/b": b"", "a/b/c.txt": b"c", "z.txt": b"z"}
    assert tree(home(local)) == before | after


async def test_programs_can_be_run_and_no_more(bench: Workbench, local: LocalBench) -> None:
    data = archive(
        special("run.sh", stat.S_IFREG, 0o755), special("text", stat.S_IFREG, 0o600), special("s", stat.S_IFREG, 0o4755)
    )
    await bench.tree.unzip(PROJECT, ".", sent(data), replace=False)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home(local).iterdir() if path.is_file()}
    plain = modes["text"]
    assert plain & 0o111 == 0
    assert modes["run.sh"] == modes["s"] == plain | ((plain & 0o444) >> 2)


async def test_a_place_that_is_git_s_or_no_directory_is_refused(bench: Workbench, local: LocalBench) -> None:
    await bench.write(PROJECT, "file", b"x")
    for path in (".git", ".git/hooks", "file", "../other"):
        with pytest.raises(Invalid):
            await bench.tree.unzip(PROJECT, path, sent(archive(GOOD)), replace=True)


async def test_zip64_and_comments_are_read(bench: Workbench, local: LocalBench) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as target:
        with target.open("big", "w", force_zip64=True) as file:
            file.write(b"x" * 100)
        target.comment = b"hello"
    await bench.tree.unzip(PROJECT, ".", sent(made.getvalue()), replace=False)
    assert tree(home(local)) == {"big": b"x" * 100}


def test_the_limit_of_all_content_is_one_whatever_the_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = zipfile.ZipInfo("a")
    entry.file_size = unzipping.MAX_UNPACKED + 1
    with pytest.raises(TooLarge):
        unzipping.plan([entry], unzipping.MAX_UNPACKED)
