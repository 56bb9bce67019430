"""Unpacks a backup beside what is there, so that until the last byte was verified nothing has changed."""

import os
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from anyio import to_thread

from appx.backup import format as form
from appx.backup.format import About
from appx.backup.make import OnStep
from appx.backup.place import open_to_all
from appx.backup.reader import DAMAGED, Reader
from appx.backup.reason import reason
from appx.domain.errors import AppxError, Invalid, NoSpace, NotFound, Unavailable
from appx.domain.ids import ProjectId
from appx.store.snapshot import set_accounts, settle
from appx.workbench.accounts import Accounts
from appx.workbench.bench import Workbench

T = TypeVar("T")

ALLOWED = {form.DATABASE, form.CREDENTIALS, *form.STATE}
OPEN_TO_ALL = {"AGENTS.md"}
"""What the workbench may read, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """``files``: names in the staging directory. ``projects``: all of the database, also those without files.

    ``incomplete``: of which not all was unpacked, each with the reason.
    """

    about: About
    files: tuple[str, ...]
    projects: tuple[str, ...]
    incomplete: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where projects are unpacked: to the workspace's directory ``into``, each by its account.

    ``known``: projects that are there and keep theirs; others take one that is free.
    ``incomplete``: projects of which is taken what can be unpacked.
    """

    bench: Workbench
    accounts: Accounts
    known: frozenset[str]
    into: str
    incomplete: Collection[str] = ()

    async def account(self, project: ProjectId, met: set[str]) -> None:
        if project not in self.known and project not in met:
            met.add(project)
            await self.accounts.take(project)


async def stage(file: IO[bytes], beside: Path, there: Bench, *, on_step: OnStep) -> Staged:
    """The state to the new directory ``beside``, projects to ``there``; then verify.

    Raises Invalid for what is no backup, damaged, or made by a newer appx; NotFound, NoSpace, Unavailable.
    """
    reader = await _off(Reader, file)
    await _off(beside.mkdir, 0o700)
    await _off(open_to_all, beside.parent.parent / there.into)
    files: list[str] = []
    incomplete: list[tuple[str, str]] = []
    met: set[str] = set()
    place = _Place(reader, await _off(reader.next))
    while place.name is not None:
        project = form.project_of(place.name)
        on_step(project or place.name)
        if project is not None:
            await there.account(project, met)
            if error := await _unpack(place, project, there):
                incomplete.append((project, reason(error)))
            continue
        if place.name not in ALLOWED:
            raise Invalid(DAMAGED.format(f": {place.name} has no place in it"))
        files.append(place.name.removeprefix("state/"))
        await _off(_copy, reader, beside / files[-1])
        place.name = await _off(reader.next)
    if "appx.db" not in files:
        raise Invalid(DAMAGED.format(": the database is missing"))
    projects = await _off(lambda: settle(beside / "appx.db", beside.parent.parent))
    _check_names(there.incomplete, projects)
    for each in projects:
        await there.account(ProjectId(each), met)
    accounts = {each: there.accounts.of(ProjectId(each)) for each in projects}
    await _off(set_accounts, beside / "appx.db", accounts)
    return Staged(about=reader.about, files=tuple(files), projects=tuple(projects), incomplete=tuple(incomplete))


def _check_names(incomplete: Collection[str], projects: Collection[str]) -> None:
    for name in incomplete:
        if name not in projects:
            known = ", ".join(sorted(projects)) or "none"
            raise NotFound(
                f"--incomplete {name}: the backup has no such project. Nothing was changed. It has: {known}."
            )


@dataclass(slots=True)
class _Place:
    """Where the reader is."""

    reader: Reader
    name: str | None


async def _unpack(place: _Place, project: ProjectId, there: Bench) -> AppxError | None:
    """All parts of one project. They are read to their end also when tar has enough before, or fails.

    Answers why not all was unpacked, for a project of which that is allowed.
    """
    parts, failed = _Parts(place, project), None
    async with aclosing(parts.read()) as tar:
        try:
            await there.bench.unpack(project, there.into, tar)
        except AppxError as error:
            failed = error
    if parts.damaged is not None:
        raise parts.damaged
    if failed is not None and project not in there.incomplete:
        raise type(failed)(
            f"Nothing was changed, because the files of {project} cannot be unpacked: {reason(failed)}\n"
            f"`--incomplete {project}` takes what can be unpacked of it."
        ) from failed
    async for _ in parts.read():
        pass
    return failed


@dataclass(slots=True)
class _Parts:
    """The parts of one project: ``number`` is the next. ``damaged``: what is wrong with the backup itself."""

    place: _Place
    project: ProjectId
    number: int = 1
    damaged: Exception | None = None

    async def read(self) -> AsyncGenerator[bytes]:
        """From where the last one stopped, wherever that was."""
        try:
            while self._at_next():
                while data := await _off(self.place.reader.read):
                    yield data
                self.place.name = await _off(self.place.reader.next)
                self.number += 1
        except Exception as error:
            self.damaged = error
            raise

    def _at_next(self) -> bool:
        name = self.place.name
        if name is None or form.project_of(name) != self.project:
            return False
        if name != form.part(self.project, self.number):
            raise Invalid(DAMAGED.format(f": {name} stands in the wrong place"))
        return True


def _copy(reader: Reader, target: Path) -> None:
    mode = 0o644 if target.name in OPEN_TO_ALL else 0o600
    with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
        while data := reader.read():
            file.write(data)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())


async def _off(work: Callable[..., T], *given: object) -> T:
    """In a thread; a full disk has its name."""
    try:
        return await to_thread.run_sync(work, *given)
    except OSError as error:
        if error.errno == 28:
            raise NoSpace(
                "The disk of the workspace is full. Nothing was changed. Make room, then try again."
            ) from None
        raise Unavailable(f"The backup cannot be unpacked: {error}. Nothing was changed.") from error
