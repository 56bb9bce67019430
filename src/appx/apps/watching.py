"""What happens to the apps of a project, as one reader follows it: containers and deployments in one order."""

import itertools
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias

import anyio

from appx.apps import rows
from appx.domain.apps import Rollout
from appx.domain.errors import NotFound, Unavailable
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.podman import events as lines
from appx.podman.events import KILLED, AppEvent, Splitter, event_in
from appx.store.database import Database
from appx.workbench.bench import Command, Stream, Workbench

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often it is looked for deployments, and for podman when it does not answer."""

BATCH_SECONDS = 0.2
"""What comes within it is put in order: a deployment is seen a little later than its containers."""

HELD, PER_SECOND = 200, 200
"""Events that are held for a reader, and that one gets in a second: what podman says waits."""

AT_ONCE, REST_SECONDS = 50, 0.01
"""Lines of podman's that are read before others have their turn: a false podman says as many as it likes."""

FOLLOW_SECONDS = 24 * 3600.0
INSPECT_SECONDS = 10.0
LOOKED_AT = 20
"""Of the newest deployments."""

NANO = 10**9
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """One began, or ended: ``rollout`` is as it was then, without its ``tail`` and ``steps``."""

    at: int
    rollout: Rollout


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing happened for a while."""


News: TypeAlias = AppEvent | Deployed | Quiet
Tell: TypeAlias = Callable[[News], Awaitable[None]]


class Watching:
    """One reader's. ``after``: nanoseconds since 1970, what is not newer is not told; None: only what is to come.

    podman forgets what was before a start of the builder container.
    """

    def __init__(
        self, workbench: Workbench, database: Database, project: ProjectId, after: int | None, *, quiet_seconds: float
    ) -> None:
        self._workbench = workbench
        self._database = database
        self._project = project
        self._floor = nanoseconds(clock.now()) if after is None else after
        self._last = self._floor
        self._quiet_seconds = quiet_seconds
        self._held: list[AppEvent] = []
        self._changed = anyio.Event()
        self._told: set[tuple[int, str]] = set()
        """Numbers of deployments, and which of their states was told."""

    async def run(self, tell: Tell) -> None:
        """Until cancelled. ``tell`` may take its time, and must not raise."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._read_all)
            await self._tell_all(tell)

    async def _read_all(self) -> None:
        while True:
            splitter, numbers = Splitter(), itertools.count(1)

            async def take(
                stream: Stream, data: bytes, splitter: Splitter = splitter, numbers: Iterator[int] = numbers
            ) -> None:
                for line in splitter.add(data) if stream == "stdout" else ():
                    await self._add(event_in(line))
                    if next(numbers) % AT_ONCE == 0:
                        await anyio.sleep(REST_SECONDS)

            line = lines.follow_events(self._project, self._last // NANO)
            try:
                await self._workbench.stream(Command(line=line, project=self._project, time_limit=FOLLOW_SECONDS), take)
            except (Unavailable, NotFound) as error:  # podman or the workbench; both come back
                logger.debug("what happens to the apps of %s is not to be had now: %s", self._project, error)
            await anyio.sleep(LOOK_SECONDS)

    async def _add(self, event: AppEvent | None) -> None:
        if event is None or event.at <= self._last:
            return
        while len(self._held) >= HELD:  # who tells makes room
            await self._changed.wait()
        self._last = event.at
        self._held.append(await self._explained(event))
        self._wake()

    async def _explained(self, event: AppEvent) -> AppEvent:
        if event.exit_code != KILLED:
            return event
        line = lines.ran_out_of_memory(event.id)
        try:
            done = await self._workbench.run(
                Command(line=line, project=self._project, time_limit=INSPECT_SECONDS, keep_bytes=1_000)
            )
        except (Unavailable, NotFound):
            return event
        return replace(event, out_of_memory=done.code == 0 and done.output.strip() == "true")

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def _tell_all(self, tell: Tell) -> None:
        quiet_since = anyio.current_time()
        while True:
            with anyio.move_on_after(LOOK_SECONDS):
                if not self._held:
                    await self._changed.wait()
            await anyio.sleep(BATCH_SECONDS)
            events, self._held = self._held, []
            self._wake()
            news: list[AppEvent | Deployed] = [*events, *await self._deployments()]
            for each in sorted(news, key=lambda each: each.at):
                await tell(each)
            if news:
                quiet_since = anyio.current_time()
                await anyio.sleep(len(news) / PER_SECOND)
            elif anyio.current_time() - quiet_since >= self._quiet_seconds:
                await tell(Quiet())
                quiet_since = anyio.current_time()

    async def _deployments(self) -> list[Deployed]:
        """That began or ended since it was looked last."""
        found = await self._database.read(lambda db: rows.rollouts_in_short(db, self._project, LOOKED_AT))
        known = {each.number for each in found}
        self._told = {(number, status) for number, status in self._told if number in known}
        return [each for rollout in found for each in self._new(rollout)]

    def _new(self, rollout: Rollout) -> Iterator[Deployed]:
        begun = replace(rollout, status="running", ended_at=None, reason="")
        states = [(begun, rollout.started_at)]
        if rollout.ended_at is not None:
            states.append((rollout, rollout.ended_at))
        for state, time in states:
            key = (state.number, state.status)
            if key not in self._told and nanoseconds(time) > self._floor:
                self._told.add(key)
                yield Deployed(at=nanoseconds(time), rollout=state)


def nanoseconds(time: datetime) -> int:
    """Since 1970, exactly: a float has too few digits."""
    since = time - EPOCH
    return (since.days * 86_400 + since.seconds) * NANO + since.microseconds * 1_000


def as_time(at: int) -> str:
    """ISO, with microseconds. Of what an account could write, the time may be none: then 1970."""
    try:
        return datetime.fromtimestamp(at // NANO, UTC).replace(microsecond=at % NANO // 1_000).isoformat()
    except (ValueError, OverflowError, OSError):
        return EPOCH.isoformat()
