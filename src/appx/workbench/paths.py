"""Paths of a project, resolved so that none leads out of it, also while somebody swaps links.

Each part is opened from its parent's descriptor without following links; a link is read and followed by hand. This is
what Linux's ``openat2`` does with ``RESOLVE_BENEATH``, which Python cannot call.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from appx.domain.errors import AppxError, Invalid, NoSpace, NotFound, Unavailable

MAX_LINKS = 40
DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READABLE = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Spot:
    """A name in an open directory. What stands there is no symbolic link, if anything stands there."""

    parent: int
    name: str


@contextmanager
def spot(
    root: Path, path: str, *, make_parents: bool = False, follow: bool = True, folder: bool = False
) -> Iterator[Spot]:
    """The place of ``path``, which is relative to ``root`` or absolute inside it.

    Without ``follow`` it may be a symbolic link itself. With ``folder`` it is a directory, and the place is "." in it.
    Raises Invalid when it leads out of ``root`` or names no file, NotFound when a directory on the way is missing.
    """
    if "\0" in path or any("\ud800" <= each <= "\udfff" for each in path):
        raise Invalid("This is no path: it has a zero byte, or half a surrogate pair.")
    with ExitStack() as opened, our_errors(path):
        walk = _Walk(root, path, opened, make_parents=make_parents)
        yield walk.end(follow=follow, folder=folder)


class _Walk:
    """From ``root`` downwards; ``_at`` holds the descriptors of the directories that lead to where it is."""

    def __init__(self, root: Path, path: str, opened: ExitStack, *, make_parents: bool) -> None:
        self._root = root
        self._path = path
        self._opened = opened
        self._make_parents = make_parents
        self._at = [self._keep(os.open(root, DIRECTORY))]
        self._parts = deque(self._inside(path))
        self._links = 0

    def end(self, *, follow: bool, folder: bool) -> Spot:
        if folder:
            self._parts.append(".")
        while self._parts:
            part = self._parts.popleft()
            if part == "..":
                self._up()
                continue
            target = self._link(part) if follow or self._parts else None
            if target is not None:
                self._follow(target)
            elif self._parts:
                self._down(part)
            else:
                return Spot(self._at[-1], part)
        raise Invalid(f"{self._path}: this is a directory. Name a file in it.")

    def _inside(self, path: str) -> tuple[str, ...]:
        """The parts below the root. An absolute path starts there anew."""
        if not path.startswith("/"):
            return PurePosixPath(path).parts
        try:
            below = PurePosixPath(path).relative_to(self._root)
        except ValueError:
            raise self._outside() from None
        del self._at[1:]
        return below.parts

    def _up(self) -> None:
        if len(self._at) == 1:
            raise self._outside()
        self._at.pop()

    def _down(self, part: str) -> None:
        if self._make_parents:
            with suppress(FileExistsError):
                os.mkdir(part, dir_fd=self._at[-1])
        self._at.append(self._keep(os.open(part, DIRECTORY, dir_fd=self._at[-1])))

    def _link(self, part: str) -> str | None:
        try:
            return os.readlink(part, dir_fd=self._at[-1])
        except OSError as error:
            if error.errno in {errno.EINVAL, errno.ENOENT}:  # no link; nothing there
                return None
            raise

    def _follow(self, target: str) -> None:
        self._links += 1
        if self._links > MAX_LINKS:
            raise Invalid(f"{self._path}: too many symbolic links, or they lead in a circle.")
        self._parts.extendleft(reversed(self._inside(target)))

    def _keep(self, descriptor: int) -> int:
        self._opened.callback(os.close, descriptor)
        return descriptor

    def _outside(self) -> Invalid:
        return Invalid(f"{self._path}: this leads out of the project. Give a path inside of {self._root}.")


@contextmanager
def entered(directory: Path) -> Iterator[Path]:
    """A name of this very directory, for children of this process, whatever is put in its place.

    Raises NotFound when it is gone.
    """
    try:
        descriptor = os.open(directory, DIRECTORY)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            raise gone(directory) from None
        raise _translated(error, str(directory)) from error
    try:
        yield Path(f"/proc/{os.getpid()}/fd/{descriptor}")
    finally:
        os.close(descriptor)


def gone(directory: Path) -> NotFound:
    return NotFound(f"The directory {directory} is gone. Create the project again to get an empty one.")


@contextmanager
def parent_of(folder: int, name: str) -> Iterator[Spot]:
    """The place of ``name``, plain parts below an open directory. Raises OSError for a link on the way."""
    *above, last = name.split("/")
    at = os.dup(folder)
    try:
        for part in above:
            inner = os.open(part, DIRECTORY, dir_fd=at)
            os.close(at)
            at = inner
        yield Spot(at, last)
    finally:
        os.close(at)


def open_file(place: Spot, path: str) -> int:
    """A descriptor for reading. Raises Invalid unless it is a regular file; a pipe or a device is never waited for."""
    descriptor = os.open(place.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place.parent)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    raise Invalid(f"{path}: this is {_kind(mode)}. Name a file.")


def _kind(mode: int) -> str:
    return "a directory" if stat.S_ISDIR(mode) else "no regular file"


def mode_of(place: Spot, path: str) -> int | None:
    """The permissions of the file that is there; None when there is none."""
    try:
        descriptor = open_file(place, path)
    except FileNotFoundError:
        return None
    try:
        return os.fstat(descriptor).st_mode & 0o777
    finally:
        os.close(descriptor)


def sync_folder(folder: int) -> None:
    """Put the names in a directory on the disk; one that this user may not list is left to the kernel."""
    with suppress(PermissionError):
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def our_errors(path: str) -> Iterator[None]:
    """What the kernel refuses, in our words."""
    try:
        yield
    except OSError as error:
        raise _translated(error, path) from error


def _translated(error: OSError, path: str) -> AppxError:
    match error.errno:
        case errno.ENOENT:
            return NotFound(f"{path}: there is no such file or directory.")
        case errno.ENOTDIR:
            return Invalid(f"{path}: this, or a part of the way to it, is no directory.")
        case errno.ELOOP:
            return Invalid(f"{path}: a part of the path became a symbolic link. Try again.")
        case errno.EISDIR:
            return Invalid(f"{path}: this is a directory. Name a file.")
        case errno.ENAMETOOLONG:
            return Invalid(f"{path[:80]}…: the name is too long.")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return Invalid(f"{path}: permission denied.")
        case errno.ENOSPC | errno.EDQUOT:
            return NoSpace(f"{path}: the disk is full. Nothing was changed. Make room, then try again.")
        case _:
            return Unavailable(f"{path}: {error.strerror}.")
