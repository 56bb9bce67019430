"""What stands in a directory: an entry for each, and lists of them."""

import hashlib
import heapq
import os
import posixpath
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Literal
from urllib.parse import quote, unquote_to_bytes

from appx.kit.clock import EPOCH
from appx.kit.unfinished import PREFIX
from appx.workbench.paths import READABLE, spot
from appx.workbench.tree import Entry, Listing, Look


def entry_of(path: str, told: os.stat_result) -> Entry:
    """``path`` as Python has names: a byte that is not UTF-8 is half of a surrogate pair."""
    shown = os.fsencode(path).decode(errors="replace")
    kind = _kind(told.st_mode)
    return Entry(
        path=shown,
        kind=kind,
        size=told.st_size if kind == "file" else 0,
        modified=_time(told.st_mtime_ns),
        tag=_tag(told),
        exact=shown == path,
    )


def listing(root: Path, look: Look) -> Listing:
    """Raises Invalid when ``look.path`` is no directory."""
    after = [] if look.after is None else unquote_to_bytes(look.after).split(b"/")
    with spot(root, look.path, folder=True) as place:
        folder = os.open(place.name, READABLE, dir_fd=place.parent)
        try:
            walk = _Walk(look, below(root, look.path)).entries(folder, (), after)
            found = list(islice(walk, look.limit + 1))
        finally:
            os.close(folder)
    rest = len(found) > look.limit
    kept = found[: look.limit]
    following = quote(b"/".join(kept[-1][0])) if rest else None
    return Listing(entries=tuple(entry for _, entry in kept), next=following)


def below(root: Path, path: str) -> str:
    """A path without detours, relative to the project's directory; empty for that itself."""
    plain = posixpath.normpath(posixpath.relpath(path, root) if path.startswith("/") else path)
    return "" if plain == "." else plain


class _Walk:
    def __init__(self, look: Look, top: str) -> None:
        self._look = look
        self._top = os.fsencode(top)

    def entries(
        self, folder: int, above: tuple[bytes, ...], after: Sequence[bytes]
    ) -> Iterator[tuple[tuple[bytes, ...], Entry]]:
        """Each with the names that lead to it. ``folder`` stays the caller's."""
        for name in self._names(folder, after[0] if after else b""):
            way = (*above, name)
            came = bool(after) and name == after[0]
            try:
                told = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not came:
                parts = (self._top, *way) if self._top else way
                yield way, entry_of(os.fsdecode(b"/".join(parts)), told)
            if stat.S_ISDIR(told.st_mode) and len(way) < self._look.depth:
                yield from self._inside(folder, way, after[1:] if came else ())

    def _inside(
        self, folder: int, way: tuple[bytes, ...], after: Sequence[bytes]
    ) -> Iterator[tuple[tuple[bytes, ...], Entry]]:
        """One that cannot be read has been listed, and nothing of it is; one that has gone, too."""
        inner = None
        with suppress(PermissionError, FileNotFoundError, NotADirectoryError):
            inner = os.open(way[-1], READABLE, dir_fd=folder)
        if inner is None:
            return
        try:
            yield from self.entries(inner, way, after)
        finally:
            os.close(inner)

    def _names(self, folder: int, start: bytes) -> list[bytes]:
        """The first names from ``start`` on; of a directory with a million, not all are kept in memory."""
        with os.scandir(folder) as found:
            names = (os.fsencode(each.name) for each in found)
            wanted = (name for name in names if name >= start and self._shown(name))
            return heapq.nsmallest(self._look.limit + 2, wanted)

    def _shown(self, name: bytes) -> bool:
        if name == b".git" or name.startswith(PREFIX.encode()):
            return False
        return self._look.hidden or not name.startswith(b".")


def _kind(mode: int) -> Literal["file", "directory", "link", "other"]:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "link" if stat.S_ISLNK(mode) else "other"


def _time(nanoseconds: int) -> datetime:
    """A file may say that it is of the year 100,000."""
    try:
        return EPOCH + timedelta(microseconds=nanoseconds // 1_000)
    except OverflowError:
        return datetime(9999 if nanoseconds > 0 else 1, 1, 1, tzinfo=UTC)


def _tag(told: os.stat_result) -> str:
    """Who replaces a file gives it a new inode; who writes into it, new times. Nothing has to be read."""
    known = (told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns)
    return hashlib.blake2b(repr(known).encode(), digest_size=12).hexdigest()
