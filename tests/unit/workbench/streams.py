"""What is sent to a workbench, and what is taken from it."""

import io
import stat
import zipfile
from collections.abc import AsyncIterator

from appx.workbench.bench import Workbench
from tests.unit.workbench.conftest import PROJECT


async def sent(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def content(bench: Workbench, path: str) -> bytes:
    async with bench.tree.open(PROJECT, path) as opened:
        return b"".join([chunk async for chunk in opened.chunks])


async def zipped(bench: Workbench, path: str = ".", *, everything: bool = False) -> zipfile.ZipFile:
    """What the workbench makes; its checksums are right."""
    parts: list[bytes] = []

    async def take(data: bytes) -> None:
        parts.append(data)

    await bench.tree.zip(PROJECT, path, take, everything=everything)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(parts)))
    assert archive.testzip() is None
    return archive


def archive(*entries: tuple[str, bytes] | zipfile.ZipInfo, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive; a ZipInfo alone has the content "x"."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as target:
        for each in entries:
            if isinstance(each, zipfile.ZipInfo):
                target.writestr(each, b"x")
            else:
                target.writestr(each[0], each[1])
    return made.getvalue()


def special(name: str, kind: int, mode: int = 0o777) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (kind | mode) << 16
    return entry


def link(name: str) -> zipfile.ZipInfo:
    return special(name, stat.S_IFLNK)
