"""What a workbench answers, read with distrust.

The agent's commands have the uid of the workbench: they can end it and answer in its place. So whatever comes takes a
bounded part of the server's memory and time, and what makes no sense is an ``Unavailable`` like silence.
"""

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

PERHAPS = "A command of the project may have taken its place."


class Answer:
    """The answer to one request. Its body is read once, in one of these ways, and never unpacked."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response

    def head(self, name: str, kind: TypeAdapter[T]) -> T:
        return understood(kind, self._response.headers.get(name, ""))

    async def read(self, kind: TypeAdapter[T]) -> T:
        return understood(kind, await self.whole(MOST_BYTES))

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

    def parts(self) -> AsyncIterator[bytes]:
        return self._response.aiter_raw()


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
