"""A project's files with the rights of this process: see ``tree`` for what each does."""

import errno
import os
import stat
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from anyio import to_thread

from appx.domain.errors import Conflict, Invalid, TooLarge, Unavailable
from appx.domain.ids import ProjectId
from appx.kit import process
from appx.kit.removal import remove_folder
from appx.kit.unfinished import PREFIX
from appx.workbench.bundling import bundle
from appx.workbench.entries import below, entry_of, listing
from appx.workbench.paths import READABLE, open_file, spot, sync_folder
from appx.workbench.staging import Staged, look, placing, refuse_reserved
from appx.workbench.tree import Entry, Listing, Look, Opened, Span, Take, Unzipped, When
from appx.workbench.unzipping import unzip
from appx.workbench.zipping import zipped

PART_BYTES = 1 << 18
MAX_ZIPPED = 100_000
"""Files of an archive that is made."""

MAX_NAMES = 16 << 20
"""Bytes of all their names: they are held in memory."""

NAMES_SECONDS = 60.0
FD = 'exec "$(command -v fd || command -v fdfind)" "$@"'


@dataclass(frozen=True, slots=True)
class LocalTree:
    """``directory`` and ``environment``: of a project."""

    directory: Callable[[ProjectId], Path]
    environment: Callable[[ProjectId], Mapping[str, str]]

    async def entries(self, project: ProjectId, look: Look) -> Listing:
        return await to_thread.run_sync(listing, self.directory(project), look)

    @asynccontextmanager
    async def open(self, project: ProjectId, path: str, span: Span | None = None) -> AsyncIterator[Opened]:
        file = await to_thread.run_sync(_open, self.directory(project), path)
        try:
            told = os.fstat(file.fileno())
            start, stop = _bounds(span, told.st_size)
            file.seek(start)
            yield Opened(entry=entry_of(path, told), start=start, stop=stop, chunks=_chunks(file, stop - start))
        finally:
            file.close()

    async def put(self, project: ProjectId, path: str, data: AsyncIterable[bytes], when: When) -> Entry:
        root = self.directory(project)
        mode = await to_thread.run_sync(look, root, path, when)
        with Staged(root, path=path) as staged:
            if mode is not None:
                staged.protect()
            await _fill(staged, data)
            return await to_thread.run_sync(staged.place, when)

    async def remove(self, project: ProjectId, path: str, *, recursive: bool) -> None:
        await to_thread.run_sync(partial(_remove, self.directory(project), path, recursive=recursive))

    async def move(self, project: ProjectId, path: str, to: str, *, replace: bool) -> Entry:
        return await to_thread.run_sync(partial(_move, self.directory(project), path, to, replace=replace))

    async def zip(self, project: ProjectId, path: str, take: Take, *, everything: bool) -> None:
        root = self.directory(project)
        with ExitStack() as opened:
            folder, single = await to_thread.run_sync(_zip_from, root, path, opened)
            names = [single] if single else await self._names(project, folder, everything=everything)
            with closing(zipped(folder, names)) as parts:
                while (part := await to_thread.run_sync(next, parts, None)) is not None:
                    if part:
                        await take(part)

    async def bundle(self, project: ProjectId, take: Take) -> None:
        await bundle(self.directory(project), self.environment(project), take)

    async def unzip(
        self, project: ProjectId, path: str, data: AsyncIterable[bytes], *, replace: bool, unwrap: bool = False
    ) -> Unzipped:
        root = self.directory(project)
        refuse_reserved(path)
        with Staged(root, path=path) as staged:
            await _fill(staged, data)
            return await to_thread.run_sync(partial(unzip, staged.file, root, path, replace=replace, unwrap=unwrap))

    async def _names(self, project: ProjectId, folder: int, *, everything: bool) -> list[str]:
        """By fd, which knows what git ignores."""
        found, count = bytearray(), 0

        async def take(data: bytes) -> None:
            nonlocal count
            found.extend(data)
            count += data.count(b"\0")
            if len(found) > MAX_NAMES or count > MAX_ZIPPED:
                raise TooLarge(f"There are more than {MAX_ZIPPED:,} files. Take a directory of them with path.")

        words = ["--hidden", "--color=never", "--print0", *(["--no-ignore"] if everything else ["--exclude=.git"])]
        code, told = await process.pipe(
            ["bash", "-c", FD, "fd", *words, "."],
            cwd=Path(f"/proc/{os.getpid()}/fd/{folder}"),
            env=self.environment(project),
            time_limit=NAMES_SECONDS,
            end=take,
        )
        if code is None or (code and not found):
            raise Unavailable(f"The files could not be listed: {told.strip() or 'it took too long'}.")
        names = sorted(name.removeprefix(b"./").rstrip(b"/") for name in bytes(found).split(b"\0") if name)
        return [os.fsdecode(name) for name in names if not name.startswith(PREFIX.encode())]


