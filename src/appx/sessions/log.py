"""The log of one session: stored first, shown afterwards."""

import sqlite3
from collections.abc import Callable

import anyio

from appx.domain.errors import AppxError, NotFound, Unavailable
from appx.domain.events import Event, Record
from appx.domain.ids import Seq
from appx.domain.limits import Spent
from appx.domain.messages import Block, ModelRef, Usage
from appx.kit import clock
from appx.sessions import ledger, rows
from appx.sessions.draft import Draft
from appx.sessions.row import SessionRow, after
from appx.store.database import Database


class SessionLog:
    """The records, the reply that is coming in, the tails of running tools; and who waits for a change.

    Readers keep a place of their own (a number of records, a version of the draft) and come back for more. So a slow
    reader holds no memory here and delays nobody; it finds merged what it missed.
    """

    def __init__(self, *, database: Database, row: SessionRow, records: list[Record]) -> None:
        self.row = row
        self.records = records
        self.draft: Draft | None = None
        self.tails: dict[str, str] = {}
        """Output so far of each running call, by call id."""
        self.unpaid = Usage()
        """What the provider counted of the reply that is coming in, until a fact says it."""
        self.readers = 0
        self.used_at = anyio.current_time()
        """When somebody last asked for the session or something was added."""
        self.deleted = False
        self.over = False
        """No more will come: the session was deleted or put away, or the server stops. Readers leave."""
        self.trouble: AppxError | None = None
        """Why the end of a turn is not stored yet; None when nothing waits."""
        self._database = database
        self._away = False
        self._drafts = 0
        self._saved_version = 0
        self._appending = anyio.Lock()
        self._changed = anyio.Event()

    @property
    def events(self) -> list[Event]:
        return [record.event for record in self.records]

    async def append(self, *events: Event) -> None:
        """Store ``events``, all or none, then show them. Once begun, this ends, also when the caller is cancelled.

        Raises NoSpace or Unavailable; the log is then as before.
        """
        await self.append_if(lambda: events)

    async def append_if(self, decide: Callable[[], tuple[Event, ...]]) -> tuple[Event, ...]:
        """Append what ``decide`` answers when its turn has come: nothing can be added between its look and this."""
        async with self._appending:
            if self.deleted:
                raise NotFound("session not found: it was deleted")
            if self._away:
                raise Unavailable("The session was put away at this very moment. Send this again.")
            events = decide()
            if events:
                with anyio.CancelScope(shield=True):
                    await self._store(events)
            return events

    async def _store(self, events: tuple[Event, ...]) -> None:
        at, first = clock.now(), len(self.records) + 1
        new = [Record(seq=Seq(first + place), at=at, event=event) for place, event in enumerate(events)]
        row = after(self.row, events)

        def work(db: sqlite3.Connection) -> None:
            rows.append(db, row, new)
            ledger.add(db, row, new)

        await self._database.write(work)
        self.row = row
        self.records += new
        self.trouble = None
        self.used_at = anyio.current_time()
        if any(ledger.paid(event) for event in events):
            self.unpaid = Usage()
        if any(rows.ends_draft(event) for event in events):
            self.draft = None
            self.tails.clear()
        self.touch()

    async def spent(self) -> tuple[Spent, Spent]:
        """By this session, and by all of them today."""
        session, today = ledger.Part(session=self.row.id), ledger.today()
        return await self._database.read(lambda db: (ledger.spent(db, session), ledger.spent(db, today)))

    def begin_draft(self, model: ModelRef) -> Draft:
        """A reply is awaited from ``model``."""
        self._drafts += 1
        self._saved_version = 0
        self.draft = Draft(number=self._drafts, model=model, at=clock.now())
        self.touch()
        return self.draft

    @property
    def unsaved(self) -> bool:
        """Whether there is more text than is stored."""
        return self.draft is not None and self.draft.version != self._saved_version

    async def save_draft(self) -> None:
        """Put the text so far on the disk, so that a crash loses only what came after."""
        draft = self.draft
        if draft is None or draft.version == self._saved_version:
            return
        model, blocks, version = draft.model, draft.words(), draft.version
        async with self._appending:
            if draft is self.draft and not self.deleted:
                await self._database.write(lambda db: rows.save_draft(db, self.row.id, model, blocks))
                self._saved_version = version

    async def close(self) -> None:
        """Take no more facts, since the session is deleted, and let the readers go."""
        async with self._appending:
            self.deleted = self.over = True
        self.touch()

    def idle(self, seconds: float) -> bool:
        """Whether nothing runs, nobody reads, and nobody asked for ``seconds``."""
        return self.row.turn is None and not self.readers and anyio.current_time() - self.used_at >= seconds

    async def put_away(self, seconds: float) -> bool:
        """Take no more facts, since this object is to be forgotten; False when it is not idle after all."""
        async with self._appending:
            if not self.idle(seconds):
                return False
            self._away = self.over = True
        self.touch()
        return True

    def touch(self) -> None:
        """Wake everybody who waits for a change."""
        self._changed.set()
        self._changed = anyio.Event()

    async def changed(self) -> None:
        """Return when something changed after this call."""
        await self._changed.wait()

    async def seen_before_crash(self) -> tuple[ModelRef, tuple[Block, ...]] | None:
        """The text that people had seen of a reply when the last server ended."""
        return await self._database.read(lambda db: rows.draft(db, self.row.id))
