"""Server-sent events: the log of a session, followed over HTTP."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable

import anyio

from appx.domain.ids import CallId
from appx.http.story import Story
from appx.http.wire import Json
from appx.sessions.log import SessionLog

HEARTBEAT_SECONDS = 15.0
FRAME_SECONDS = 0.033
"""At most one look at the live reply in this time, so that deltas merge and a long reply costs linearly."""


async def frames(log: SessionLog, *, after: int | None, lean: bool, readers: Counter[str]) -> AsyncIterator[bytes]:
    """The stream of one reader, until it leaves, the session is deleted or the server stops.

    ``after`` is the number of the last record that the reader knows; None means all there are now. What the reader
    is owed is looked up when it comes for more: one that is slow gets it merged and holds nothing here.
    """
    session = log.row.id
    readers[session] += 1
    try:
        yield b"data: connected to %s\n\n" % session.encode()
        story = Story(lean=lean)
        place = len(log.records) if after is None else min(after, len(log.records))
        for record in log.records[:place]:
            story.skip(record)
        live = Live(log, story)
        while not log.over:
            if place < len(log.records):
                record = log.records[place]
                place += 1
                yield frame(story.tell(record), record.seq)
            elif news := live.news():
                yield frame(news)
                await anyio.sleep(FRAME_SECONDS)
            elif not await _changed(log):
                yield b": heartbeat\n\n"
    finally:
        readers[session] -= 1
        readers += Counter()


class Live:
    """What a reader was shown of things that are not facts yet."""

    def __init__(self, log: SessionLog, story: Story) -> None:
        self._log = log
        self._story = story
        self._draft = (0, 0)
        self._tails: dict[str, str] = {}

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
        return told


def frame(events: Iterable[Json], seq: int | None = None) -> bytes:
    """One ``data:`` line for each event. The id goes with the last: only then has the reader all of that record."""
    lines = [b"data: " + json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() for event in events]
    if seq is not None:
        if not lines:
            return b": seq %d\n\n" % seq
        lines[-1] = b"id: %d\n" % seq + lines[-1]
    return b"".join(line + b"\n\n" for line in lines)


async def _changed(log: SessionLog) -> bool:
    with anyio.move_on_after(HEARTBEAT_SECONDS):
        await log.changed()
        return True
    return False
