#!/usr/bin/env python3
"""Removes files below directories, the longest unused first, until they take three quarters of a limit.

    trim_cache.py MIB DIRECTORY...

Follows no link. A file that somebody removes meanwhile does not matter, and one that is in use is young.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

MIB = 1 << 20


def main(arguments: list[str]) -> None:
    limit, *directories = arguments
    room = int(limit) * MIB * 3 // 4
    found = sorted(files(directories), reverse=True)
    for _, size, path in found:
        room -= size
        if room < 0:
            with suppress(OSError):
                path.unlink()


def files(directories: Iterable[str]) -> Iterator[tuple[float, int, Path]]:
    """When each was last read or written, the bytes that it takes, its path."""
    for directory in directories:
        for place, _, names in os.walk(directory):
            for path in (Path(place, name) for name in names):
                with suppress(OSError):
                    known = path.lstat()
                    yield max(known.st_atime, known.st_mtime), known.st_blocks * 512, path


if __name__ == "__main__":
    main(sys.argv[1:])
