"""The log of an app as one reader follows it: from container to container, and never more than the reader takes."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal, TypeAlias

import anyio

from appx.apps.containers import Containers
from appx.domain.apps import App
from appx.domain.errors import NotFound, Unavailable
from appx.kit import clock
from appx.podman.logs import LogLine, Splitter
from appx.podman.parse import Life
from appx.workbench.bench import Stream

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often it is looked for a container when none writes."""

BATCH_SECONDS = 0.1
HELD_BYTES = 64 << 10
"""What is held for the reader; the app's output waits for room in it."""

LINE_BYTES = 64
"""What a line costs besides its text."""

BYTES_PER_SECOND = 256 << 10
"""More than anybody reads, and what all readers of a flood together cost the server little."""

BEHIND = timedelta(seconds=5)
"""A reader that is so long behind is shown the end, and told what was left out."""

AFTER_GAP = 200
"""Lines that it is shown then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """In the order of their times."""

    lines: tuple[LogLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The container ended, or another start of it or of its successor began. ``exit_code``: None when it is gone."""

    to: Literal["ended", "started"]
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """The reader was too slow for what came between these two times."""

    after: str
    before: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing happened for a while."""


News: TypeAlias = Lines | Changed | LeftOut | Quiet
Tell: TypeAlias = Callable[[News], Awaitable[None]]


class Following:
    """One reader's. ``quiet_seconds``: how long there is no news until it is told that there is none.

    ``service``: another one than that which answers the web.
    """

    def __init__(
        self, containers: Containers, app: App, lines: int, *, quiet_seconds: float, service: str = ""
    ) -> None:
        self._containers = containers
        self._app = app
        self._service = service
        self._tail: int | None = lines
        self._quiet_seconds = quiet_seconds
        self._news: list[LogLine | Changed] = []
        self._size = 0
        self._changed = anyio.Event()
        self._reading = anyio.CancelScope()
        self._seen: Life | None = None
        self._goes_on = False
        """Whether the container was not seen to end."""
        self._last = ""
        """The time of the last line that came."""
        self._told = ""
        """The time of the last line that was told."""
        self._floor = ""
        """What is not newer was told before it was gone to the end of the log."""
        self._gap = False
        """Whether lines may be left out there."""

    async def run(self, tell: Tell) -> None:
        """Until cancelled. ``tell`` may take its time, and must not raise."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._read_all)
            await self._tell_all(tell)

    # --- what comes ---------------------------------------------------------------------------------------------------

    async def _read_all(self) -> None:
        while True:
            skipped = False
            try:
                life = await self._containers.life(self._app, self._service)
                if life is not None and self._has_more(life):
                    skipped = await self._read(life)
                elif life is None:
                    self._ended(None)
            except (Unavailable, NotFound) as error:  # podman or the workbench; both come back
                logger.debug("the log of %s is not to be had now: %s", self._app.container, error)
            if not skipped:
                await anyio.sleep(LOOK_SECONDS)

    def _has_more(self, life: Life) -> bool:
        """Whether its log is to be read, from its beginning or on. Tells what changed, too."""
        seen = self._seen
        if seen is not None and life.same(seen) and not life.runs and self._tail is None:
            self._ended(life.exit_code)
            return False
        if seen is not None and not life.same(seen):
            self._ended(None)
            self._add(Changed(to="started"))
        self._seen, self._goes_on = life, True
        return True

    def _ended(self, exit_code: int | None) -> None:
        if self._goes_on:
            self._goes_on = False
            self._add(Changed(to="ended", exit_code=exit_code))

    async def _read(self, life: Life) -> bool:
        """Until the container ends, or the reader is too far behind: whether it is that."""
        splitters: dict[Stream, Splitter] = {"stdout": Splitter("stdout"), "stderr": Splitter("stderr")}
        tail, self._tail = self._tail, None

        async def take(stream: Stream, data: bytes) -> None:
            await self._add_lines(splitters[stream].add(data))

        with anyio.CancelScope() as self._reading:
            await self._containers.follow_logs(self._app, life.id, take, lines=tail, since="" if tail else self._last)
            for each in splitters.values():
                await self._add_lines(each.end())
        return self._reading.cancelled_caught

    async def _add_lines(self, lines: Iterable[LogLine]) -> None:
        for each in lines:
            while self._size >= HELD_BYTES:  # who tells makes room
                await self._changed.wait()
            if each.time and each.time <= self._floor:
                self._gap = False  # what comes now goes on where it was
                continue
            self._last = max(each.time, self._last)
            self._size += len(each.text) + LINE_BYTES
            self._add(each)

    def _add(self, news: LogLine | Changed) -> None:
        self._news.append(news)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    # --- what is told -------------------------------------------------------------------------------------------------

    async def _tell_all(self, tell: Tell) -> None:
        busy_since = clock.now()
        while True:
            if not self._news:
                await self._wait(tell)
                busy_since = clock.now()
                continue
            await anyio.sleep(BATCH_SECONDS)
            news, size = self._news, self._size
            self._news, self._size = [], 0
            self._wake()
            for each in _batches(news):
                await self._tell(each, tell)
            await anyio.sleep(size / BYTES_PER_SECOND)
            if clock.now() - busy_since > BEHIND and self._age() > BEHIND:
                self._skip()
                busy_since = clock.now()

    async def _wait(self, tell: Tell) -> None:
        with anyio.move_on_after(self._quiet_seconds) as patience:
            await self._changed.wait()
        if patience.cancelled_caught:
            await tell(Quiet())

    async def _tell(self, news: Lines | Changed, tell: Tell) -> None:
        if isinstance(news, Lines):
            if self._gap:
                self._gap = False
                await tell(LeftOut(after=self._floor, before=news.lines[0].time))
            self._told = max(self._told, news.lines[-1].time)
        await tell(news)

    def _age(self) -> timedelta:
        """Of what was told last."""
        return clock.now() - datetime.fromisoformat(self._told) if self._told else timedelta()

    def _skip(self) -> None:
        """Go on with the end of the log."""
        self._news = [each for each in self._news if isinstance(each, Changed)]
        self._size = 0
        self._tail, self._gap, self._floor = AFTER_GAP, True, self._told
        self._reading.cancel()
        self._wake()


def _batches(news: Iterable[LogLine | Changed]) -> Iterator[Lines | Changed]:
    """The two streams come one after the other: what was written together is put in order."""
    for changed, some in groupby(news, key=lambda each: isinstance(each, Changed)):
        if changed:
            yield from (each for each in some if isinstance(each, Changed))
        else:
            lines = [each for each in some if isinstance(each, LogLine)]
            yield Lines(lines=tuple(sorted(lines, key=lambda each: each.time)))
