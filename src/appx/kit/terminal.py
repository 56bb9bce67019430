"""A child with a terminal of its own; when that is closed, all that was started on it ends."""

import fcntl
import os
import signal
import struct
import termios
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
from anyio import to_thread
from anyio.abc import Process

CHUNK_BYTES = 1 << 16
GRACE_SECONDS = 2.0
"""Between the loss of the terminal and the end by force."""

OPENED = ': <>"$0" && exec "$@"'
"""A leader of a session without a terminal gets the one that it opens: job control and Ctrl-C work from then on."""


class Terminal:
    """Our side of it. One may read at a time, and one write."""

    def __init__(self, descriptor: int, child: Process) -> None:
        self._descriptor = descriptor
        self._child = child

    async def read(self) -> bytes:
        """What comes next; empty when nobody has the other side open any more."""
        await anyio.wait_readable(self._descriptor)
        try:
            return os.read(self._descriptor, CHUNK_BYTES)
        except BlockingIOError:
            return await self.read()
        except OSError:  # EIO: so Linux says that it was closed
            return b""

    async def write(self, data: bytes) -> None:
        """Return when all was taken. What is typed into a terminal that nobody reads is lost."""
        left = memoryview(data)
        while left:
            await anyio.wait_writable(self._descriptor)
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:
                continue
            except OSError:
                return

    def resize(self, columns: int, rows: int) -> None:
        """Tell the child; sizes are 1 to 65,535."""
        _resize(self._descriptor, columns, rows)

    async def ended(self) -> int:
        """The exit code of the child, once it has ended: 128 + n for signal n."""
        code = await self._child.wait()
        return code if code >= 0 else 128 - code


@asynccontextmanager
async def terminal(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], columns: int, rows: int
) -> AsyncIterator[Terminal]:
    """The child has it as stdin, stdout and stderr. At the end of the block its whole session is ended.

    Raises OSError when it cannot be started.
    """
    ours, theirs = os.openpty()
    try:
        try:
            os.set_blocking(ours, False)
            _resize(ours, columns, rows)
            argv = ["bash", "-c", OPENED, os.ttyname(theirs), *argv]
            child = await anyio.open_process(
                argv, cwd=cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
            )
        finally:
            os.close(theirs)
        try:
            yield Terminal(ours, child)
        finally:
            os.close(ours)
            ours = -1
            await _end_session(child)
    finally:
        if ours >= 0:
            os.close(ours)


def _resize(descriptor: int, columns: int, rows: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


async def _end_session(child: Process) -> None:
    """The loss of its terminal ends a shell and what that runs; the rest is ended by force."""
    with anyio.CancelScope(shield=True):
        await _signal(child.pid, signal.SIGHUP)
        with anyio.move_on_after(GRACE_SECONDS):
            while await to_thread.run_sync(_members, child.pid):  # noqa: ASYNC110  a session tells nobody
                await anyio.sleep(0.05)
        with anyio.move_on_after(GRACE_SECONDS):  # somebody who changed its user cannot be ended
            while await _signal(child.pid, signal.SIGKILL):  # noqa: ASYNC110
                await anyio.sleep(0.05)
        await child.wait()


async def _signal(session: int, number: signal.Signals) -> bool:
    """Whether there was somebody."""
    found = await to_thread.run_sync(_members, session)
    for each in found:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(each, number)
    return bool(found)


def _members(session: int) -> set[int]:
    """Who lives in a session, which has the id of its leader. Jobs of a shell are in groups of their own."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, _, of = stat.read_bytes().rpartition(b") ")[2].split(maxsplit=4)[:4]
            if int(of) == session and state not in {b"Z", b"X"}:
                found.add(int(stat.parent.name))
    return found
