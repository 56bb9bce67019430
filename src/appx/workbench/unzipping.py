"""Zip archives that come in: looked at whole before anything is unpacked, unpacked aside, then moved into place.

Whoever made the archive is believed nothing: names, sizes, links and compression are checked, and counted again.
"""

import ctypes
import io
import os
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from typing_extensions import override

from appx.domain.deployment import DEPLOYMENT_FILE
from appx.domain.errors import Conflict, Invalid, TooLarge
from appx.kit.removal import remove_folder
from appx.kit.unfinished import unfinished_name
from appx.workbench.entries import below
from appx.workbench.paths import DIRECTORY, READABLE, our_errors, parent_of, spot
from appx.workbench.staging import is_reserved, placing
from appx.workbench.tree import Unzipped

MAX_ENTRIES = 20_000
MAX_UNPACKED = 2 << 30
MAX_RATIO = 200
"""How many times larger than the archive its content may be. Text shrinks to a tenth, zeros to a 1,000th."""

SMALL = 16 << 20
"""Content up to this is no bomb, whatever the ratio."""

MAX_INDEX = 4 << 20
"""Bytes of the list of entries: ``zipfile`` holds it in memory, many times its size."""

MAX_NAME = 1_000
MAX_PART = 255
PART_BYTES = 1 << 18
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""What every program writes. Others may take gigabytes of memory."""


@dataclass(slots=True)
class Plan:
    """What is to be unpacked where. ``folders``: also those that only files name."""

    files: dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(each.file_size for each in self.files.values())


def unzip(archive: BinaryIO, root: Path, path: str, *, replace: bool, unwrap: bool = False) -> Unzipped:
    """Unpack below ``path`` of the project ``root``. Raises Invalid, TooLarge, Conflict, NoSpace."""
    size = archive.seek(0, os.SEEK_END)
    with _readable(), zipfile.ZipFile(_Guarded(archive)) as opened:
        found = plan(opened.infolist(), size)
        if unwrap:
            found = unwrapped(found)
        if not below(root, path):
            found = without_ours(found)
        with _beside(root, path) as folder:
            with our_errors(path):
                _extract(opened, found, folder)
                _sync(folder)
            _place(folder, root, path, replace=replace)
    return Unzipped(files=len(found.files), size=found.size, left_out=tuple(found.left_out))


def plan(entries: list[zipfile.ZipInfo], archive_size: int) -> Plan:
    """Pure."""
    if len(entries) > MAX_ENTRIES:
        raise TooLarge(f"The archive has {len(entries):,} entries; {MAX_ENTRIES:,} is the most. Send it in parts.")
    found = Plan()
    for each in entries:
        _add(found, each)
    crossing = found.folders & found.files.keys()
    if crossing:
        raise Invalid(f"{_quoted(min(crossing))} is a file and a directory in the archive. Pack it again.")
    most = min(MAX_UNPACKED, max(SMALL, archive_size * MAX_RATIO))
    if found.size > most:
        raise TooLarge(
            f"The archive has {archive_size:,} bytes and would become {found.size:,}; {most:,} is the most. "
            "Send it in parts."
        )
    return found


def unwrapped(found: Plan) -> Plan:
    """Without the one directory that all is in, as hosts of repositories pack them. Pure."""
    tops = {name.partition("/")[0] for name in (*found.files, *found.folders)}
    if len(tops) != 1 or not tops <= found.folders:
        return found
    cut = len(tops.pop()) + 1
    return Plan(
        files={name[cut:]: entry for name, entry in found.files.items()},
        folders={name[cut:] for name in found.folders if name[cut:]},
        left_out=found.left_out,
    )


def without_ours(found: Plan) -> Plan:
    """Without what the server writes into a project: an archive of another one has that one's. Pure."""
    if DEPLOYMENT_FILE not in found.files:
        return found
    kept = {name: entry for name, entry in found.files.items() if name != DEPLOYMENT_FILE}
    return Plan(files=kept, folders=found.folders, left_out=[*found.left_out, DEPLOYMENT_FILE])


def _add(found: Plan, entry: zipfile.ZipInfo) -> None:
    name = _name(entry)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if not name or is_reserved(name) or kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        if name:
            found.left_out.append(name)
        return
    parts = name.split("/")
    found.folders.update("/".join(parts[:count]) for count in range(1, len(parts)))
    if entry.orig_filename.endswith(("/", "\\")) or kind == stat.S_IFDIR:
        found.folders.add(name)
        return
    if entry.flag_bits & 0x1:
        raise Invalid(f"{_quoted(name)} is encrypted. Pack it again without a password.")
    if entry.compress_type not in METHODS:
        raise Invalid(f"{_quoted(name)} is compressed in a rare way. Pack it again with deflate, as programs do.")
    if name in found.files:
        raise Invalid(f"{_quoted(name)} is in the archive twice. Pack it again.")
    found.files[name] = entry


