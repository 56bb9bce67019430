"""Of a session that a crash cut off only the last turn is read, and that is enough."""

import sqlite3
from contextlib import closing
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from appx.domain.conversation import messages
from appx.domain.events import (
    Compacted,
    CompactionFailed,
    CompactionStarted,
    Event,
    ModelReplied,
    Record,
    ToolStarted,
    TurnEnded,
    TurnStarted,
)
from appx.domain.ids import CallId, ProjectId, Seq, SessionId, TurnId
from appx.domain.messages import Reply, Text, ToolCall, UserMessage
from appx.kit import clock
from appx.projects import rows as projects
from appx.projects.rows import Project
from appx.sessions import rows
from appx.sessions.closing import open_turn
from appx.sessions.interrupting import end_turn, interrupted
from appx.sessions.row import SessionRow, after
from appx.store.schema import MIGRATIONS
from tests.fakes.logs import AT, REF, logs

SHOP = ProjectId("shop")
NEW = SessionRow(id=SessionId("s"), project=SHOP, created_at=AT)
SEEN = (replace(REF, id="other"), (Text(text="as far as it came"),))


def stored(events: list[Event]) -> sqlite3.Connection:
    """A database with one session of this log."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.row_factory = sqlite3.Row
    for script in MIGRATIONS:
        db.executescript(script)
    projects.insert(db, Project(id=SHOP, name="Shop", created_at=clock.now(), directory="/", deployment=None))
    assert rows.insert(db, NEW)
    log = [Record(seq=Seq(number), at=AT, event=event) for number, event in enumerate(events, start=1)]
    rows.append(db, after(NEW, events), log)
    return db


def log(db: sqlite3.Connection) -> list[Event]:
    return [record.event for record in list(rows.backwards(db, NEW.id))[::-1]]


def spoil(db: sqlite3.Connection, seq: int) -> None:
    db.execute("UPDATE records SET event = 'x' WHERE seq = ?", (seq,))


@given(events=logs(), seen=st.booleans(), data=st.data())
def test_the_last_turn_tells_as_much_as_the_whole_log(*, events: list[Event], seen: bool, data: st.DataObject) -> None:
    cut = events[: data.draw(st.integers(1, len(events)))]
    turn = open_turn(cut)
    with closing(stored(cut)) as db:
        if seen:
            rows.save_draft(db, NEW.id, *SEEN)
        assert end_turn(db, after(NEW, cut)) is (turn is not None)
        whole = [*cut, *interrupted(cut, SEEN if seen else None)]
        assert log(db) == whole
        assert rows.find(db, SHOP, NEW.id) == after(NEW, whole)
        assert not end_turn(db, after(NEW, cut)), "the row that the start saw may be old"
        assert log(db) == whole


def talked(turns: int) -> list[Event]:
    """So many turns, and one more that has just begun to run a tool."""
    events: list[Event] = []
    for number in range(turns + 1):
        turn = TurnId(f"t{number}")
        call = ToolCall(id=CallId(f"c{number}"), name="bash")
        reply = Reply(model=REF, blocks=(call,), stop="toolUse")
        events += [
            TurnStarted(turn=turn, prompt=UserMessage(text="go")),
            ModelReplied(turn=turn, reply=reply),
            ToolStarted(turn=turn, call=call),
            TurnEnded(turn=turn, outcome="stopped", detail="Stopped."),
        ]
    return events[:-1]


def test_older_turns_are_not_read() -> None:
    events = talked(3)
    with closing(stored(events)) as db:
        for seq in range(1, len(events) - 2):
            spoil(db, seq)
        assert end_turn(db, after(NEW, events))
        row = rows.find(db, SHOP, NEW.id)
        assert row is not None
        assert row.turn is None


def test_before_the_first_reply_of_a_turn_the_one_who_answered_last_is_asked_for() -> None:
    events = [*talked(3), TurnEnded(turn=TurnId("t3"), outcome="stopped"), *talked(0)[:1]]
    with closing(stored(events)) as db:
        for seq in range(1, 13):
            spoil(db, seq)
        assert end_turn(db, after(NEW, events))
        *_, said, end = [record.event for record, _ in zip(rows.backwards(db, NEW.id), range(2), strict=False)][::-1]
    assert isinstance(said, ModelReplied)
    assert (said.reply.model, said.reply.stop) == (REF, "aborted")
    assert isinstance(end, TurnEnded)


def test_a_compaction_that_a_person_asked_for_is_a_turn_of_its_own() -> None:
    events = [*talked(1), TurnEnded(turn=TurnId("t1"), outcome="stopped")]
    turn = TurnId("compacting")
    kept = Compacted(turn=turn, reason="manual", summary="s", first_kept=Seq(1), tokens_before=9)
    for begun in ([], [kept]):
        whole: list[Event] = [*events, CompactionStarted(turn=turn, reason="manual"), *begun]
        with closing(stored(whole)) as db:
            assert end_turn(db, after(NEW, whole))
            added = log(db)[len(whole) :]
        assert [type(event) for event in added] == ([TurnEnded] if begun else [CompactionFailed, TurnEnded])
        assert messages(added) == []


def test_a_draft_that_cannot_be_read_is_left_out() -> None:
    events: list[Event] = talked(0)[:1]
    with closing(stored(events)) as db:
        rows.save_draft(db, NEW.id, *SEEN)
        db.execute("UPDATE drafts SET draft = 'x'")
        assert end_turn(db, after(NEW, events))
        said = log(db)[1]
    assert isinstance(said, ModelReplied)
    assert said.reply.blocks == ()
