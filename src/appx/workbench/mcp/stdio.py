"""An MCP server that is a command: messages are lines on its stdin and stdout.

The SDK has such a transport, too. This one has bounds: the SDK's keeps a line of any length, ends at a byte that is no
UTF-8, hands variables of its own process on, and leaves those of a group behind whose leader has ended.
"""

import os
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

import anyio
from anyio import to_thread
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client import Transport
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from appx.kit import process
from appx.workbench.leftovers import end_processes
from appx.workbench.mcp.content import mended
from appx.workbench.mcp.failure import Failed

MAX_MESSAGE = 8 << 20
MAX_GARBAGE = 1 << 20
"""Bytes of lines that are no messages: a few are forgiven, as many servers greet on stdout."""

CHUNK_BYTES = 1 << 18
LAST_WORDS = 1_000
"""Bytes of stderr that are told when it fails."""

PAUSE_SECONDS = 0.01
"""Between two looks at stderr: who floods it waits, not we."""

LEAVE_SECONDS = 1.0
"""How long it may go on when its stdin is closed, before it is asked to end."""

Use: TypeAlias = Callable[[Transport], Awaitable[None]]
Streams: TypeAlias = tuple[
    MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """``limits`` go before the command. ``mark`` (``NAME=value``) is in ``environment``, and nobody else has it."""

    command: str
    args: Sequence[str]
    cwd: Path
    environment: Mapping[str, str]
    limits: Sequence[str]
    mark: str


async def talk(launch: Launch, use: Use) -> None:
    """Start it, let ``use`` talk with it, end it with all that it started.

    Raises Failed when it cannot be started, when it ends before ``use`` does, and as ``use`` does; with its last words.
    """
    await to_thread.run_sync(_look, launch)
    try:
        with _pipe() as (stdin, to_it), _pipe() as (from_it, stdout), _pipe() as (words, stderr):
            argv = [*launch.limits, launch.command, *launch.args]
            theirs = (stdin, stdout, stderr)
            async with process.group(argv, cwd=launch.cwd, env=launch.environment, files=theirs) as child:
                for each in theirs:
                    each.close()
                for each in (to_it, from_it, words):
                    os.set_blocking(each.fileno(), False)
                said = _Conversation(to_it, from_it, words)
                await said.hold(use)
                to_it.close()
                with anyio.move_on_after(LEAVE_SECONDS):
                    said.code = await child.wait()
            said.hear_out()
    except OSError as error:
        raise Failed(f"It could not be started: {error.strerror}.") from error
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(end_processes, launch.mark)
    if said.trouble:
        raise Failed(said.trouble)


class _Conversation:
    """With one process. ``code``: its exit code, when it ended by itself."""

    def __init__(self, to_it: FileIO, from_it: FileIO, words: FileIO) -> None:
        self.code: int | None = None
        self._to_it, self._from_it, self._words = to_it, from_it, words
        self._ended = False
        self._failure = ""
        self._garbage = 0
        self._odd = b""
        self._last = b""

    async def hold(self, use: Use) -> None:
        """Until ``use`` returns or the process ends."""
        incoming, heard = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        outgoing, to_say = anyio.create_memory_object_stream[SessionMessage](0)
        async with incoming, heard, outgoing, to_say, anyio.create_task_group() as tasks:
            tasks.start_soon(self._hear, incoming, tasks.cancel_scope)
            tasks.start_soon(self._say, to_say)
            tasks.start_soon(self._take_words)
            try:
                await use(_Given((heard, outgoing)))
            except Failed as failure:
                self._failure = str(failure)
            tasks.cancel_scope.cancel()

    @property
    def trouble(self) -> str:
        """What went wrong, and what it said of that; empty when nothing did."""
        found = self._failure
        if self._ended and not found:
            found = "It closed its stdout." if self.code is None else f"It ended with exit code {self.code}."
        if not found:
            return ""
        odd = f" It wrote what is no message: {_shown(self._odd)}" if self._odd.strip() else ""
        last = f" Its last words: {_shown(self._last)}" if self._last.strip() else ""
        return f"{found}{odd}{last}"

    def hear_out(self) -> None:
        """What it said at its very end."""
        with suppress(OSError):
            self._last = (self._last + os.read(self._words.fileno(), CHUNK_BYTES))[-LAST_WORDS:]

    async def _hear(
        self, incoming: MemoryObjectSendStream[SessionMessage | Exception], scope: anyio.CancelScope
    ) -> None:
        buffer = bytearray()
        while not self._failure:
            await anyio.wait_readable(self._from_it)
            chunk = os.read(self._from_it.fileno(), CHUNK_BYTES)
            if not chunk:
                self._ended = True
                break
            *lines, rest = chunk.split(b"\n")
            for line in lines:
                await self._take(bytes(buffer) + line, incoming)
                buffer.clear()
            buffer += rest
            if len(buffer) > MAX_MESSAGE:
                self._failure = f"It sent a message of more than {MAX_MESSAGE:,} bytes."
        scope.cancel()

    async def _take(self, line: bytes, incoming: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
        message = _message(line)
        if message is not None:
            await incoming.send(message)
            return
        self._odd = self._odd or line[:LAST_WORDS]
        self._garbage += len(line) + 1
        if self._garbage > MAX_GARBAGE:
            self._failure = "Its stdout is not MCP."

    async def _say(self, to_say: MemoryObjectReceiveStream[SessionMessage]) -> None:
        async for each in to_say:
            left = memoryview(each.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
            while left:
                await anyio.wait_writable(self._to_it)
                try:
                    left = left[os.write(self._to_it.fileno(), left) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError:  # its end is noticed where it is listened to
                    await anyio.sleep_forever()

    async def _take_words(self) -> None:
        while True:
            await anyio.wait_readable(self._words)
            chunk = os.read(self._words.fileno(), CHUNK_BYTES)
            if not chunk:
                return
            self._last = (self._last + chunk)[-LAST_WORDS:]
            await anyio.sleep(PAUSE_SECONDS)


class _Given:
    """Streams that are there already, as the SDK wants them."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    async def __aenter__(self) -> Streams:
        return self._streams

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def _message(line: bytes) -> SessionMessage | None:
    with suppress(ValueError, RecursionError):
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    with suppress(ValueError, RecursionError):
        return SessionMessage(jsonrpc_message_adapter.validate_json(mended(line), by_name=False))
    return None


@contextmanager
def _pipe() -> Iterator[tuple[FileIO, FileIO]]:
    """The end to read from and the end to write to. asyncio's own would keep ``wait`` from returning, see ``kit``."""
    readable, writable = os.pipe()
    with FileIO(readable, "rb") as reader, FileIO(writable, "wb") as writer:
        yield reader, writer


def _look(launch: Launch) -> None:
    """Whether there is such a command and directory: ``prlimit`` would only say it in words of its own."""
    if not launch.cwd.is_dir():
        raise Failed(f"There is no directory {launch.cwd}.")
    path = launch.environment.get("PATH", "")
    if "/" in launch.command:
        found = os.access(launch.cwd / launch.command, os.X_OK)
    else:
        found = shutil.which(launch.command, path=path) is not None
    if not found:
        raise Failed(f"There is no command {launch.command!r} on the workbench. Its arguments go into args.")


def _shown(words: bytes) -> str:
    return " ".join(words.decode(errors="replace").split())
