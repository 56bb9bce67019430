"""Looks for secrets wherever this uid can read: every file, and environment and command line of every process.

With the argument ``deep`` not in the files of the image, but also in memory, maps and open files of processes, and in
the names of sockets.

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
    looked, told = 0, set[str]()
    deep = memory() if sys.argv[1:] == ["deep"] else iter(())
    for place, data in chain(processes(), files(), deep):
        looked += 1
        for number, secret in enumerate(secrets):
            found = f"{place} secret {number}"
            if secret in data and found not in told:
                told.add(found)
                print(found)
    print(f"looked at {looked} pieces")


def processes() -> Iterator[tuple[str, bytes]]:
    for directory in Path("/proc").glob("[0-9]*"):
        for name in ("environ", "cmdline"):
            try:
                yield f"/proc/{directory.name}/{name}", (directory / name).read_bytes()
            except OSError:
                continue  # a wall, or it has ended


def memory() -> Iterator[tuple[str, bytes]]:
    """Of all processes but this one, which knows the secrets; and what is open but has no name any more."""
    for path in ("/proc/net/unix", "/proc/keys", "/proc/mounts"):
        yield from pieces(path)
    for directory in Path("/proc").glob("[0-9]*"):
        if directory.name == str(os.getpid()):
            continue
        try:
            maps = (directory / "maps").read_text()
            names = list((directory / "fd").iterdir())
        except OSError:
            continue  # a wall, or it has ended
        yield f"{directory}/maps", maps.encode()
        yield from regions(directory, maps)
        for name in names:
            if name.is_file():
                yield from pieces(str(name), follow=True)


def regions(process: Path, maps: str) -> Iterator[tuple[str, bytes]]:
    """What it has written to: the rest is files."""
    try:
        file = (process / "mem").open("rb", buffering=0)
    except OSError:
        return
    with file:
        for line in maps.splitlines():
            span, rights, *_ = line.split()
            start, end = (int(each, 16) for each in span.split("-"))
            if not rights.startswith("rw"):
                continue
            before = b""
            for at in range(start, end, CHUNK):
                try:
                    file.seek(at)
                    data = file.read(min(CHUNK, end - at))
                except (OSError, ValueError, OverflowError):
                    break
                yield f"{process}/mem", before + data
                before = data[-256:]


def files() -> Iterator[tuple[str, bytes]]:
    tops = ("/workspace", "/home", "/tmp", "/run", "/var", "/dev/shm") if sys.argv[1:] == ["deep"] else ("/",)  # noqa: S108
    for top, directories, names in chain.from_iterable(os.walk(top) for top in tops):
        directories[:] = [name for name in directories if os.path.join(top, name) not in LEFT_OUT]
        for name in names:
            yield from pieces(os.path.join(top, name))


def pieces(path: str, *, follow: bool = False) -> Iterator[tuple[str, bytes]]:
    """The file in pieces that overlap, so that no secret falls between two."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))
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
