"""Files that are being written: how they are called, and what is to be done with those that nobody will finish."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

PREFIX = ".appx-unfinished-"


def unfinished_name() -> str:
    """The name of a file until it is whole and takes the place of another."""
    return f"{PREFIX}{secrets.token_hex(8)}"


def clear_unfinished(folder: Path) -> None:
    """Remove what writers of this user that were killed left in ``folder``. For the start, when nobody writes there."""
    for path in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if path.lstat().st_uid == os.getuid():
                path.unlink()
