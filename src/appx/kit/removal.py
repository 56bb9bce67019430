"""Directories removed whole, however deep, by open descriptors: no link is followed, also while somebody swaps them.

``shutil.rmtree`` of Python 3.11 ends with a RecursionError where a loop of ``mkdir x; cd x`` was at work, and keeps a
descriptor open for each level. ``rm`` and ``find`` leave what AppArmor cannot name, whose longest path has 8 KiB.

As a program, ``python -m appx.kit.removal PATH...``, for who has other rights: root of a user namespace.
"""

import errno
import os
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path

from appx.kit.unfinished import PREFIX, unfinished_name

MAX_DEPTH = 16
"""Deeper directories are moved up before they are emptied: so many descriptors are open at a time, and so many names of
255 bytes are a path that AppArmor can name."""

SECONDS = 60.0
"""Somebody may go on making files in it."""

_OPENED = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def remove_folder(name: str, parent: int, *, seconds: float = SECONDS) -> None:
    """Remove the directory ``name`` of the open directory ``parent``. Directories of ours without permissions get them.

    Raises OSError for the first thing that could not be removed; the rest is gone then. TimeoutError after ``seconds``.
    """
    top = _opened(name, parent)
    try:
        removal = _Removal(top, time.monotonic() + seconds)
        while True:
            removal.empty(top, 0)
            try:
                os.rmdir(name, dir_fd=parent)
            except OSError as error:
                if error.errno == errno.ENOTEMPTY and removal.moved:
                    removal.moved = 0
                    continue
                raise removal.error or error from None
            return
    finally:
        os.close(top)


def remove(path: Path) -> None:
    """Remove a file, a link, or a directory as ``remove_folder`` does. Raises OSError."""
    parent = os.open(path.parent, _OPENED)
    try:
        with suppress(IsADirectoryError):
            os.unlink(path.name, dir_fd=parent)
            return
        remove_folder(path.name, parent)
    finally:
        os.close(parent)


def clear_unfinished(folder: Path) -> None:
    """Remove what writers of this user that were killed left in ``folder``. For the start, when nobody writes there."""
    with suppress(OSError):  # a link is none of ours
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            for name in os.listdir(place):  # noqa: PTH208  an open directory
                with suppress(OSError):
                    _clear(name, place)
        finally:
            os.close(place)


def _clear(name: str, folder: int) -> None:
    if not name.startswith(PREFIX):
        return
    told = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if told.st_uid != os.getuid():
        return
    if stat.S_ISDIR(told.st_mode):
        remove_folder(name, folder)
    else:
        os.unlink(name, dir_fd=folder)


class _Removal:
    def __init__(self, top: int, deadline: float) -> None:
        self.error: OSError | None = None
        self.moved = 0
        self._top = top
        self._deadline = deadline

    def empty(self, folder: int, depth: int) -> None:
        with os.scandir(folder) as found:
            for each in found:
                if time.monotonic() > self._deadline:
                    raise TimeoutError(errno.ETIMEDOUT, "removing it takes too long: something may be writing there")
                try:
                    self._one(each.name, folder, depth)
                except FileNotFoundError:
                    continue
                except TimeoutError:
                    raise
                except OSError as error:
                    self.error = self.error or error

    def _one(self, name: str, folder: int, depth: int) -> None:
        with suppress(IsADirectoryError):
            os.unlink(name, dir_fd=folder)
            return
        if depth == MAX_DEPTH:
            os.close(_opened(name, folder))  # to move a directory one must be allowed to write to it
            os.rename(name, unfinished_name(), src_dir_fd=folder, dst_dir_fd=self._top)
            self.moved += 1
            return
        inner = _opened(name, folder)
        try:
            self.empty(inner, depth + 1)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=folder)


def _opened(name: str, parent: int) -> int:
    """For listing. Only this very directory gets the permissions for that: never what a link leads to."""
    place = os.open(name, _OPENED, dir_fd=parent)
    try:
        mode = os.fstat(place).st_mode
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            with suppress(PermissionError):
                os.chmod(f"/proc/self/fd/{place}", stat.S_IRWXU)  # noqa: PTH101  a descriptor
        return os.open(".", _LISTED, dir_fd=place)
    finally:
        os.close(place)


def main(paths: list[str]) -> int:
    """What does not go keeps nothing else from going. The exit code: 1 when something stays."""
    code = 0
    for each in paths:
        try:
            remove(Path(each))
        except OSError as error:
            sys.stderr.write(f"{each}: {error.strerror}\n")
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
