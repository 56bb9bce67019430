"""What a backup looks like: a tar archive of gzip members, which ``tar xzf`` opens, too. Pure.

- ``appx-backup.json``: ``About``, first, so that another file is refused at once
- ``state/…``: what the server keeps for itself, with the database as ``state/appx.db``
- ``projects/ID.tar/0001``, …: a project as the workbench packed it, in parts, since nobody knows its size before.
  ``cat`` puts them together. The server looks into none of them: what is in them is the agent's
- ``manifest.json``: ``Manifest``, last, so that an archive that was cut off is told apart
"""

import gzip
import re
import tarfile
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from appx.domain.ids import ProjectId

FORMAT = 1
ABOUT = "appx-backup.json"
MANIFEST = "manifest.json"
DATABASE = "state/appx.db"
CREDENTIALS = "state/credentials.json"
STATE = ("state/AGENTS.md", "state/models.json")
"""What is taken along besides the database, when it is there."""

PART_BYTES = 4 << 20
MOST_PARTS = 1 << 16
"""Of one project: 256 GiB as tar has it. An agent says how long that is, and more is no help in a disaster."""

MAX_SMALL = 64 << 20
"""The most that a manifest or a file of the state may have; they are read as a whole."""

LEVEL = 4
END = b"\0" * 1024

_ID = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PART = re.compile(rf"projects/({_ID})\.tar/(\d+)")


class About(BaseModel):
    """``schema_version`` is the database's; ``made`` is in UTC."""

    model_config = ConfigDict(frozen=True)

    format: int
    appx: str
    made: datetime
    schema_version: int
    credentials: bool


class Entry(BaseModel):
    """One file of the archive. ``size`` is in bytes."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    sha256: str


class Manifest(BaseModel):
    """Every file but the manifest itself, in the order in which they stand."""

    model_config = ConfigDict(frozen=True)

    files: tuple[Entry, ...]


def part(project: ProjectId, number: int) -> str:
    return f"projects/{project}.tar/{number:04d}"


def is_id(name: str) -> bool:
    """Whether a project may have it."""
    return re.fullmatch(_ID, name) is not None


def project_of(name: str) -> ProjectId | None:
    """The project that a file is a part of."""
    found = _PART.fullmatch(name)
    return ProjectId(found[1]) if found else None


def header(name: str, size: int, made: datetime) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, int(made.timestamp()), 0o600
    return info.tobuf(tarfile.PAX_FORMAT)


def padding(size: int) -> bytes:
    """A file in a tar archive ends at a block of 512 bytes."""
    return b"\0" * (-size % 512)


def packed(data: bytes) -> bytes:
    """A gzip member of its own: members one after the other are again a gzip file."""
    return gzip.compress(data, LEVEL, mtime=0)
