"""Server-sent events: the log of a session, followed over HTTP."""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence

import anyio

from appx.domain.errors import AppxError
from appx.domain.ids import CallId
from appx.http import wire
from appx.http.once import Once, encode
from appx.http.story import Story
from appx.http.wire import Json
from appx.sessions.log import SessionLog

HEARTBEAT_SECONDS = 15.0
FRAME_SECONDS = 0.033
PIECE_BYTES = 64 << 10
BYTES_PER_SECOND = 8 << 20
"""A reader of the live reply looks at it again after ``FRAME_SECONDS``, or after the time that what it was sent takes
at this rate. So deltas merge, and a reply whose every snapshot is long costs no more in a second than a short one.
"""


async def frames(
    log: SessionLog, *, after: int | None, lean: bool, readers: Counter[str], once: Once
) -> AsyncIterator[bytes]:
    """The stream of one reader, until it leaves, the session is deleted or the server stops.

    ``after`` is the number of the last record that the reader knows; None means all there are now. What the reader
    is owed is looked up when it comes for more: one that is slow gets it merged and holds nothing here. ``once`` is the
    session's, for all its readers.
    """
    session = log.row.id
    readers[session] += 1
    log.readers += 1
    try:
        yield b"data: connected to %s\n\n" % session.encode()
        story = Story(lean=lean, once=once)
        place = len(log.records) if after is None else min(after, len(log.records))
        story.skip_all(log.records[:place])
        live = Live(log, story)
        while not log.over:
            if place < len(log.records):
                record = log.records[place]
                place += 1
                for piece in pieces(story.tell(record), record.seq):
                    yield piece
            elif news := live.news():
                sent = 0
                for piece in pieces(news):
                    yield piece
                    sent += len(piece)
                await anyio.sleep(max(FRAME_SECONDS, sent / BYTES_PER_SECOND))
            elif not await _changed(log):
                yield b": heartbeat\n\n"
    finally:
        log.readers -= 1
        readers[session] -= 1
        readers += Counter()


class Live:
    """What a reader was shown of things that are not facts yet."""

    def __init__(self, log: SessionLog, story: Story) -> None:
        self._log = log
        self._story = story
        self._draft = (0, 0)
        self._tails: dict[str, str] = {}
        self._trouble: AppxError | None = None

    def news(self) -> list[Json]:
        """The wire events of all that is new since the last call."""
        told: list[Json] = []
        draft = self._log.draft
        if draft is not None and self._draft != (draft.number, draft.version):
            self._draft = (draft.number, draft.version)
            told += self._story.progress(draft)
        for call, tail in self._log.tails.items():
            if self._tails.get(call) is not tail:
                told += self._story.tool_progress(CallId(call), tail)
        self._tails = dict(self._log.tails)
        if self._log.trouble is not self._trouble:
            self._trouble = self._log.trouble
            told += [wire.notice(str(self._trouble))] if self._trouble else []
        return told


def pieces(events: Sequence[Json], seq: int | None = None) -> Iterator[bytes]:
    """One ``data:`` line for each event, in pieces of about ``PIECE_BYTES``, so that a slow reader holds little.

    The id goes with the last line: only then has the reader all of that record.
    """
    piece = b"" if events or seq is None else b": seq %d\n\n" % seq
    for number, event in enumerate(events, start=1):
        if seq is not None and number == len(events):
            piece += b"id: %d\n" % seq
        piece += b"data: " + encode(event) + b"\n\n"
        if len(piece) >= PIECE_BYTES:
            yield piece
            piece = b""
    if piece:
        yield piece


async def _changed(log: SessionLog) -> bool:
    with anyio.move_on_after(HEARTBEAT_SECONDS):
        await log.changed()
        return True
    return False