async def _fill(staged: Staged, data: AsyncIterable[bytes]) -> None:
    """In parts: a thread for each of the small ones that a socket gives costs more than the writing."""
    buffer = bytearray()
    async for chunk in data:
        buffer += chunk
        if len(buffer) >= PART_BYTES:
            await to_thread.run_sync(staged.write, bytes(buffer))
            buffer.clear()
    await to_thread.run_sync(staged.write, bytes(buffer))


def _open(root: Path, path: str) -> BinaryIO:
    with spot(root, path) as place:
        return os.fdopen(open_file(place, path), "rb")


def _bounds(span: Span | None, size: int) -> tuple[int, int]:
    if span is None:
        return 0, size
    if span.first is None:
        return max(0, size - (span.last or 0)), size
    start = min(span.first, size)
    return start, size if span.last is None else max(start, min(span.last + 1, size))


async def _chunks(file: BinaryIO, left: int) -> AsyncIterator[bytes]:
    while left and (data := await to_thread.run_sync(file.read, min(left, PART_BYTES))):
        left -= len(data)
        yield data


def _remove(root: Path, path: str, *, recursive: bool) -> None:
    refuse_reserved(path)
    with spot(root, path, follow=False) as place:
        told = os.stat(place.name, dir_fd=place.parent, follow_symlinks=False)
        if not stat.S_ISDIR(told.st_mode):
            os.unlink(place.name, dir_fd=place.parent)
        elif recursive:
            remove_folder(place.name, place.parent)
        else:
            _remove_empty(place.name, place.parent, path)
        sync_folder(place.parent)


def _remove_empty(name: str, parent: int, path: str) -> None:
    try:
        os.rmdir(name, dir_fd=parent)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        raise Conflict(f"{path}: the directory is not empty. Say recursive=true to remove all that is in it.") from None


def _move(root: Path, path: str, to: str, *, replace: bool) -> Entry:
    refuse_reserved(path)
    refuse_reserved(to)
    with placing, spot(root, path, follow=False) as old:
        os.stat(old.name, dir_fd=old.parent, follow_symlinks=False)  # before directories are made for it
        with spot(root, to, make_parents=True, follow=False) as new:
            if not replace and _is_there(new.name, new.parent):
                raise Conflict(f"{to} is there already. Say replace to replace it, or choose another name.")
            try:
                os.rename(old.name, new.name, src_dir_fd=old.parent, dst_dir_fd=new.parent)
            except OSError as error:
                raise _unmoved(error, path, to) from error
            sync_folder(new.parent)
            sync_folder(old.parent)
            return entry_of(below(root, to), os.stat(new.name, dir_fd=new.parent, follow_symlinks=False))


def _is_there(name: str, parent: int) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _unmoved(error: OSError, path: str, to: str) -> Exception:
    match error.errno:
        case errno.EINVAL:
            return Invalid(f"{path}: a directory cannot go into itself. Choose another place than {to}.")
        case errno.ENOTEMPTY | errno.EEXIST | errno.EISDIR | errno.ENOTDIR:
            return Conflict(f"{to} is there already, and cannot be replaced by this. Remove it first.")
        case _:
            return error


def _zip_from(root: Path, path: str, opened: ExitStack) -> tuple[int, str]:
    """An open directory, and the one name in it that is wanted; empty for all."""
    try:
        place = opened.enter_context(spot(root, path, folder=True))
    except Invalid:
        place = opened.enter_context(spot(root, path))
        os.close(open_file(place, path))
    folder = os.open(".", READABLE, dir_fd=place.parent)
    opened.callback(os.close, folder)
    return folder, "" if place.name == "." else place.name
