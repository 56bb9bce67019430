"""While a provider's answer comes in, others get their turn."""

from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import httpx2
import pytest
from typing_extensions import override

from appx.models.bounds import Bounded

pytestmark = pytest.mark.anyio

CHUNKS = 500


class AtOnce(httpx2.AsyncByteStream):
    """Chunks of one byte that came together: a server may send 10,000 in 64 KiB."""

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(CHUNKS):
            yield b"x"


@pytest.mark.parametrize("events", [False, True])
async def test_chunks_that_came_at_once_are_not_read_at_once(*, events: bool) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(others)
        read = b"".join([chunk async for chunk in Bounded(AtOnce(), 10_000, events)])
        tasks.cancel_scope.cancel()
    assert read == b"x" * CHUNKS
    assert turns >= CHUNKS - 1
