"""podman's user namespace: made once by root, joined by every podman command, and lost when nothing holds it."""

import os
from pathlib import Path

import anyio

from appx.workbench.bench import Workbench

LOOK_SECONDS = 5.0


async def lost(bench: Workbench, pause_file: Path) -> None:
    """Return when the namespace is gone, so that podman works no more until somebody with the rights makes it anew.

    ``pause_file`` has the id of the process that podman leaves to hold the namespace. A running container holds it,
    too, so the end of that process is only the reason to look. Where podman was never made ready, nothing can be lost.
    """
    if not await anyio.Path(pause_file).exists() and (await bench.status()).problems:
        await anyio.sleep_forever()
    while True:
        await _ended(pause_file)
        if (await bench.status()).problems:
            return
        await anyio.sleep(LOOK_SECONDS)


async def _ended(pause_file: Path) -> None:
    """Return when the process has ended, at once when it is not there."""
    try:
        descriptor = os.pidfd_open(int(pause_file.read_text()))  # noqa: ASYNC240  a few bytes on a tmpfs
    except (OSError, ValueError):
        return
    try:
        await anyio.wait_readable(descriptor)
    finally:
        os.close(descriptor)
