"""What the server and the workbench say to each other: HTTP over a unix socket, bodies in JSON.

- ``POST /run`` with a ``Command``: lines of JSON, ``{"output"}`` again and again, then ``{"result"}`` or an error
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
- ``GET /alive``: stays open until the workbench ends

Leaving ``/run``, ``/call`` or one of the archives ends what runs. An error is ``{"error": NAME, "text"}``, with status
400 but in ``/run`` and ``/pack``.
"""

import json
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator

from pydantic import TypeAdapter

from appx.domain.errors import AppxError, Changed, Conflict, Invalid, NoSpace, NotFound, TooLarge, Unavailable
from appx.workbench.bench import BenchStatus, Command, CommandResult
from appx.workbench.mcp.shapes import McpCall, McpResult, McpServers

COMMAND = TypeAdapter(Command)
RESULT = TypeAdapter(CommandResult)
STATUS = TypeAdapter(BenchStatus)
MCP_SERVERS = TypeAdapter(McpServers)
MCP_CALL = TypeAdapter(McpCall)
MCP_RESULT = TypeAdapter(McpResult)

_ERRORS: dict[str, type[AppxError]] = {
    each.__name__: each for each in (Changed, Conflict, Invalid, NoSpace, NotFound, TooLarge, Unavailable)
}


def error_out(error: AppxError) -> dict[str, str]:
    return {"error": type(error).__name__, "text": str(error)}


def error_in(found: dict[str, str]) -> AppxError:
    """An error of a name that we do not know is the workbench's, not the caller's."""
    return _ERRORS.get(found["error"], Unavailable)(found["text"])


def frame(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


class Frames:
    """Takes frames apart again, however the bytes were cut on their way. ``last``: what came after the empty one."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._ended = False

    def add(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        while not self._ended and len(self._buffer) >= 4:
            end = 4 + int.from_bytes(self._buffer[:4], "big")
            if len(self._buffer) < end:
                return
            found = bytes(self._buffer[4:end])
            del self._buffer[:end]
            self._ended = not found
            if found:
                yield found

    @property
    def last(self) -> bytes | None:
        return bytes(self._buffer) if self._ended else None


async def hand_over(data: AsyncIterable[bytes], take: Callable[[bytes], Awaitable[object]]) -> None:
    """Give ``take`` what is in frames. Raises the error that stands behind them, Unavailable when they break off."""
    frames = Frames()
    async for each in data:
        for chunk in frames.add(each):
            await take(chunk)
    found = {"error": "Unavailable", "text": "The workbench ended while it packed."}
    if frames.last is not None:
        found = json.loads(frames.last)
    if found:
        raise error_in(found)
