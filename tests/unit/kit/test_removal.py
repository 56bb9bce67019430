"""Directories are removed whole, whatever somebody made of them."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from appx.kit.removal import MAX_DEPTH, clear_unfinished, remove_folder
from appx.kit.unfinished import unfinished_name


def remove(path: Path, *, seconds: float = 30) -> None:
    parent = os.open(path.parent, os.O_PATH)
    try:
        remove_folder(path.name, parent, seconds=seconds)
    finally:
        os.close(parent)


def deep(top: Path, levels: int) -> None:
    """Paths of that length have no name: one has to go there step by step."""
    here = os.open(top, os.O_PATH)
    for _ in range(levels):
        os.mkdir("x", dir_fd=here)
        inner = os.open("x", os.O_PATH, dir_fd=here)
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=inner))
        os.close(here)
        here = inner
    os.close(here)


@pytest.mark.parametrize("levels", [1, MAX_DEPTH, MAX_DEPTH + 1, 3 * MAX_DEPTH, 5_000])
def test_a_directory_of_any_depth_goes_with_few_descriptors(tmp_path: Path, levels: int) -> None:
    top = tmp_path / "top"
    top.mkdir()
    deep(top, levels)
    try:
        remove(top)
        assert list(tmp_path.iterdir()) == []
    finally:  # else pytest could not remove it either
        subprocess.run(["rm", "-rf", "--", str(top)], check=True)


def test_directories_without_permissions_go_and_nothing_behind_links(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    (top / "closed/inner").mkdir(parents=True)
    outside.mkdir(mode=0o500)
    (top / "closed/link").symlink_to(outside)
    (top / "file").write_text("x")
    os.mkfifo(top / "closed/inner/pipe")
    (top / "closed/inner").chmod(0)
    (top / "closed").chmod(0o100)
    remove(top)
    assert list(tmp_path.iterdir()) == [outside]
    assert outside.stat().st_mode & 0o777 == 0o500


def test_what_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(NotADirectoryError):
        remove(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()


def test_a_directory_that_is_filled_all_the_time_is_given_up(tmp_path: Path) -> None:
    top, stop = tmp_path / "top", threading.Event()
    top.mkdir()

    def fill() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                (top / str(number)).write_text("x")
            except FileNotFoundError:
                return

    writer = threading.Thread(target=fill)
    writer.start()
    try:
        try:
            remove(top, seconds=0.5)
        except OSError:
            assert top.exists()
        else:
            assert not top.exists()
    finally:
        stop.set()
        writer.join()


def test_only_what_is_unfinished_is_cleared(tmp_path: Path) -> None:
    left = tmp_path / unfinished_name()
    (left / "inner").mkdir(parents=True)
    (tmp_path / unfinished_name()).write_text("x")
    (tmp_path / unfinished_name()).symlink_to("nowhere")
    (tmp_path / "kept").write_text("x")
    clear_unfinished(tmp_path)
    clear_unfinished(tmp_path / "nowhere")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_it_is_a_program_too(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").write_text("x")
    (tmp_path / "top").mkdir()
    deep(tmp_path / "top", 2_000)
    what = [str(tmp_path / each) for each in ("link", "file", "top")]
    subprocess.run([sys.executable, "-I", "-m", "appx.kit.removal", *what], check=True)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "next").write_text("x")
    failed = subprocess.run(
        [sys.executable, "-I", "-m", "appx.kit.removal", what[1], str(tmp_path / "next")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (failed.returncode, failed.stderr) == (1, f"{what[1]}: No such file or directory\n")
    assert list(tmp_path.iterdir()) == [], "the next one is gone all the same"
