"""A directory as a zip archive, made while it is sent: memory holds a part, never the whole."""

import os
import stat
import time
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress

from appx.workbench.entries import READABLE

LEVEL = 3
"""Of deflate's nine."""

PART_BYTES = 1 << 18
LEFT_OUT = "LEFT-OUT.txt"
_FIRST, _LAST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
"""Of the times that a zip archive can say."""


class _Sink:
    """What ``zipfile`` writes to. It cannot seek, so sizes and checksums stand behind each file."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def taken(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def zipped(folder: int, names: Sequence[str]) -> Generator[bytes]:
    """The archive in parts. ``names`` as Python has them, relative to the open directory ``folder``."""
    sink, left = _Sink(), list[str]()
    with zipfile.ZipFile(sink, "w", compresslevel=LEVEL) as archive:
        for name in names:
            try:
                for _ in _add(archive, folder, name):
                    yield sink.taken()
            except FileNotFoundError:  # removed meanwhile
                continue
            except OSError as error:
                left.append(f"{shown(name)}: {error.strerror}\n")
        if left:
            archive.writestr(LEFT_OUT, "".join(["These could not be read, or not to their end:\n", *left]))
    yield sink.taken()


def shown(name: str) -> str:
    """Each byte that is not UTF-8 as % and two digits: as U+FFFD two names could become one."""
    return "".join(f"%{ord(each) - 0xDC00:02X}" if "\udc80" <= each <= "\udcff" else each for each in name)


def _add(archive: zipfile.ZipFile, folder: int, name: str) -> Iterator[None]:
    """Yields whenever there is something to send."""
    with _parent(folder, name) as (parent, last):
        told = os.stat(last, dir_fd=parent, follow_symlinks=False)
        entry = zipfile.ZipInfo(shown(name), _date(told.st_mtime))
        entry.create_system = 3  # unix: the permissions count
        entry.external_attr = (told.st_mode & 0xFFFF) << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        if stat.S_ISDIR(told.st_mode):
            entry.filename += "/"
            entry.external_attr |= 0x10
            archive.writestr(entry, b"", zipfile.ZIP_STORED)
        elif stat.S_ISLNK(told.st_mode):
            archive.writestr(entry, os.readlink(os.fsencode(last), dir_fd=parent))
        elif stat.S_ISREG(told.st_mode):
            yield from _content(archive, entry, parent, last)
            return
    yield


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, parent: int, name: str) -> Iterator[None]:
    """As many bytes as the file has now: one that grows while it is read would have no end."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    with os.fdopen(descriptor, "rb") as file:
        left = os.fstat(descriptor).st_size
        with archive.open(entry, "w", force_zip64=left >= 1 << 31) as target:
            while left and (data := file.read(min(left, PART_BYTES))):
                target.write(data)
                left -= len(data)
                yield
    yield


@contextmanager
def _parent(folder: int, name: str) -> Iterator[tuple[int, str]]:
    """The directory in which a name stands, by descriptors: a link that somebody puts on the way is not followed."""
    *above, last = name.split("/")
    at = os.dup(folder)
    try:
        for part in above:
            inner = os.open(part, READABLE, dir_fd=at)
            os.close(at)
            at = inner
        yield at, last
    finally:
        os.close(at)


def _date(seconds: float) -> tuple[int, int, int, int, int, int]:
    with suppress(OverflowError, OSError, ValueError):
        return max(_FIRST, min(_LAST, time.gmtime(seconds)[:6]))
    return _FIRST
