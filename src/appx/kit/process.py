"""Run a child process in a group of its own, with an explicit environment and a time limit."""

import fcntl
import os
import select
import signal
import tempfile
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import IO

import anyio
from anyio.abc import Process

GRACE_SECONDS = 2.0
"""Between the request to end and the end by force."""

REST_SECONDS = 0.1
"""How long output is still taken when the child has ended and something that it left behind holds the pipe open."""

PIPE_BYTES = 1 << 20
CHUNK_BYTES = 1 << 18
LAST_WORDS = 4_096
"""Bytes of a child's stderr that ``pipe`` answers."""


async def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    time_limit: float,
    on_output: Callable[[bytes], None] = lambda _: None,
    given: bytes = b"",
) -> int | None:
    """The exit code: 128 + n for signal n, None when the time ran out. ``on_output`` gets stdout and stderr in order.

    ``given`` is its stdin.

    When the time runs out or the caller is cancelled, the whole group is ended. When the child ends by itself, what
    it put into the background goes on, and its output is lost. Raises OSError when the child cannot be started.
    """
    # A pipe of our own: asyncio's keeps ``wait`` from returning while a grandchild holds it open.
    readable, writable = os.pipe()
    with (
        os.fdopen(readable, "rb", buffering=0) as source,
        os.fdopen(writable, "wb", buffering=0) as sink,
        _stdin(given) as stdin,
    ):
        os.set_blocking(readable, False)
        with suppress(OSError):  # a host may allow less
            fcntl.fcntl(readable, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        child = await anyio.open_process(
            argv, cwd=cwd, env=env, stdin=stdin, stdout=sink, stderr=sink, start_new_session=True
        )
        sink.close()
        ended = False
        try:
            with anyio.move_on_after(time_limit):
                code = await _follow(child, source.fileno(), on_output)
                ended = True
                return code
            return None
        finally:
            if not ended:
                await _end_group(child)


async def pipe(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    time_limit: float,
    end: AsyncIterable[bytes] | Callable[[bytes], Awaitable[object]],
) -> tuple[int | None, str]:
    """The exit code (None when the time ran out) and the last words on stderr.

    ``end`` is the other end of one pipe: bytes for the child's stdin, or who takes its stdout. Neither side goes faster
    than the other. What ``end`` raises comes out as it is, and the group is ended.
    """
    readable, writable = os.pipe()
    with (
        os.fdopen(readable, "rb", buffering=0) as source,
        os.fdopen(writable, "wb", buffering=0) as sink,
        tempfile.TemporaryFile() as words,
    ):
        os.set_blocking(readable, False)
        feeding = isinstance(end, AsyncIterable)
        child = await anyio.open_process(
            argv,
            cwd=cwd,
            env=env,
            stdin=PIPE if feeding else DEVNULL,
            stdout=DEVNULL if feeding else sink,
            stderr=words,
            start_new_session=True,
        )
        sink.close()
        code = None
        try:
            with anyio.move_on_after(time_limit):
                if isinstance(end, AsyncIterable):
                    await _feed(child, end)
                else:
                    await _hand(source.fileno(), end)
                code = await child.wait()
        finally:
            if code is None:
                await _end_group(child)
        words.seek(max(0, words.seek(0, os.SEEK_END) - LAST_WORDS))
        return code, words.read().decode(errors="replace")


async def outputs(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    time_limit: float,
    take: Callable[[int, bytes], Awaitable[object]],
) -> int | None:
    """The exit code, as of ``run``. ``take`` gets each part of the output with the number of its stream: 1 or 2.

    The child goes no faster than ``take``. What that raises comes out as it is, and the group is ended, as it is when
    the time runs out or the caller is cancelled. Raises OSError when the child cannot be started.
    """
    with ExitStack() as opened:
        sources, sinks = {}, []
        for stream in (1, 2):
            readable, writable = os.pipe()
            sources[opened.enter_context(os.fdopen(readable, "rb", buffering=0)).fileno()] = stream
            sinks.append(opened.enter_context(os.fdopen(writable, "wb", buffering=0)))
            os.set_blocking(readable, False)
        child = await anyio.open_process(
            argv, cwd=cwd, env=env, stdin=DEVNULL, stdout=sinks[0], stderr=sinks[1], start_new_session=True
        )
        for sink in sinks:
            sink.close()
        code = None
        try:
            with anyio.move_on_after(time_limit):
                await _hand_all(sources, take)
                code = await child.wait()
        finally:
            if code is None:
                await _end_group(child)
        return code if code is None or code >= 0 else 128 - code


@asynccontextmanager
async def group(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], files: tuple[IO[bytes], IO[bytes], IO[bytes]]
) -> AsyncIterator[Process]:
    """A child that goes on until the end of the block; then its whole group is ended, also without its leader.

    ``files`` become its stdin, stdout and stderr. Raises OSError when it cannot be started.
    """
    stdin, stdout, stderr = files
    child = await anyio.open_process(
        argv, cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
    )
    try:
        yield child
    finally:
        await _end_group(child)