def _name(entry: zipfile.ZipInfo) -> str:
    """Relative, with "/" only: some programs of Windows write a backslash. Raises Invalid when it leads elsewhere."""
    given = entry.orig_filename
    name = given.replace("\\", "/")
    parts = [part for part in name.split("/") if part not in {"", "."}]
    absolute = name.startswith("/") or (len(name) > 1 and name[1] == ":" and name[0].isalpha() and name[0].isascii())
    if absolute or ".." in parts or "\0" in name:
        raise Invalid(f"{_quoted(given)} leads out of the archive. Nothing was unpacked.")
    encoded = [len(part.encode(errors="surrogateescape")) for part in parts]
    if sum(encoded) + len(parts) > MAX_NAME or max(encoded, default=0) > MAX_PART:
        raise Invalid(f"{_quoted(given)}: the name is too long. Nothing was unpacked.")
    return "/".join(parts)


def _quoted(name: str) -> str:
    return repr(name[:80])


class _Guarded(io.RawIOBase):
    """Refuses to read a list of entries that does not fit into memory: ``zipfile`` reads that at once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    @override
    def read(self, size: int = -1, /) -> bytes:
        if size > MAX_INDEX:
            raise TooLarge("The list of entries of the archive is too long. Send it in parts.")
        return self._file.read(size)

    @override
    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    @override
    def tell(self) -> int:
        return self._file.tell()

    @override
    def seekable(self) -> bool:
        return True

    @override
    def readable(self) -> bool:
        return True


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (
        zipfile.BadZipFile,
        EOFError,
        NotImplementedError,
        ArithmeticError,
        ValueError,
        struct.error,
        zlib.error,
    ) as error:
        raise Invalid(f"This is no zip archive, or it is damaged: {error}. Nothing was unpacked.") from None


@contextmanager
def _beside(root: Path, path: str) -> Iterator[int]:
    """A new directory in the project's, open until it is removed. A command may replace it, and gets nothing by it."""
    name = unfinished_name()
    with our_errors(path):
        top = os.open(root, DIRECTORY)
    try:
        with our_errors(path):
            os.mkdir(name, 0o700, dir_fd=top)
            folder = os.open(name, READABLE, dir_fd=top)
        try:
            yield folder
        finally:
            os.close(folder)
    finally:
        with suppress(OSError):
            remove_folder(name, top)
        os.close(top)


def _extract(archive: zipfile.ZipFile, found: Plan, into: int) -> None:
    for name in sorted(found.folders):  # each behind those that hold it
        with parent_of(into, name) as place:
            os.mkdir(place.name, dir_fd=place.parent)
    for name, entry in found.files.items():
        mode = 0o777 if (entry.external_attr >> 16) & 0o111 else 0o666
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        with parent_of(into, name) as place:
            descriptor = os.open(place.name, flags, mode, dir_fd=place.parent)
        with os.fdopen(descriptor, "wb") as file, archive.open(entry) as source:
            shutil.copyfileobj(source, file, PART_BYTES)  # never more than the entry says, and its checksum


def _sync(folder: int) -> None:
    """The whole disk at once: one ``fsync`` for each of 20,000 files takes minutes. Python has no name for it."""
    if ctypes.CDLL(None, use_errno=True).syncfs(folder):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _place(source: int, root: Path, path: str, *, replace: bool) -> None:
    """First look for what is in the way, then move."""
    with placing, spot(root, path, folder=True, make_parents=True) as place:
        pair = _Pair(os.dup(source), os.open(place.name, READABLE, dir_fd=place.parent))
        try:
            _look(pair, "", replace=replace)
            _move(pair)
            os.fsync(pair.target)
        finally:
            pair.close()


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two open directories: of the archive, and of the project where it goes."""

    source: int
    target: int

    def names(self) -> list[str]:
        with os.scandir(self.source) as found:
            return [each.name for each in found]

    def there(self, name: str) -> os.stat_result | None:
        try:
            return os.stat(name, dir_fd=self.target, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def is_folder(self, name: str) -> bool:
        return stat.S_ISDIR(os.stat(name, dir_fd=self.source, follow_symlinks=False).st_mode)

    @contextmanager
    def inner(self, name: str) -> Iterator["_Pair"]:
        source = os.open(name, READABLE, dir_fd=self.source)
        try:
            pair = _Pair(source, os.open(name, READABLE, dir_fd=self.target))
        except OSError:
            os.close(source)
            raise
        try:
            yield pair
        finally:
            pair.close()

    def close(self) -> None:
        os.close(self.source)
        os.close(self.target)


def _look(pair: _Pair, above: str, *, replace: bool) -> None:
    """Raises Conflict for what may not, or cannot, be replaced."""
    for name in pair.names():
        told, path = pair.there(name), f"{above}{name}"
        if told is None:
            continue
        if pair.is_folder(name) and stat.S_ISDIR(told.st_mode):
            with pair.inner(name) as inner:
                _look(inner, f"{path}/", replace=replace)
        elif pair.is_folder(name) or stat.S_ISDIR(told.st_mode):
            raise Conflict(f"{path} is a directory on one side only: here, or in the archive. Move it away first.")
        elif not replace:
            raise Conflict(f"{path} is there already. Say replace=true to replace files of the same names.")


def _move(pair: _Pair) -> None:
    for name in pair.names():
        if pair.there(name) is not None and pair.is_folder(name):
            with pair.inner(name) as inner:
                _move(inner)
                os.fsync(inner.target)
        else:
            os.rename(name, name, src_dir_fd=pair.source, dst_dir_fd=pair.target)
