"""A project's directory as a tar archive, and back: by tar, in podman's user namespace where there is one.

There the workbench's user is 0 and may read and give away what an app wrote through a mount with ids of its own.
Without podman there are no such files, and everything is put down as 0's.
"""

import os
from collections.abc import AsyncIterable, Mapping
from pathlib import Path

from anyio import to_thread

from appx.domain.errors import Conflict, NoSpace, Unavailable
from appx.kit import process
from appx.workbench.bench import TakeBytes
from appx.workbench.paths import DIRECTORY, entered

SECONDS = 6 * 3600.0
CHANGED = 1
"""tar's exit code when a file changed while it was read: agents and apps go on working."""

PROBE_BYTES = 1 << 16

IN_NAMESPACE = 'if podman unshare true 2>/dev/null; then exec podman unshare tar "$@"; else exec tar $0 "$@"; fi'


async def pack(directory: Path, environment: Mapping[str, str], take: TakeBytes) -> None:
    # Posix: no limit on sizes and names, times to the nanosecond. 128 blocks are 64 KiB at once.
    flags = ["--create", "--numeric-owner", "--format=posix", "--blocking-factor=128", "--one-file-system", "."]
    try:
        with entered(directory) as cwd:
            sparse = ["--sparse"] if await to_thread.run_sync(_counts_blocks, cwd) else []
            argv = ["bash", "-c", IN_NAMESPACE, "--owner=0 --group=0", *sparse, *flags]
            code, words = await process.pipe(argv, cwd=cwd, env=environment, time_limit=SECONDS, end=take)
    except OSError as error:
        raise Unavailable(f"{directory} cannot be packed: {error.strerror}.") from error
    if code not in {0, CHANGED}:
        raise Unavailable(f"{directory} could not be packed whole: {_reason(words)}")


async def unpack(directory: Path, environment: Mapping[str, str], tar: AsyncIterable[bytes]) -> None:
    try:
        await to_thread.run_sync(_make, directory)
    except FileExistsError:
        raise Conflict(f"{directory} is there already.") from None
    except OSError as error:
        raise Unavailable(f"{directory} cannot be made: {error.strerror}.") from error
    flags = ["--extract", "--numeric-owner", "--preserve-permissions", "--delay-directory-restore"]
    argv = ["bash", "-c", IN_NAMESPACE, "--no-same-owner", *flags]
    with entered(directory) as cwd:
        code, words = await process.pipe(argv, cwd=cwd, env=environment, time_limit=SECONDS, end=tar)
    if code == 0:
        return
    if "No space left" in words:
        raise NoSpace(f"The disk that holds {directory} is full. Make room, then try again.")
    raise Unavailable(f"{directory} could not be unpacked: {_reason(words)}")


def _counts_blocks(directory: Path) -> bool:
    """Whether the filesystem tells what of a file is there. tar 1.34 takes one of which nothing is for a hole.

    A file without a name is written to see it. Without ``--sparse`` holes are packed as the zeros that they read as.
    """
    try:
        descriptor = os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            file.write(b"x" * PROBE_BYTES)
            return os.fstat(descriptor).st_blocks * 512 >= PROBE_BYTES
    except OSError:
        return False


def _make(directory: Path) -> None:
    """Everybody may make names in the workspace: the directory around it must be ours or the server's, and no link."""
    directory.parent.mkdir(mode=0o700, exist_ok=True)
    parent = os.open(directory.parent, DIRECTORY)
    try:
        if os.fstat(parent).st_uid not in {os.getuid(), _server(directory.parent.parent)}:
            raise FileExistsError
        os.mkdir(directory.name, dir_fd=parent)
    finally:
        os.close(parent)


def _server(workspace: Path) -> int:
    """The uid of the server: its directory is there before any project's, and nobody else can move it."""
    state = workspace / ".pi-global"
    return state.lstat().st_uid if state.exists() else os.getuid()


def _reason(words: str) -> str:
    """tar's first complaint; the last one only says that there were some."""
    lines = [line for line in words.splitlines() if line.strip()]
    return lines[0] if lines else "tar ended without a word, or it took too long."
