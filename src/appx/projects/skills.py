"""Which skills there are: the project's, the workspace's, and those of the directories that the settings name."""

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from anyio import to_thread

from appx.agent.skills import MAX_HEAD, MAX_SKILLS, Found, Unusable, skill, skills_section
from appx.domain.errors import Invalid, NotFound
from appx.domain.ids import ProjectId
from appx.projects.prompt_files import of_project, regular
from appx.workbench.bench import Command, Workbench

FOLDER = ".pi/skills"
FILE = "SKILL.md"
LIST_SECONDS = 10.0
MAX_LISTED = 64 * 1024
"""Bytes of the paths of a project's skills."""

MAX_ENTRIES = 1_000
"""Of a directory of the server."""

LINE = (
    f"find {FOLDER} -mindepth 2 -maxdepth 2 -name {FILE} -print0 2>/dev/null"
    f" | sort --zero-terminated | head --bytes={MAX_LISTED}"
)


async def skills(workbench: Workbench, project: ProjectId, *, shared: Path, folders: Sequence[Path]) -> str:
    """The section of the system prompt. Of one name the project's goes before ``shared``, then come ``folders``."""
    found, left_out = await _of_project(workbench, project)
    found += await to_thread.run_sync(_of_server, shared, folders)
    return skills_section(found, left_out=left_out)


async def _of_project(workbench: Workbench, project: ProjectId) -> tuple[list[Found], int]:
    """Those of its directory, and how many files nobody looked at."""
    command = Command(line=LINE, project=project, time_limit=LIST_SECONDS, keep_bytes=MAX_LISTED)
    try:
        done = await workbench.run(command)
    except NotFound:  # its directory is gone
        return [], 0
    if done.ended == "time_limit":
        return [Unusable(path=FOLDER, reason="it took too long to list")], 0
    paths = done.output.split("\0")[:-1]
    return [await _own(workbench, project, path) for path in paths[:MAX_SKILLS]], len(paths[MAX_SKILLS:])


async def _own(workbench: Workbench, project: ProjectId, path: str) -> Found:
    try:
        data = await of_project(workbench, project, path, limit=MAX_HEAD)
    except Invalid as error:
        return Unusable(path=path, reason=str(error))
    if data is None:
        return Unusable(path=path, reason="it is gone, or its name is not UTF-8")
    return skill(path, data)


def _of_server(shared: Path, folders: Sequence[Path]) -> list[Found]:
    """``shared`` need not be there; ``folders`` must."""
    found = list(_in_folder(shared)) if shared.is_dir() else []
    for folder in folders:
        found += _in_folder(folder)
    return found


def _in_folder(folder: Path) -> Iterator[Found]:
    try:
        with os.scandir(folder) as entries:
            there = sorted(islice(entries, MAX_ENTRIES), key=lambda entry: entry.name)
    except OSError as error:
        yield Unusable(path=str(folder), reason=f"it cannot be listed: {error.strerror}")
        return
    for entry in there:
        path = os.fsencode(f"{entry.path}/{FILE}").decode(errors="replace")
        try:
            if entry.is_symlink():
                yield Unusable(path=path, reason="its directory is a symbolic link, which is not followed")
            elif entry.is_dir():
                yield _read(path, Path(entry.path))
        except FileNotFoundError:  # a directory of something else
            continue
        except OSError as error:
            yield Unusable(path=path, reason=f"it cannot be read: {error.strerror}")


def _read(path: str, directory: Path) -> Found:
    """By the open directory: it may have become a link since it was listed."""
    folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        data = regular(Path(FILE), MAX_HEAD, folder=folder)
    finally:
        os.close(folder)
    if data is None:
        return Unusable(path=path, reason="it is no regular file")
    return skill(path, data)
