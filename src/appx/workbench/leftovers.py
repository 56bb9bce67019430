"""What a project leaves behind when it is removed: processes and files."""

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

SHARED = ("podman", "conmon", "catatonit", "pasta", "passt", "netavark", "aardvark-dns", "rootlessport", "slirp4netns")
"""podman's helpers. One that the first project started serves the networks of all."""


def end_processes(mark: str) -> None:
    """End all processes of this user that began with ``mark`` (``NAME=value``) in their environment; not ``SHARED``."""
    wanted = mark.encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # somebody else's, or it has ended
            marked = wanted in (entry / "environ").read_bytes().split(b"\0")
            if marked and not (entry / "exe").readlink().name.startswith(SHARED):
                os.kill(int(entry.name), signal.SIGKILL)


def remove_tree(directory: Path) -> bool:
    """Remove it with all that is in it, also directories without permissions. False when something stays."""
    with suppress(FileNotFoundError):
        if directory.is_symlink():
            directory.unlink()
            return True
        _open_up(directory)
        shutil.rmtree(directory, ignore_errors=True)
    return not directory.exists()


def _open_up(directory: Path) -> None:
    """Give this user back the permissions on its own directories, without following links."""
    directory.chmod(0o700)
    for top, names, _ in os.walk(directory):
        for name in names:
            path = Path(top, name)
            with suppress(OSError):
                if not path.is_symlink():
                    path.chmod(0o700)
