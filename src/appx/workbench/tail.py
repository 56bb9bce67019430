"""The end of a command's output in memory, and the whole in a file when it is long."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

MAX_FILE = 16 << 20
MAX_FILES = 16


class Tail:
    """Takes bytes, keeps the last ``keep_bytes`` and ``keep_lines``; memory stays bounded whatever comes.

    What is longer goes to a new file in ``folder``: the first ``MAX_FILE`` bytes, and then a line that says so. The
    oldest files make room for new ones.
    """

    def __init__(self, folder: Path, *, keep_bytes: int, keep_lines: int) -> None:
        self.total_bytes = 0
        self.full_output: Path | None = None
        self._newlines = 0
        self._ends_in_newline = True
        self._folder = folder
        self._keep_bytes = keep_bytes
        self._keep_lines = keep_lines
        self._kept = bytearray()
        self._written = 0
        self._file: BinaryIO | None = None
        self._no_file = False

    @property
    def total_lines(self) -> int:
        """Lines, with a last one that has no end."""
        return self._newlines + (not self._ends_in_newline)

    def add(self, chunk: bytes) -> None:
        self.total_bytes += len(chunk)
        self._newlines += chunk.count(b"\n")
        self._ends_in_newline = chunk.endswith(b"\n")
        self._kept += chunk
        if self.total_bytes > self._keep_bytes or self.total_lines > self._keep_lines:
            self._spool(chunk)
        if len(self._kept) > self._keep_bytes:
            del self._kept[: -self._keep_bytes]

    def text(self) -> str:
        """The end, beginning with a whole line where there is one. What is not UTF-8 is shown as U+FFFD."""
        data = bytes(self._kept)
        if len(data) < self.total_bytes:
            data = _from_a_line(data)
        lines = data.split(b"\n")
        most = self._keep_lines + (lines[-1] == b"")
        return b"\n".join(lines[-most:]).decode(errors="replace")

    def close(self) -> None:
        """Say at the end of the file what it lacks. Closing again does nothing."""
        if self._file is None:
            return
        if self._written < self.total_bytes:
            missing = self.total_bytes - self._written
            self._write(self._file, b"\n[appx: %d more bytes of output were left out here]\n" % missing)
        self._file.close()
        self._file = None

    def _spool(self, chunk: bytes) -> None:
        if self._file is None:
            if self._no_file:
                return
            self.full_output, self._file = _new_file(self._folder) or (None, None)
            self._no_file = self._file is None
            chunk = bytes(self._kept)
        room = MAX_FILE - self._written
        if self._file is not None and room > 0 and self._write(self._file, chunk[:room]):
            self._written += len(chunk[:room])

    def _write(self, file: BinaryIO, data: bytes) -> bool:
        """Whether it was written; output that finds no room must not end the command."""
        try:
            file.write(data)
        except OSError:
            return False
        return True


def _from_a_line(data: bytes) -> bytes:
    start = data.find(b"\n") + 1
    if 0 < start < len(data):
        return data[start:]
    while data and data[0] & 0xC0 == 0x80:  # the rest of a character
        data = data[1:]
    return data


def _new_file(folder: Path) -> tuple[Path, BinaryIO] | None:
    """Open from now on, and unbuffered: who puts a link in its place gets nothing of it.

    None when none can be made: that must not end the command either. Nor in a directory that another user made before.
    """
    name = f"{secrets.token_hex(6)}.log"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if os.fstat(place).st_uid != os.getuid():
                return None
            _make_room(place)
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
            descriptor = os.open(name, flags, 0o600, dir_fd=place)
        finally:
            os.close(place)
    except OSError:
        return None
    return folder / name, os.fdopen(descriptor, "wb", buffering=0)


def _make_room(folder: int) -> None:
    files = sorted((name for name in os.listdir(folder) if name.endswith(".log")), key=lambda name: _age(name, folder))
    for old in files[: max(0, len(files) + 1 - MAX_FILES)]:
        with suppress(OSError):
            os.unlink(old, dir_fd=folder)


def _age(name: str, folder: int) -> float:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime
    except OSError:
        return 0.0
