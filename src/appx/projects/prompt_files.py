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
    """The first ``limit`` bytes of a file that root or the server owns, else None."""
    return await to_thread.run_sync(_owned, path, limit, 0)


async def of_workspace(path: Path, *, limit: int) -> bytes | None:
    """The first ``limit`` bytes of a file that root or the server owns and everybody may read, else None.

    The workspace's top is open to the agent: it could put a pipe there, or a file with orders for other projects. Where
    the kernel lets it (``fs.protected_hardlinks = 0``), it could also put the server's keys there under that name, and
    they would go to the model: so nothing that it may not read itself.
    """
    return await to_thread.run_sync(_owned, path, limit, stat.S_IROTH)


def _owned(path: Path, limit: int, mode: int) -> bytes | None:
    try:
        return regular(path, limit, owners={0, os.getuid()}, mode=mode)
    except OSError:
        return None


def regular(
    path: Path, limit: int, *, owners: set[int] | None = None, mode: int = 0, folder: int | None = None
) -> bytes | None:
    """The first ``limit`` bytes of a regular file of one of ``owners`` with all of ``mode``, else None.

    ``path`` may be relative to the open directory ``folder``. A pipe is never waited for, and a symbolic link at the
    end not followed. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_mode & mode != mode:
            return None
        if owners is not None and found.st_uid not in owners:
            return None
        return file.read(limit)