@contextmanager
def _stdin(given: bytes) -> Iterator[IO[bytes] | int]:
    """Never on a disk: it may be a secret."""
    if not given:
        yield DEVNULL
        return
    with os.fdopen(os.memfd_create("stdin"), "w+b") as file:
        file.write(given)
        file.seek(0)
        yield file


async def _feed(child: Process, given: AsyncIterable[bytes]) -> None:
    """A child that leaves before the end says why by its exit code."""
    assert child.stdin is not None
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        async for chunk in given:
            if chunk:
                await child.stdin.send(chunk)
    with suppress(OSError):
        await child.stdin.aclose()


async def _hand(source: int, take: Callable[[bytes], Awaitable[object]]) -> None:
    while True:
        await anyio.wait_readable(source)
        chunk = os.read(source, CHUNK_BYTES)
        if not chunk:
            return
        await take(chunk)


async def _hand_all(sources: Mapping[int, int], take: Callable[[int, bytes], Awaitable[object]]) -> None:
    """From all of these descriptors, one after the other, until each has ended."""
    left = dict(sources)
    with select.epoll() as ready:
        for source in left:
            ready.register(source, select.EPOLLIN)
        while left:
            await anyio.wait_readable(ready.fileno())
            for source, _ in ready.poll(0):
                chunk = os.read(source, CHUNK_BYTES)
                if chunk:
                    await take(left[source], chunk)
                else:
                    ready.unregister(source)
                    del left[source]


async def _follow(child: Process, source: int, on_output: Callable[[bytes], None]) -> int:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_read, source, on_output)
        code = await child.wait()
        tasks.cancel_scope.deadline = anyio.current_time() + REST_SECONDS
    return code if code >= 0 else 128 - code


async def _read(source: int, on_output: Callable[[bytes], None]) -> None:
    while True:
        await anyio.wait_readable(source)
        chunk = os.read(source, CHUNK_BYTES)
        if not chunk:
            return
        on_output(chunk)


async def _end_group(child: Process) -> None:
    """Ask, wait, insist. The group is its leader's id, also when the leader has gone before the others."""
    with anyio.CancelScope(shield=True):
        _signal(child.pid, signal.SIGTERM)
        with anyio.move_on_after(GRACE_SECONDS):
            await child.wait()
            while _signal(child.pid, 0) and _lives(child.pid):  # noqa: ASYNC110  a group tells nobody when it is empty
                await anyio.sleep(0.02)
        _signal(child.pid, signal.SIGKILL)
        await child.wait()


def _lives(group: int) -> bool:
    """Whether somebody of the group still runs: the dead stay in it until whoever inherited them takes note."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, of = stat.read_bytes().rpartition(b") ")[2].split(maxsplit=3)[:3]
            if int(of) == group and state not in {b"Z", b"X"}:
                return True
    return False


def _signal(group: int, number: int) -> bool:
    """Whether there is somebody in the group."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody who changed its user
        return True
    return True
