"""A small file of the server's own, replaced as a whole or not at all."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from appx.domain.errors import NoSpace, Unavailable
from appx.kit.unfinished import unfinished_name


def replace_private(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """``mode`` from the first byte on; on the disk when this returns.

    Raises NoSpace when the disk is full, Unavailable when the file cannot be written for another reason.
    """
    try:
        _replace(path, data, mode)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NoSpace(f"The disk is full: {path} was not saved. Make room, then try again.") from None
        raise Unavailable(f"{path} cannot be written: {error.strerror}.") from None


def _replace(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(unfinished_name())
    handle = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
