"""The log of names that were refused: bounded, in a file that the service writes and the server reads."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

MOST = 200
"""Entries of each uid. The oldest go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """``to``: a name, or an address. ``last``: seconds since the epoch."""

    to: str
    protocol: str
    port: int | None
    count: int
    last: float


class RefusedNames:
    """What was refused to each uid since the service started."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[int, dict[tuple[str, str, int | None], Refusal]] = {}
        self._changed = False

    def add(self, uid: int, to: str, *, protocol: str, port: int | None, now: float) -> None:
        entries = self._found.setdefault(uid, {})
        key = (to, protocol, port)
        known = entries.pop(key, None) or Refusal(to=to, protocol=protocol, port=port, count=0, last=now)
        entries[key] = replace(known, count=known.count + 1, last=now)
        if len(entries) > MOST:
            del entries[next(iter(entries))]
        self._changed = True

    def save(self) -> None:
        """When something is new. Raises OSError."""
        if not self._changed:
            return
        self._changed = False
        found = {str(uid): [asdict(each) for each in entries.values()] for uid, entries in self._found.items()}
        new = self._path.with_name(f"{self._path.name}.new")
        new.write_text(json.dumps(found))
        new.replace(self._path)


def read(path: Path, uid: int) -> list[Refusal]:
    """Of ``uid``, as it was saved last. Nothing when there is no file."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return []
    return [Refusal(**each) for each in found.get(str(uid), [])]
