"""The ledger says what the logs say, for every part of them; and it goes on saying it when they are gone."""

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.domain.events import Compacted, CompactionFailed, Event, ModelReplied, Record, TurnEnded
from appx.domain.ids import ProjectId, Seq, SessionId, TurnId
from appx.domain.limits import Spent
from appx.domain.messages import Cost, ModelRef, Reply, Usage
from appx.kit import clock
from appx.projects import rows as projects
from appx.projects.rows import Project
from appx.sessions import ledger
from appx.sessions.ledger import KEYS, By, Part
from appx.sessions.log import SessionLog
from appx.sessions.row import SessionRow
from appx.sessions.sessions import Sessions
from appx.store.database import Database
from appx.store.schema import MIGRATIONS

TURN = TurnId("t")
FIRST = date(2026, 11, 1)
MODELS = [ModelRef(provider=provider, id=id_, api="x") for provider in ("one", "two") for id_ in ("a", "b")]
ROWS = [
    SessionRow(id=SessionId(f"{project}-{number}"), project=ProjectId(project), created_at=clock.now())
    for project in ("shop", "blog")
    for number in (1, 2)
]

counts = st.integers(0, 1_000_000)
usages = st.builds(
    Usage,
    input=counts,
    output=counts,
    cache_read=counts,
    cache_write=counts,
    cost=st.builds(Cost, input=counts.map(lambda n: n / 1024), output=counts.map(lambda n: n / 1024)),
)


@st.composite
def records(draw: st.DrawFn) -> tuple[SessionRow, Record]:
    model, usage = draw(st.sampled_from(MODELS)), draw(st.just(Usage()) | usages)
    events: Sequence[Event] = (
        ModelReplied(turn=TURN, reply=Reply(model=model, usage=usage, stop=draw(st.sampled_from(["stop", "error"])))),
        Compacted(turn=TURN, reason="manual", summary="", first_kept=Seq(1), tokens_before=1, model=model, usage=usage),
        CompactionFailed(turn=TURN, reason="manual", error="", model=model, usage=usage),
        CompactionFailed(turn=TURN, reason="manual", error=""),
        TurnEnded(turn=TURN, outcome="done"),
    )
    at = datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(minutes=draw(st.integers(0, 5 * 1440)))
    here = at.astimezone(timezone(timedelta(hours=draw(st.integers(-12, 12)))))
    return draw(st.sampled_from(ROWS)), Record(seq=Seq(1), at=here, event=draw(st.sampled_from(events)))


def empty() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.row_factory = sqlite3.Row
    for script in MIGRATIONS:
        db.executescript(script)
    return db


def total(found: Iterable[tuple[SessionRow, Record]]) -> Spent:
    paid = [each[1] for _, record in found if (each := ledger.paid(record.event)) and each[1] != Usage()]
    return Spent(
        input=sum(usage.input for usage in paid),
        output=sum(usage.output for usage in paid),
        cache_read=sum(usage.cache_read for usage in paid),
        cache_write=sum(usage.cache_write for usage in paid),
        cost=sum(usage.cost.total for usage in paid),
        replies=len(paid),
    )


def is_in(part: Part, row: SessionRow, record: Record) -> bool:
    return (
        part.first <= record.at.astimezone(UTC).date() <= part.last
        and part.project in {None, row.project}
        and part.session in {None, row.id}
    )


def named(by: By, row: SessionRow, record: Record) -> dict[str, str]:
    paid = ledger.paid(record.event)
    assert paid is not None
    known = {
        "day": record.at.astimezone(UTC).date().isoformat(),
        "project_id": row.project,
        "session_id": row.id,
        "provider": paid[0].provider,
        "model": paid[0].id,
    }
    return {key: known[key] for key in KEYS[by]}


parts = st.builds(
    Part,
    first=st.just(date.min) | st.dates(FIRST, FIRST + timedelta(6)),
    last=st.just(date.max) | st.dates(FIRST, FIRST + timedelta(6)),
    project=st.sampled_from([None, *(row.project for row in ROWS)]),
    session=st.sampled_from([None, *(row.id for row in ROWS)]),
)


