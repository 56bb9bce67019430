"""The end of a command's output in memory, and the whole in a file when it is long."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

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
        """Say at the end of the file what it lacks."""
        if self.full_output is not None and self._written < self.total_bytes:
            missing = self.total_bytes - self._written
            self._write(self.full_output, b"\n[appx: %d more bytes of output were left out here]\n" % missing)

    def _spool(self, chunk: bytes) -> None:
        if self.full_output is None:
            if self._no_file:
                return
            self.full_output = _new_file(self._folder)
            self._no_file = self.full_output is None
            chunk = bytes(self._kept)
        room = MAX_FILE - self._written
        if self.full_output is not None and room > 0 and self._write(self.full_output, chunk[:room]):
            self._written += len(chunk[:room])

    def _write(self, path: Path, data: bytes) -> bool:
        """Whether it was written; output that finds no room must not end the command."""
        try:
            with path.open("ab") as file:
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


def _new_file(folder: Path) -> Path | None:
    """None when none can be made: that must not end the command either."""
    path = folder / f"{secrets.token_hex(6)}.log"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_room(folder)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError:
        return None
    return path


def _make_room(folder: Path) -> None:
    files = sorted(folder.glob("*.log"), key=_age)
    for old in files[: max(0, len(files) + 1 - MAX_FILES)]:
        with suppress(OSError):
            old.unlink()


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
