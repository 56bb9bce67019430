"""The policies of all accounts, in a file that the server writes and the service reads."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from appx.domain.egress import Egress

NOTHING = Egress(policy="none")


def write(path: Path, policies: dict[int, Egress]) -> None:
    """By uid; for everybody to read. Raises OSError."""
    found = {str(uid): {"policy": each.policy, "hosts": each.hosts} for uid, each in policies.items()}
    new = path.with_name(f"{path.name}.new")
    new.write_text(json.dumps(found))
    new.chmod(0o644)
    new.replace(path)


@dataclass(slots=True)
class Policies:
    """As the file is now. Who is not in it may reach nothing, and so may all when there is none."""

    path: Path
    _known: dict[int, Egress] = field(default_factory=dict)
    _seen: tuple[int, int] | None = None

    def of(self, uid: int | None) -> Egress:
        self._look()
        return NOTHING if uid is None else self._known.get(uid, NOTHING)

    @property
    def uids(self) -> frozenset[int]:
        """Of all accounts that have one; none at all while the file cannot be read."""
        self._look()
        return frozenset(self._known)

    def _look(self) -> None:
        try:
            with self.path.open() as file:
                status = os.fstat(file.fileno())
                seen = (status.st_ino, status.st_mtime_ns)
                if seen != self._seen:
                    self._known = {int(uid): _egress(each) for uid, each in json.load(file).items()}
                    self._seen = seen
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            self._known, self._seen = {}, None


def _egress(found: dict[str, object]) -> Egress:
    policy, hosts = found["policy"], found["hosts"]
    if policy not in ("open", "list", "none") or not isinstance(hosts, list):
        raise ValueError
    return Egress(policy=policy, hosts=tuple(str(host) for host in hosts))
