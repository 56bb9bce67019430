"""What a provider may hold of ours: so much memory, and a connection only while it is read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import anyio
import httpx2
from typing_extensions import override

from appx.models.model import ModelFailed

MAX_ANSWER = 256 * 1024 * 1024
"""Bytes. A reply of 128,000 tokens is about 40 MiB: each token comes in an event of its own."""

MAX_LINE = 16 * 1024 * 1024
"""Bytes. A line is held until its end has come."""

MAX_ERROR = 1024 * 1024
"""Bytes of an answer that is no stream of events: it is held as a whole."""


@dataclass(frozen=True, slots=True)
class Bounded(httpx2.AsyncByteStream):
    """Gives what ``inner`` gives; raises ModelFailed when that is more than ``most``, or one line is too long."""

    inner: httpx2.AsyncByteStream
    most: int

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken = line = 0
        async for chunk in self.inner:
            taken += len(chunk)
            end = chunk.rfind(b"\n")
            line = line + len(chunk) if end < 0 else len(chunk) - end - 1
            if taken > self.most or line > MAX_LINE:
                raise ModelFailed(f"The provider's answer has no end: it was given up after {taken:,} bytes.")
            yield chunk

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
    """For every response, before it is read."""
    _answers.get([]).append(response)
    streams = response.is_success and response.headers.get("content-type", "").startswith("text/event-stream")
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = Bounded(response.stream, MAX_ANSWER if streams else MAX_ERROR)
