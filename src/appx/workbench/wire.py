"""What the server and the workbench say to each other: HTTP over a unix socket, bodies in JSON.

- ``POST /run`` with a ``Command``: lines of JSON, ``{"output"}`` again and again, then ``{"result"}`` or an error
- ``POST /stream`` with a ``Command``: frames, the first byte of each is the number of its stream, then its output;
  after an empty one ``{"code"}`` or an error
- ``POST /terminals?columns&rows`` with a ``Command``: frames, the first is the name of the terminal, the others are
  what it shows; after an empty one ``{"code"}`` or an error
- ``POST /terminals/{name}`` with what is typed, ``POST /terminals/{name}/size?columns&rows``: 204, once it was taken
- ``GET /file?project&path&limit``: the bytes
- ``PUT /file?project&path``: 204
- ``PUT /projects/{id}``: ``{"directory"}``
- ``DELETE /projects/{id}``: 204
- ``POST /projects/{id}/pack``: frames (four bytes of length, then that many bytes of a tar archive); after an empty
  one ``{}`` or an error
- ``PUT /projects/{id}/unpacked?into`` with a tar archive: 204
- ``/projects/{id}/tree``, ``content``, ``moved``, ``zip``, ``unzipped``: see ``tree_service``
- ``POST /projects/{id}/mcp``: ``McpServers``
- ``POST /projects/{id}/mcp/call`` with a ``McpCall``: ``McpResult``
- ``GET /status``: ``BenchStatus``
- ``GET /alive?hold``: stays open until the workbench ends, and ends with ``IDLE`` when that had nothing to do; with
  ``hold`` it has something to do as long as this is open

Leaving ``/run``, ``/stream``, ``/terminals``, ``/call`` or one of the archives ends what runs. An error is
``{"error": NAME, "text"}``, with status 400 but in ``/run`` and behind frames.
"""

from collections.abc import AsyncIterable, Awaitable, Callable, Iterator, Mapping

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from appx.domain.errors import AppxError, Changed, Conflict, Invalid, NoSpace, NotFound, TooLarge, Unavailable
from appx.workbench.answers import Turns, senseless, too_long, understood
from appx.workbench.bench import BenchStatus, Command, CommandResult, Size, Stream
from appx.workbench.mcp.shapes import McpCall, McpResult, McpServers


class Said(TypedDict, total=False):
    """A line of ``/run``, what stands behind frames, or an error."""

    output: str
    result: CommandResult
    code: int | None
    error: str
    text: str


class Made(TypedDict):
    directory: str


SAID = TypeAdapter(Said)
MADE = TypeAdapter(Made)
COMMAND = TypeAdapter(Command)
RESULT = TypeAdapter(CommandResult)
STATUS = TypeAdapter(BenchStatus)
MCP_SERVERS = TypeAdapter(McpServers)
MCP_CALL = TypeAdapter(McpCall)
MCP_RESULT = TypeAdapter(McpResult)

OUTPUT = b'{"output"'
"""How a line of ``/run`` begins that shows one."""

IDLE = b"idle\n"
STREAMS: tuple[Stream, Stream] = ("stdout", "stderr")
"""By their numbers, from 1 on."""

MOST_FRAME = 8 << 20
MOST_TEXT = 10_000
"""Characters of an error."""

_ERRORS: dict[str, type[AppxError]] = {
    each.__name__: each for each in (Changed, Conflict, Invalid, NoSpace, NotFound, TooLarge, Unavailable)
}


def error_out(error: AppxError) -> dict[str, str]:
    return {"error": type(error).__name__, "text": str(error)}


def error_in(said: Said) -> AppxError:
    """An error of a name that we do not know is the workbench's, not the caller's."""
    if "error" not in said or "text" not in said:
        return senseless()
    return _ERRORS.get(said["error"], Unavailable)(said["text"][:MOST_TEXT])


def size_out(size: Size) -> dict[str, str]:
    return {"columns": str(size.columns), "rows": str(size.rows)}


def size_in(query: Mapping[str, str]) -> Size:
    return Size(columns=int(query["columns"]), rows=int(query["rows"]))


def frame(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


class Frames:
    """Takes frames apart again, however the bytes were cut on their way. ``last``: what came after the empty one.

    Raises Unavailable for one of more than ``MOST_FRAME`` bytes.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._ended = False

    def add(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        while not self._ended and len(self._buffer) >= 4:
            end = 4 + int.from_bytes(self._buffer[:4], "big")
            if len(self._buffer) < end:
                break
            found = bytes(self._buffer[4:end])
            del self._buffer[:end]
            self._ended = not found
            if found:
                yield found
        if len(self._buffer) > MOST_FRAME:
            raise too_long(MOST_FRAME)

    @property
    def last(self) -> bytes | None:
        return bytes(self._buffer) if self._ended else None


async def hand_over(data: AsyncIterable[bytes], take: Callable[[bytes], Awaitable[object]]) -> Said:
    """Give ``take`` what is in frames, and answer what stands behind them. Raises the error that does.

    Raises Unavailable when they break off, and for more than ``MOST_FRAME`` bytes at once.
    """
    frames = Frames()
    async for each in data:
        turns = Turns()
        for chunk in frames.add(each):
            await take(chunk)
            await turns.end()
    if frames.last is None:
        raise Unavailable("The workbench ended in the middle. Try again.")
    said = understood(SAID, frames.last)
    if "error" in said:
        raise error_in(said)
    return said
