"""A directory as a zip archive, made while it is sent: memory holds a part, never the whole."""

import os
import stat
import time
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate

from appx.workbench.paths import parent_of

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
    """The archive in parts. ``names`` as Python has them, relative to the open directory ``folder``.

    Below what came into it as a link or a file comes nothing: while the archive is made, a directory may become a link
    and a directory again, and who unpacks that would write through the link.
    """
    sink, left, leaves = _Sink(), list[str](), set[str]()
    with zipfile.ZipFile(sink, "w", compresslevel=LEVEL) as archive:
        for name in names:
            if not leaves.isdisjoint(_above(name)):
                left.append(f"{shown(name)}: its directory was replaced\n")
                continue
            try:
                for _ in _add(archive, folder, name, leaves):
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


def _above(name: str) -> Iterator[str]:
    """The directories on the way to it."""
    return accumulate(name.split("/")[:-1], "{}/{}".format)


def _add(archive: zipfile.ZipFile, folder: int, name: str, leaves: set[str]) -> Iterator[None]:
    """Yields whenever there is something to send. What is no directory becomes one of ``leaves``."""
    with parent_of(folder, name) as place:
        parent, last = place.parent, place.name
        told = os.stat(last, dir_fd=parent, follow_symlinks=False)
        if not stat.S_ISDIR(told.st_mode):
            leaves.add(name)
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


def _date(seconds: float) -> tuple[int, int, int, int, int, int]:
    with suppress(OverflowError, OSError, ValueError):
        return max(_FIRST, min(_LAST, time.gmtime(seconds)[:6]))
    return _FIRST
