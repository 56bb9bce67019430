"""Templates: the files that a new project begins with, as appx and the operator have them."""

import io
import json
import logging
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appx.domain.errors import Invalid, Unavailable

logger = logging.getLogger(__name__)

BUILT_IN = Path(__file__).resolve().parents[1] / "templates"
ABOUT = "template.json"
FILES = "files"
MAX_ABOUT = 64 << 10
MAX_FILES = 2_000
MAX_SIZE = 16 << 20
"""Bytes of all files of a template: they are packed in memory."""

LEFT_OUT = {"__pycache__", ".git", "node_modules"}

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class _About(BaseModel):
    """What ``template.json`` says."""

    model_config = ConfigDict(extra="forbid")

    description: str = Field(min_length=1, max_length=1_000)
    health: str = Field(default="", max_length=200, pattern=r"^(/\S*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """``directory``: on the server, with ``template.json`` and ``files/``.

    ``health``: the path at which its app says that it is well; empty when it has none.
    """

    name: str
    description: str
    health: str
    directory: Path


@dataclass(frozen=True, slots=True)
class Templates:
    """``directories``: each with a directory for each template. Of two with one name, that of the last counts.

    They are read when they are asked for, with the rights of the server: only the operator may write there.
    """

    directories: tuple[Path, ...]

    async def list(self) -> list[Template]:
        """By name. One that cannot be read is left out, and the log says why."""
        return await to_thread.run_sync(_every, self.directories)

    async def get(self, name: str) -> Template:
        """Raises Invalid with the names that there are."""
        every = {each.name: each for each in await self.list()}
        if name not in every:
            names = ", ".join(every) or "none"
            raise Invalid(f"There is no template {name[:100]!r}. The templates are: {names}.")
        return every[name]


async def archive(template: Template) -> bytes:
    """Its files as a zip archive. Raises Unavailable when they cannot be read, or are too many."""
    return await to_thread.run_sync(_archive, template)


def _every(directories: tuple[Path, ...]) -> list[Template]:
    found: dict[str, Template] = {}
    for each in directories:
        for directory in _directories(each):
            try:
                found[directory.name] = _template(directory)
            except (OSError, ValueError) as error:
                logger.warning("%s is no template: %s", directory, error)
    return [found[name] for name in sorted(found)]


def _directories(of: Path) -> list[Path]:
    try:
        return [each for each in of.iterdir() if _NAME.fullmatch(each.name) and each.is_dir() and not each.is_symlink()]
    except OSError as error:
        logger.warning("%s has no templates: %s", of, error)
        return []


def _template(directory: Path) -> Template:
    """Raises OSError, ValueError."""
    with _opened(directory / ABOUT) as file:
        text = file.read(MAX_ABOUT)
    try:
        about = _About.model_validate(json.loads(text))
    except ValidationError as error:
        raise ValueError("; ".join(f"{(*each['loc'], ABOUT)[0]}: {each['msg']}" for each in error.errors())) from None
    return Template(name=directory.name, description=about.description, health=about.health, directory=directory)


def _archive(template: Template) -> bytes:
    made = io.BytesIO()
    size = 0
    try:
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
            for count, path in enumerate(_files(template.directory / FILES), start=1):
                size += _add(packed, path, path.relative_to(template.directory / FILES).as_posix())
                if count > MAX_FILES or size > MAX_SIZE:
                    raise Unavailable(
                        f"The template {template.name} has more than {MAX_FILES:,} files, or {MAX_SIZE >> 20} MiB. "
                        "Make it smaller."
                    )
    except OSError as error:
        raise Unavailable(f"The template {template.name} cannot be read: {error}.") from error
    return made.getvalue()


def _files(folder: Path) -> Iterator[Path]:
    """Plain files, by name; a link could lead anywhere. Raises OSError."""
    for each in sorted(folder.iterdir()):
        told = each.lstat()
        if stat.S_ISREG(told.st_mode):
            yield each
        elif stat.S_ISDIR(told.st_mode) and each.name not in LEFT_OUT:
            yield from _files(each)


def _add(packed: zipfile.ZipFile, path: Path, name: str) -> int:
    """Bytes of the file. Whether it may be run is kept."""
    with _opened(path) as file:
        data = file.read(MAX_SIZE + 1)
        runs = os.fstat(file.fileno()).st_mode & stat.S_IXUSR
    entry = zipfile.ZipInfo(name)
    entry.external_attr = (stat.S_IFREG | (0o755 if runs else 0o644)) << 16
    packed.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return len(data)


def _opened(path: Path) -> io.FileIO:
    """Never through a link, and never waiting for a pipe."""
    return io.FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
