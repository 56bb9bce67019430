"""Writes a backup, a part at a time, and remembers what it wrote for the manifest."""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import IO, TypeAlias

from anyio import to_thread

from appx.backup import format as form
from appx.backup.format import Entry, Manifest
from appx.domain.ids import ProjectId

Sink: TypeAlias = Callable[[bytes], Awaitable[object]]
"""Takes the next bytes of the archive."""

AROUND = 128
"""Bytes that an entry of the manifest has besides its name. Only a large database has some more: see ``SPARE``."""

SPARE = 1 << 20
"""Bytes that the manifest has less than it may have."""


class Writer:
    def __init__(self, sink: Sink, *, made: datetime) -> None:
        self._sink = sink
        self._made = made
        self._entries: list[Entry] = []
        self._listed = 0
        """Bytes of the manifest, about."""

    @property
    def full(self) -> bool:
        """Whether the manifest has no room for another part: with one that is too long nothing could be restored."""
        return self._listed + SPARE >= form.MAX_SMALL

    async def add(self, name: str, data: bytes) -> None:
        self._note(Entry(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest()))
        await self._put(form.header(name, len(data), self._made) + data + form.padding(len(data)))

    async def add_file(self, name: str, file: IO[bytes], size: int) -> None:
        """A file of which the size is known, and which does not change."""
        seen = hashlib.sha256()
        await self._put(form.header(name, size, self._made))
        while chunk := await to_thread.run_sync(file.read, form.PART_BYTES):
            seen.update(chunk)
            await self._put(chunk)
        await self._put(form.padding(size))
        self._note(Entry(name=name, size=size, sha256=seen.hexdigest()))

    def _note(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._listed += len(entry.name) + AROUND

    async def end(self) -> None:
        files = tuple(self._entries)
        await self.add(form.MANIFEST, Manifest(files=files).model_dump_json(indent=1).encode())
        await self._put(form.END)

    async def _put(self, data: bytes) -> None:
        if data:
            await self._sink(await to_thread.run_sync(form.packed, data))


class Parts:
    """A project's archive, cut into parts of ``PART_BYTES``. ``add`` what comes, then ``end``.

    ``full``: there was more than the backup takes, and it was left out; the words say what to do.
    """

    def __init__(self, writer: Writer, project: ProjectId) -> None:
        self.full = ""
        self._writer = writer
        self._project = project
        self._buffer = bytearray()
        self._number = 0

    @property
    def empty(self) -> bool:
        """Whether nothing was added."""
        return not (self._number or self._buffer)

    async def add(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= form.PART_BYTES:
            await self._write(form.PART_BYTES)

    async def end(self) -> None:
        if self._buffer:
            await self._write(len(self._buffer))

    async def _write(self, size: int) -> None:
        if not self.full:
            self.full = self._no_room()
        if self.full:
            self._buffer.clear()
            return
        self._number += 1
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        await self._writer.add(form.part(self._project, self._number), data)

    def _no_room(self) -> str:
        if self._number == form.MOST_PARTS:
            size = form.MOST_PARTS * form.PART_BYTES >> 30
            return f"It has more than {size} GiB. Remove large files from it, or copy its directory in another way."
        if self._writer.full:
            return "A backup of so many parts has no room for the rest. Leave large projects out, and copy them apart."
        return ""
