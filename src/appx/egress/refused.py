"""The log of names that were refused: bounded, in a file that the service writes and the server reads."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path

MOST = 200
"""Names of each uid. Those above are counted together: whoever fills the log hides only what comes after."""

OTHERS = f"other names, after the first {MOST}"
DAY = 86_400.0
"""Seconds for which a name is kept after it was refused last, as the rules of the kernel do."""


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
        if key not in entries and len(entries) >= MOST:
            self._found[uid] = entries = {each: kept for each, kept in entries.items() if kept.last > now - DAY}
            if len(entries) >= MOST:
                to, protocol, port = key = (OTHERS, "name", None)
        known = entries.get(key) or Refusal(to=to, protocol=protocol, port=port, count=0, last=now)
        entries[key] = replace(known, count=known.count + 1, last=now)
        self._changed = True

    def keep_only(self, uids: Collection[int]) -> None:
        """Who gets an account later gets a log with room in it."""
        for uid in self._found.keys() - set(uids):
            del self._found[uid]
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