@given(st.lists(records(), max_size=20), parts, st.sampled_from(sorted(KEYS)))
def test_of_every_part_the_ledger_is_the_sum_over_the_logs(
    booked: list[tuple[SessionRow, Record]], part: Part, by: By
) -> None:
    db = empty()
    for row, record in booked:
        ledger.add(db, row, [record])
    wanted = [(row, record) for row, record in booked if is_in(part, row, record)]
    assert ledger.spent(db, part) == total(wanted)

    groups = ledger.groups(db, part, by, 1_000)
    paid = [(row, record) for row, record in wanted if (each := ledger.paid(record.event)) and each[1] != Usage()]
    for name, spent in groups:
        assert spent == total((row, record) for row, record in paid if named(by, row, record) == name)
    assert sum(spent.replies for _, spent in groups) == len(paid), "no group is missing"
    assert ledger.groups(db, part, by, 1) == groups[:1]
    db.close()


@pytest.mark.parametrize(
    ("part", "by"),
    [
        (Part(first=FIRST, last=FIRST), "USING PRIMARY KEY (day>? AND day<?)"),
        (Part(session=ROWS[0].id), "USING INDEX usage_by_session (session_id=? AND day>? AND day<?)"),
        (Part(project=ROWS[0].project), "USING INDEX usage_by_project (project_id=? AND day>? AND day<?)"),
    ],
)
def test_a_part_is_found_by_an_index(part: Part, by: str) -> None:
    db = empty()
    told: list[str] = []
    db.set_trace_callback(told.append)
    ledger.spent(db, part)
    plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {told[0]}")]
    assert plan == [f"SEARCH usage {by}"]
    db.close()


@pytest.fixture
async def database(tmp_path: Path, anyio_backend: Any) -> Database:  # noqa: ANN401
    database = Database(tmp_path / "appx.db")
    shop = Project(id=ProjectId("shop"), name="Shop", created_at=clock.now(), directory="/", deployment=None)
    await database.write(lambda db: projects.insert(db, shop))
    return database


def replied(cost: float) -> ModelReplied:
    return ModelReplied(turn=TURN, reply=Reply(model=MODELS[0], usage=Usage(input=1, cost=Cost(input=cost))))


async def never(*_: object) -> Any:  # noqa: ANN401
    raise AssertionError("nobody prompts here")


@pytest.mark.anyio
async def test_a_fact_and_what_it_took_are_stored_together_or_not_at_all(database: Database) -> None:
    row = await Sessions(database=database, open_agent=never, take_checkpoint=never).create(ProjectId("shop"))
    log = SessionLog(database=database, row=row, records=[])
    await log.append(replied(2.0), TurnEnded(turn=TURN, outcome="done"))
    await database.write(
        lambda db: db.execute(
            "CREATE TRIGGER full BEFORE INSERT ON usage BEGIN SELECT RAISE(ABORT, 'no room'); END"
        ).close()
    )
    with pytest.raises(sqlite3.IntegrityError, match="no room"):
        await log.append(replied(3.0))
    assert len(log.records) == 2
    assert len(await database.read(lambda db: db.execute("SELECT * FROM records").fetchall())) == 2
    assert [spent.cost for spent in await log.spent()] == [2.0, 2.0]


@pytest.mark.anyio
async def test_what_was_spent_stays_when_the_session_goes_and_what_comes_from_elsewhere_does_not_count(
    database: Database,
) -> None:
    sessions = Sessions(database=database, open_agent=never, take_checkpoint=never)
    row = await sessions.create(ProjectId("shop"))
    await SessionLog(database=database, row=row, records=[]).append(replied(2.0))
    await sessions.adopt(ProjectId("shop"), [Record(seq=Seq(1), at=clock.now(), event=replied(9.0))])
    await sessions.delete_all(ProjectId("shop"), lambda db: projects.mark_deleted(db, ProjectId("shop")))
    await database.write(lambda db: projects.delete(db, ProjectId("shop")))
    report = await sessions.usage(Part(), "session", 10)
    assert report.total.cost == report.today.cost == 2.0
    assert [name["session_id"] for name, _ in report.groups] == [row.id]
