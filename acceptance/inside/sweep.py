"""Looks for secrets wherever this uid can read: every file, and environment and command line of every process.

The secrets come on standard input, a line each, so that no command line shows them. Prints ``PLACE secret N``; the
secrets themselves are never printed.
"""

import os
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

CHUNK = 1 << 20
LEFT_OUT = {"/proc", "/sys", "/dev"}


def main() -> None:
    secrets = [line.encode() for line in sys.stdin.read().split()]
    looked = 0
    for place, data in chain(processes(), files()):
        looked += 1
        for number, secret in enumerate(secrets):
            if secret in data:
                print(f"{place} secret {number}")
    print(f"looked at {looked} pieces")


def processes() -> Iterator[tuple[str, bytes]]:
    for directory in Path("/proc").glob("[0-9]*"):
        for name in ("environ", "cmdline"):
            try:
                yield f"/proc/{directory.name}/{name}", (directory / name).read_bytes()
            except OSError:
                continue  # a wall, or it has ended


def files() -> Iterator[tuple[str, bytes]]:
    for top, directories, names in os.walk("/"):
        directories[:] = [name for name in directories if os.path.join(top, name) not in LEFT_OUT]
        for name in names:
            yield from pieces(os.path.join(top, name))


def pieces(path: str) -> Iterator[tuple[str, bytes]]:
    """The file in pieces that overlap, so that no secret falls between two."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return
    before = b""
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        try:
            while data := file.read(CHUNK):
                yield path, before + data
                before = data[-256:]
        except OSError:
            return


main()
