"""How much of a file, an output or a diff one result shows."""

from collections.abc import Iterable, Sequence

MAX_LINES = 2_000
MAX_BYTES = 50 * 1024
MAX_FILE = 10 * 1024 * 1024
"""Bytes of a file that we look at."""


def fitting(lines: Iterable[str], *, max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> int:
    """How many of the first ``lines`` (without their newlines) fit when they are joined by newlines."""
    size = -1
    count = 0
    for line in lines:
        size += len(line.encode()) + 1
        if count == max_lines or size > max_bytes:
            break
        count += 1
    return count


def head(lines: Sequence[str], what: str) -> str:
    """The first lines as text, and how many were left out."""
    count = fitting(lines)
    text = "\n".join(lines[:count])
    return text if count == len(lines) else f"{text}\n[the first {count:,} of {len(lines):,} {what}]"


def split_lines(text: str) -> list[str]:
    """The lines, each with its newline if it has one. Only LF ends a line, as for sed and grep."""
    *whole, last = text.split("\n")
    return [f"{line}\n" for line in whole] + ([last] if last else [])


def amount(size: int) -> str:
    """A number of bytes in words."""
    return f"{size:,} byte" if size == 1 else f"{size:,} bytes"
