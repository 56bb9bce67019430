"""A small file that only the server may read, replaced as a whole or not at all."""

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from appx.domain.errors import NoSpace, Unavailable


def replace_private(path: Path, data: bytes) -> None:
    """Mode 0600 from the first byte on; on the disk when this returns.

    Raises NoSpace when the disk is full, Unavailable when the file cannot be written for another reason.
    """
    try:
        _replace(path, data)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NoSpace(f"The disk is full: {path} was not saved. Make room, then try again.") from None
        raise Unavailable(f"{path} cannot be written: {error.strerror}.") from None


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
