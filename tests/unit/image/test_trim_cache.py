"""What is removed of a cache of packages that has grown too big."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[3] / "image/rootfs/usr/local/libexec/appx/trim_cache.py"
MIB = 1 << 20


def trim(limit: int, *directories: Path) -> None:
    subprocess.run([sys.executable, "-IS", str(SCRIPT), str(limit), *map(str, directories)], check=True)


def fill(path: Path, age: int) -> Path:
    """A file of 1 MiB, last used so many hours ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(MIB))
    when = path.stat().st_mtime - age * 3600
    os.utime(path, (when, when))
    return path


def test_the_longest_unused_goes_until_a_quarter_is_free(tmp_path: Path) -> None:
    one, other = tmp_path / "pip", tmp_path / "npm"
    files = [fill((one, other)[age % 2] / f"deep/{age}", age) for age in range(8)]
    trim(4, one, other)
    assert [each.exists() for each in files] == [True] * 3 + [False] * 5


def test_what_fits_stays(tmp_path: Path) -> None:
    kept = fill(tmp_path / "cache/a", 1000)
    trim(4, tmp_path / "cache")
    assert kept.exists()


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    outside = fill(tmp_path / "outside/file", 1000)
    cache = tmp_path / "cache"
    fill(cache / "new", 0)
    (cache / "directory").symlink_to(outside.parent)
    (cache / "file").symlink_to(outside)
    trim(0, cache, tmp_path / "missing")
    assert outside.exists()
    assert not (cache / "new").exists()
