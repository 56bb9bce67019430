"""The audit log of a server: an entry is on the disk before the change that it tells of begins."""

import logging
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import anyio

from appx.audit import rows
from appx.audit.rows import NOBODY, Deed, Entry, Outcome
from appx.domain.errors import AppxError, NoSpace, Unavailable
from appx.kit import clock
from appx.store.database import Database

logger = logging.getLogger(__name__)

WRITE_SECONDS = 1.0
"""So often outcomes and refusals are written. They wait in memory; a server that is killed loses those."""

PRUNE_SECONDS = 3_600.0
REFUSED_ROWS = 200_000
"""So many entries of refusals are kept: a flood of them pushes out older refusals, and never a change."""

ADDRESSES = 50
"""Of so many addresses refusals are counted apart in a minute; what others were refused is one entry."""

OTHERS = "others"
UNWRITTEN = 1_000
"""So many entries may wait for room on a full disk."""

LONGEST = 200


@dataclass(slots=True)
class _Waiting:
    """An entry that is to be written with the next ones."""

    deed: Deed
    done: anyio.Event = field(default_factory=anyio.Event)
    entry: int = 0
    failure: AppxError | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    minute: str
    address: str
    action: str
    status: int


class AuditLog:
    """One for the server. ``days``: how long entries are kept."""

    def __init__(self, database: Database, *, days: int, now: Callable[[], datetime] = clock.now) -> None:
        self._database = database
        self._days = days
        self._now = now
        self._waiting: list[_Waiting] = []
        self._writing = anyio.Lock()
        self._flushing = anyio.Lock()
        self._outcomes: list[Outcome] = []
        self._refused: Counter[_Kind] = Counter()
        self._counted: tuple[str, set[str]] = ("", set())
        """The minute, and the addresses that have an entry of their own in it."""
        self._late: list[Deed] = []

    async def begin(self, deed: Deed, *, makes_room: bool = False) -> int | None:
        """Write it, with all that others begin meanwhile, and answer its number. Raises NoSpace, Unavailable.

        ``makes_room``: on a full disk it may be done without: it is logged, and written as soon as there is room.
        Then the answer is None.
        """
        waiting = _Waiting(_short(deed))
        self._waiting.append(waiting)
        async with self._writing:
            if not waiting.done.is_set():
                with anyio.CancelScope(shield=True):
                    await self._write_waiting()
        failure = waiting.failure
        if failure is None:
            return waiting.entry
        if isinstance(failure, NoSpace) and makes_room and len(self._late) < UNWRITTEN:
            logger.warning("not yet in the audit log, for want of room: %s", waiting.deed)
            self._late.append(waiting.deed)
            return None
        raise _sentence(failure)

    def end(self, entry: int | None, status: int, *, project: str | None = None, session: str | None = None) -> None:
        """How it ended. It is written within ``WRITE_SECONDS``."""
        if entry is not None:
            self._outcomes.append(Outcome(entry=entry, status=status, project=project, session=session))

    async def note(self, deed: Deed) -> None:
        """Write what is done already, or at least log it."""
        try:
            entry = await self.begin(deed, makes_room=True)
        except AppxError as error:
            logger.warning("not in the audit log, because %s: %s", error, deed)
        else:
            if entry is None:
                logger.info("it is done already: %s", deed.action)

    def refuse(self, address: str, action: str, status: int) -> None:
        """Count somebody who showed something wrong."""
        minute = clock.iso(self._now().replace(second=0, microsecond=0))
        if self._counted[0] != minute:
            self._counted = (minute, set())
        apart = self._counted[1]
        if len(apart) < ADDRESSES:
            apart.add(address)
        self._refused[_Kind(minute, address if address in apart else OTHERS, action, status)] += 1

    async def page(self, *, limit: int, before: int | None, action: str | None) -> Sequence[Entry]:
        """The newest entries first, with what was done until now."""
        await self.write()
        return await self._database.read(lambda db: rows.page(db, limit=limit, before=before, action=action))

    async def run(self) -> None:
        """Write what waits, and forget what is too old. Until cancelled."""
        while True:
            await self._try(self.prune)
            with anyio.move_on_after(PRUNE_SECONDS):
                while True:
                    await anyio.sleep(WRITE_SECONDS)
                    await self._try(self.write)

    async def close(self) -> None:
        """Write what waits, as far as that can be done. No change may begin any more."""
        await self._try(self.write)

    async def prune(self) -> None:
        before = clock.iso(self._now() - timedelta(days=self._days))
        await self._database.write(lambda db: rows.prune(db, before=before, refused=REFUSED_ROWS))

    async def write(self) -> None:
        """Outcomes, refusals and what had no room: all that there are now are written when this returns.

        Raises NoSpace, Unavailable; then they wait on.
        """
        async with self._flushing:
            if self._outcomes or self._refused or self._late:
                await self._flush()

    async def _flush(self) -> None:
        outcomes, self._outcomes = self._outcomes, []
        refused, self._refused = self._refused, Counter()
        late, self._late = self._late, []

        def all_of_it(db: sqlite3.Connection) -> None:
            rows.add(db, late)
            rows.end(db, outcomes)
            for kind, count in refused.items():
                rows.count(db, _refusal(kind, count))

        written = False
        try:
            with anyio.CancelScope(shield=True):
                await self._database.write(all_of_it)
            written = True
        finally:
            if not written:
                self._outcomes, self._late = outcomes + self._outcomes, late + self._late
                self._refused.update(refused)

    async def _write_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        try:
            numbers = await self._database.write(lambda db: rows.add(db, [each.deed for each in batch]))
        except AppxError as error:
            for each in batch:
                each.failure = error
        else:
            for each, number in zip(batch, numbers, strict=True):
                each.entry = number
        for each in batch:
            each.done.set()

    async def _try(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except AppxError as error:
            logger.warning("the audit log waits: %s", error)


def _refusal(kind: _Kind, count: int) -> Deed:
    return Deed(at=kind.minute, who=NOBODY, address=kind.address, action=kind.action, status=kind.status, count=count)


def _short(deed: Deed) -> Deed:
    """What a client chose takes little room."""
    return replace(
        deed,
        path=deed.path[:LONGEST],
        project=None if deed.project is None else deed.project[:LONGEST],
        session=None if deed.session is None else deed.session[:LONGEST],
    )


def _sentence(failure: AppxError) -> AppxError:
    """A new one for each who waits."""
    kind = NoSpace if isinstance(failure, NoSpace) else Unavailable
    return kind(f"This cannot be written into the audit log, so it was not done. {failure}")
