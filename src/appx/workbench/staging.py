"""Files in the making, and how they take their place: whole, and only when it is as the caller has it."""

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from appx.domain.errors import Changed, Invalid, NotFound
from appx.kit.unfinished import PREFIX, unfinished_name
from appx.workbench.entries import below, entry_of
from appx.workbench.paths import DIRECTORY, Spot, mode_of, our_errors, spot, sync_folder
from appx.workbench.tree import ANY, Entry, When

placing = threading.Lock()
"""Held from the look at what is there until it is replaced. A command of the agent does not wait for it."""


class Staged:
    """A file in the project's directory, where the next start of the workbench looks for it, until it is placed."""

    def __init__(self, root: Path, *, path: str) -> None:
        """``path``: what errors are about."""
        self._root = root
        self._path = path
        self._name = unfinished_name()
        with our_errors(path):
            self._top = os.open(root, DIRECTORY)
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._name, flags, 0o666, dir_fd=self._top)
        self.file = os.fdopen(descriptor, "w+b")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it, unless it was placed."""
        with suppress(OSError):  # what could not be written, cannot be written now
            self.file.close()
        with suppress(OSError):
            os.unlink(self._name, dir_fd=self._top)
        os.close(self._top)

    def protect(self) -> None:
        """Nobody else may read it before it has the permissions of the file that it replaces."""
        os.fchmod(self.file.fileno(), 0o600)

    def write(self, data: bytes) -> None:
        with our_errors(self._path):
            self.file.write(data)

    def place(self, when: When) -> Entry:
        """Raises Changed."""
        with our_errors(self._path):
            self.file.flush()
            os.fsync(self.file.fileno())
        with placing, spot(self._root, self._path, make_parents=True) as place:
            mode = check(place, self._path, when)
            if mode is not None:
                os.fchmod(self.file.fileno(), mode)
            if when.absent:
                self._link(place)
            else:
                os.rename(self._name, place.name, src_dir_fd=self._top, dst_dir_fd=place.parent)
            sync_folder(place.parent)
            return entry_of(below(self._root, self._path), os.fstat(self.file.fileno()))

    def _link(self, place: Spot) -> None:
        """Also when a command makes the file at this very moment, that is not replaced."""
        try:
            os.link(self._name, place.name, src_dir_fd=self._top, dst_dir_fd=place.parent, follow_symlinks=False)
        except FileExistsError:
            raise _there(self._path) from None
        os.unlink(self._name, dir_fd=self._top)


def look(root: Path, path: str, when: When) -> int | None:
    """The permissions of what is there, if it is as ``when`` has it; before a long body is taken in. Raises Changed."""
    refuse_reserved(path)
    try:
        with spot(root, path) as place:
            return check(place, path, when)
    except NotFound:  # a directory on the way
        if when.tags:
            raise _gone(path) from None
        return None


def check(place: Spot, path: str, when: When) -> int | None:
    mode = mode_of(place, path)
    if mode is None:
        if when.tags:
            raise _gone(path)
        return None
    if when.absent:
        raise _there(path)
    if when.tags and ANY not in when.tags:
        told = os.stat(place.name, dir_fd=place.parent, follow_symlinks=False)
        if entry_of(path, told).tag not in when.tags:
            raise Changed(f"{path}: the file was changed meanwhile. Read it again, then write.")
    return mode


def refuse_reserved(path: str) -> None:
    """Raises Invalid for names that are git's or ours."""
    if is_reserved(path):
        raise Invalid(f"{path}: this belongs to git or to appx itself. Choose another name; for git use its commands.")


def is_reserved(path: str) -> bool:
    return any(part.casefold() == ".git" or part.startswith(PREFIX) for part in path.split("/"))


def _there(path: str) -> Changed:
    return Changed(f"{path}: there is a file of this name already. Read it, or choose another name.")


def _gone(path: str) -> Changed:
    return Changed(f"{path}: the file is not there any more.")
