"""Files that go into prompts: the project's through the workbench, the server's own where nobody else can write."""

import os
import stat
from pathlib import Path

from anyio import to_thread

from appx.domain.errors import NotFound
from appx.domain.ids import ProjectId
from appx.workbench.bench import Workbench


async def of_project(workbench: Workbench, project: ProjectId, path: str, *, limit: int) -> bytes | None:
    """The first ``limit`` bytes; None when there is no such file. Raises Invalid when it cannot be read.

    Never with the rights of the server: an agent may have put a link or a pipe there.
    """
    try:
        return await workbench.read(project, path, limit=limit)
    except NotFound:
        return None


async def of_server(path: Path, *, limit: int) -> bytes | None:
    """The first ``limit`` bytes of a file that root or the server owns, else None.

    The workspace's top is open to the agent: it could put a pipe there, or a file with orders for other projects.
    """
    return await to_thread.run_sync(_owned, path, limit)


def _owned(path: Path, limit: int) -> bytes | None:
    try:
        return regular(path, limit, owners={0, os.getuid()})
    except OSError:
        return None


def regular(path: Path, limit: int, *, owners: set[int] | None = None) -> bytes | None:
    """The first ``limit`` bytes of a regular file of one of ``owners``, else None; a pipe is never waited for.

    A symbolic link at the end is not followed. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or (owners is not None and found.st_uid not in owners):
            return None
        return file.read(limit)
