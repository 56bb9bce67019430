"""What a provider may hold of ours: so much memory, and a connection only while it is read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import anyio
import anyio.lowlevel
import httpx2
from typing_extensions import override

from appx.models.model import ModelFailed
from appx.models.whole_events import TooMuch, WholeEvents

MAX_ANSWER = 256 * 1024 * 1024
"""Bytes. A reply of 128,000 tokens is about 40 MiB: each token comes in an event of its own."""

MAX_ERROR = 1024 * 1024
"""Bytes of an answer that is no stream of events: it is held as a whole."""


NOT_PACKED = "identity"
UNPACKED = {"Accept-Encoding": NOT_PACKED}
"""What each request says: bounds count what comes, not what it unpacks to."""

MAX_NAME = 40


@dataclass(frozen=True, slots=True)
class Bounded(httpx2.AsyncByteStream):
    """Gives what ``inner`` gives, event by event when ``events``; raises ModelFailed when that is more than ``most``,
    or too much for one event.
    """

    inner: httpx2.AsyncByteStream
    most: int
    events: bool

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken = 0
        held = WholeEvents()
        async for chunk in self.inner:
            taken += len(chunk)
            try:
                given = held.add(chunk) if self.events else chunk
            except TooMuch:
                given = None
            if given is None or taken > self.most:
                raise ModelFailed(f"The provider's answer has no end: it was given up after {taken:,} bytes.")
            if given:
                yield given
            await anyio.lowlevel.checkpoint()  # thousands of bytes may have come at once, each as a chunk
        if held.rest():
            yield held.rest()

    @override
    async def aclose(self) -> None:
        await self.inner.aclose()


@dataclass(frozen=True, slots=True)
class Refused(httpx2.AsyncByteStream):
    """Raises ModelFailed instead of giving what is ``packed``. Not before it is read: OpenAI's library would take that
    for a connection that broke.
    """

    inner: httpx2.AsyncByteStream
    packed: str

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        raise ModelFailed(
            f"The provider's answer is packed ({self.packed[:MAX_NAME]!a}), which was not asked for. "
            "Let it answer without a Content-Encoding."
        )
        yield b""

    @override
    async def aclose(self) -> None:
        await self.inner.aclose()


_answers: ContextVar[list[httpx2.Response]] = ContextVar("answers")


@asynccontextmanager
async def closing_answers() -> AsyncIterator[None]:
    """Closes the connections of all that was answered inside. Google's library leaves that to the garbage collector
    when its stream is not read to the end.
    """
    answers: list[httpx2.Response] = []
    token = _answers.set(answers)
    try:
        yield
    finally:
        _answers.reset(token)
        with anyio.CancelScope(shield=True):
            for answer in answers:
                await answer.aclose()


async def bound(response: httpx2.Response) -> None:
    """For every response, before it is read. The libraries read each that is a success as a stream of events."""
    _answers.get([]).append(response)
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    packed = _packing(response)
    if packed:
        response.stream = Refused(response.stream, packed)
        return
    streams = response.is_success and response.headers.get("content-type", "").startswith("text/event-stream")
    most = MAX_ANSWER if streams else MAX_ERROR
    response.stream = Bounded(response.stream, most, events=response.is_success)


def _packing(response: httpx2.Response) -> str:
    """How it is packed, or nothing. What it unpacks to has no bound."""
    named = response.headers.get("content-encoding", "").strip().lower()
    return "" if named == NOT_PACKED else named
