"""What a workbench answers, read with distrust.

The agent's commands have the uid of the workbench: they can end it and answer in its place. So whatever comes takes a
bounded part of the server's memory and time, and what makes no sense is an ``Unavailable`` like silence.
"""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio
import httpx2
from pydantic import TypeAdapter

from appx.domain.errors import Unavailable
from appx.kit.json_values import check_values

T = TypeVar("T")

MOST_BYTES = 32 << 20
"""Of an answer in JSON. The longest that is meant is a listing of 10,000 names."""

SILENCE_SECONDS = 600.0
"""Until an answer in JSON is there, and between two parts of a longer one."""

AT_ONCE, WORK_SECONDS = 50, 0.005
"""Parts of an answer, and the time of this thread that they take, before others have their turn."""

MOST_REST_SECONDS = 0.05
"""The time of this thread is also that of others, when the work waits."""

PERHAPS = "A command of the project may have taken its place."


class Answer:
    """The answer to one request. Its body is read once, in one of these ways, and never unpacked."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response

    def head(self, name: str, kind: TypeAdapter[T]) -> T:
        return understood(kind, self._response.headers.get(name, ""))

    async def read(self, kind: TypeAdapter[T], most: int | None = None) -> T:
        return understood(kind, await self.whole(most or MOST_BYTES))

    async def whole(self, most: int) -> bytes:
        found = bytearray()
        async for each in self.parts():
            found += each
            if len(found) > most:
                raise too_long(most)
        return bytes(found)

    async def lines(self, most: int) -> AsyncIterator[bytes]:
        """Without their ends, each of at most ``most`` bytes."""
        rest = bytearray()
        async for each in self.parts():
            *ends, begun = each.split(b"\n")
            for end in ends:
                yield bytes(rest + end)
                rest.clear()
            rest += begun
            if len(rest) > most:
                raise too_long(most)
        if rest:
            yield bytes(rest)

    async def parts(self) -> AsyncIterator[bytes]:
        turns = Turns()
        async for each in self._response.aiter_raw():
            yield each
            await turns.end()


class Turns:
    """Of one task among many: when it has worked for a while, it rests as long, and the others work.

    Who reads what is there already never waits: a false workbench sends a byte at a time.
    """

    def __init__(self) -> None:
        self._begin()

    async def end(self) -> None:
        """A piece of work was done."""
        self._done += 1
        took = time.thread_time() - self._since
        if self._done >= AT_ONCE or took >= WORK_SECONDS:
            await anyio.sleep(min(took, MOST_REST_SECONDS))
            self._begin()

    def _begin(self) -> None:
        self._done, self._since = 0, time.thread_time()


def understood(kind: TypeAdapter[T], said: str | bytes) -> T:
    """What JSON says. Raises Unavailable for anything else, without repeating it."""
    try:
        check_values(said)
        return kind.validate_json(said)
    except ValueError:
        raise senseless() from None


def senseless() -> Unavailable:
    return Unavailable(f"The workbench answered what makes no sense. {PERHAPS}")


def too_long(most: int) -> Unavailable:
    return Unavailable(f"The workbench answered more than {most:,} bytes at once. {PERHAPS}")


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises Unavailable when it takes longer."""
    with anyio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise Unavailable(f"The workbench was not done within {seconds:g} s.")
