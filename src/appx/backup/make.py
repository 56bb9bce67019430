"""Makes a backup beside a server that goes on working: the state from its files, projects from the workbench."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import IO, TypeAlias

from anyio import to_thread

from appx.backup import format as form
from appx.backup.format import About
from appx.backup.writer import Parts, Sink, Writer
from appx.domain.errors import NotFound
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.kit.unfinished import unfinished_name
from appx.store.snapshot import projects_of, snapshot
from appx.workbench.bench import Workbench

OnStep: TypeAlias = Callable[[str], None]
"""Told what is worked on: a file of the archive, or a project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """``gone``: projects of which the directory was not there."""

    projects: tuple[str, ...]
    gone: tuple[str, ...]


async def make(state: Path, bench: Workbench, sink: Sink, *, credentials: bool, on_step: OnStep) -> Made:
    """Hand a backup to ``sink``, from the server's directory ``state`` and the projects of ``bench``.

    The database is copied first, so a project that is made meanwhile is not in it, neither its record nor its files.
    Raises NotFound without a database, NoSpace, Unavailable.
    """
    made = clock.now()
    on_step(form.DATABASE)
    copy = state / unfinished_name()
    version = await to_thread.run_sync(snapshot, state / "appx.db", copy)
    with copy.open("rb") as database:
        projects = projects_of(copy) or []
        copy.unlink()
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
    gone = [project for project in projects if not await _add_project(writer, bench, ProjectId(project), on_step)]
    await writer.end()
    return Made(projects=tuple(projects), gone=tuple(gone))


async def _add_state(writer: Writer, state: Path, database: IO[bytes], *, credentials: bool) -> None:
    await writer.add_file(form.DATABASE, database, os.fstat(database.fileno()).st_size)
    for name in (*form.STATE, *([form.CREDENTIALS] if credentials else [])):
        path = state / name.removeprefix("state/")
        if path.is_file():
            await writer.add(name, path.read_bytes())


async def _add_project(writer: Writer, bench: Workbench, project: ProjectId, on_step: OnStep) -> bool:
    on_step(project)
    parts = Parts(writer, project)
    try:
        await bench.pack(project, parts.add)
    except NotFound:
        return False
    await parts.end()
    return True
