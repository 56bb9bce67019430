"""What a project leaves behind when it is removed: processes and files."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from appx.kit.removal import remove

SHARED = ("podman", "conmon", "catatonit", "pasta", "passt", "netavark", "aardvark-dns", "rootlessport", "slirp4netns")
"""podman's helpers. One that the first project started serves the networks of all."""


STOP_SECONDS = 15.0
"""For the search for processes that start others while they are looked for."""


def end_processes(mark: str) -> None:
    """End all processes of this user that began with ``mark`` (``NAME=value``) in their environment; not ``SHARED``.

    All are stopped before the first is killed: of a fork bomb, those that are left would soon be as many again.
    """
    wanted = mark.encode()
    stopped = set[int]()
    until = time.monotonic() + STOP_SECONDS
    while (found := _marked(wanted) - stopped) and time.monotonic() < until:
        _signal(found, signal.SIGSTOP)
        stopped |= found
    _signal(stopped, signal.SIGKILL)


def _marked(wanted: bytes) -> set[int]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # somebody else's, or it has ended
            marked = wanted in (entry / "environ").read_bytes().split(b"\0")
            if marked and not (entry / "exe").readlink().name.startswith(SHARED):
                found.add(int(entry.name))
    return found


def _signal(processes: set[int], number: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def remove_tree(directory: Path) -> bool:
    """Remove it with all that is in it, also directories without permissions. False when something stays."""
    try:
        remove(directory)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
