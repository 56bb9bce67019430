"""Files that are being written: how they are called, and what is to be done with those that nobody will finish."""

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

PREFIX = ".appx-unfinished-"


def unfinished_name() -> str:
    """The name of a file or directory until it is whole and takes the place of another."""
    return f"{PREFIX}{secrets.token_hex(8)}"


def clear_unfinished(folder: Path) -> None:
    """Remove what writers of this user that were killed left in ``folder``. For the start, when nobody writes there."""
    for path in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if path.lstat().st_uid != os.getuid():
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
