"""Makes a backup beside a server that goes on working: the state from its files, projects from the workbench."""

import math
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, TypeAlias

import anyio
import anyio.lowlevel
from anyio import to_thread

from appx.backup import format as form
from appx.backup.format import About
from appx.backup.reason import reason
from appx.backup.writer import Parts, Sink, Writer
from appx.domain.errors import AppxError, NotFound, TooLarge, Unavailable
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.kit.unfinished import unfinished_name
from appx.store.snapshot import projects_of, snapshot
from appx.workbench import packing
from appx.workbench.bench import Workbench

SILENCE_SECONDS = 600.0
"""Between two parts of a project."""

SECONDS = packing.SECONDS
"""For all of a project."""

OnStep: TypeAlias = Callable[[str], None]
"""Told what is worked on: a file of the archive, or a project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """``gone``: projects of which the directory was not there.

    ``incomplete``: those whose workbench failed, each with the reason; what it had handed over is in the backup.
    """

    projects: tuple[str, ...]
    gone: tuple[str, ...]
    incomplete: tuple[tuple[str, str], ...]


async def make(
    state: Path,
    bench: Workbench,
    sink: Sink,
    *,
    credentials: bool,
    on_step: OnStep,
    without: Collection[str] = (),
) -> Made:
    """Hand a backup to ``sink``, from the server's directory ``state`` and the projects of ``bench``.

    The database is copied first, so a project that is made meanwhile is not in it, neither its record nor its files.
    Of the projects ``without`` there is only the record. What one project's workbench does wrong is no error: an agent
    may do it, and the other projects are to be saved.
    Raises NotFound without a database or for a name that is no project, NoSpace, Unavailable; what ``sink`` raises.
    """
    made = clock.now()
    on_step(form.DATABASE)
    copy = state / unfinished_name()
    version = await to_thread.run_sync(snapshot, state / "appx.db", copy)
    with copy.open("rb") as database:
        projects = projects_of(copy) or []
        copy.unlink()
        _check_names(without, projects)
        writer = Writer(sink, made=made)
        about = About(
            format=form.FORMAT,
            appx=metadata.version("appx"),
            made=made,
            schema_version=version,
            credentials=credentials,
        )
        await writer.add(form.ABOUT, about.model_dump_json(indent=1).encode())
        await _add_state(writer, state, database, credentials=credentials)
    failed: dict[str, AppxError] = {}
    for project in projects:
        if project not in without and (error := await _add_project(writer, bench, ProjectId(project), on_step)):
            failed[project] = error
    await writer.end()
    return Made(
        projects=tuple(projects),
        gone=tuple(each for each, error in failed.items() if isinstance(error, NotFound)),
        incomplete=tuple((each, reason(error)) for each, error in failed.items() if not isinstance(error, NotFound)),
    )


def _check_names(without: Collection[str], projects: Collection[str]) -> None:
    for name in without:
        if name not in projects:
            known = ", ".join(sorted(projects)) or "none"
            raise NotFound(f"--without {name}: there is no such project. No backup was made. Projects are: {known}.")


async def _add_state(writer: Writer, state: Path, database: IO[bytes], *, credentials: bool) -> None:
    await writer.add_file(form.DATABASE, database, os.fstat(database.fileno()).st_size)
    for name in (*form.STATE, *([form.CREDENTIALS] if credentials else [])):
        path = state / name.removeprefix("state/")
        if path.is_file():
            await writer.add(name, path.read_bytes())


async def _add_project(writer: Writer, bench: Workbench, project: ProjectId, on_step: OnStep) -> AppxError | None:
    """Answers why not all of it is there; NotFound when nothing is, because the directory is gone."""
    on_step(project)
    parts = Parts(writer, project)
    error = await _pack(bench, project, parts)
    if isinstance(error, NotFound) and not parts.empty:
        error = Unavailable(str(error))
    await parts.end()
    return TooLarge(parts.full) if parts.full else error


async def _pack(bench: Workbench, project: ProjectId, parts: Parts) -> AppxError | None:
    """Answers what the workbench did wrong, its silence, too. Raises what the sink does."""
    with anyio.CancelScope() as scope:
        taker = _Taker(parts=parts, scope=scope, end=anyio.current_time() + SECONDS)
        taker.wait()
        error = None
        try:
            await bench.pack(project, taker.take)
        except AppxError as failure:
            error = failure
    if taker.sunk is not None:
        raise taker.sunk
    if not scope.cancelled_caught:
        return error
    if anyio.current_time() < taker.end:
        return Unavailable(f"Its workbench said nothing for {SILENCE_SECONDS:g} s.")
    return Unavailable(f"Its workbench was not done within {SECONDS:g} s.")


@dataclass(slots=True, kw_only=True)
class _Taker:
    """Takes what a workbench hands over, until ``scope`` ends at last at ``end``, by the clock of the event loop.

    ``sunk``: what the sink raised. Only where it was raised tells: a workbench may raise errors of the same class.
    """

    parts: Parts
    scope: anyio.CancelScope
    end: float
    sunk: Exception | None = None

    async def take(self, data: bytes) -> None:
        """The time of the sink is not the workbench's; and what is half written would damage the archive."""
        self.scope.deadline = math.inf
        with anyio.CancelScope(shield=True):
            try:
                await self.parts.add(data)
            except Exception as error:
                self.sunk = error
                raise
        self.wait()
        await anyio.lowlevel.checkpoint_if_cancelled()

    def wait(self) -> None:
        """For more; not when there is no room for it."""
        if self.parts.full:
            self.scope.cancel()
        self.scope.deadline = min(anyio.current_time() + SILENCE_SECONDS, self.end)
