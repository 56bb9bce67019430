"""A kill, a full disk and a sick disk at each file-changing system call of a turn and of what people change."""

import time
from pathlib import Path

import pytest

from tests.crash import sweep
from tests.crash.checks import check_all
from tests.crash.conftest import Count
from tests.crash.life import Ended, Nursery, running
from tests.crash.stage import Stage, one_turn
from tests.crash.sweep import Call, Point

pytestmark = pytest.mark.anyio


async def run(stage: Stage, point: Point) -> Call | None:
    """One run with one event; everything is checked. Answers what was hit."""
    book, trace = stage.put_back(), stage.folder / "trace"
    trace.unlink(missing_ok=True)
    killed_at = float("inf")
    refusal = ""
    try:
        async with stage.traced(trace, point.options) as (life, tracer):
            await one_turn(life, book)
            killed_at = time.monotonic()
            tracer.detach()
            if point.event != "KILL" and relevant(stage, trace, point):
                assert running(life.pid), ("the server died", point, life.said())
                await check_all(life, book, stage.workspace, killed_at=killed_at, fresh=False)
    except Ended as ended:
        refusal = str(ended)
    except Exception:
        if point.event == "KILL" or relevant(stage, trace, point):
            raise
        # No disk: a pipe by which the event loop wakes itself never answers so, and without it nothing goes on.
    if point.event != "KILL" and relevant(stage, trace, point):  # an error of a socket or the log is another matter
        assert "Traceback" not in refusal
        assert not refusal or "Error: " in refusal, ("it ended without a sentence", refusal)
    async with stage.server() as life:
        await check_all(life, book, stage.workspace, killed_at=killed_at)
    return relevant(stage, trace, point)


def relevant(stage: Stage, trace: Path, point: Point) -> Call | None:
    found = sweep.hit(trace, point)
    return found if found is not None and found.changes_files_of(stage.workspace) else None


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> Stage:
    found = Stage(tmp_path_factory.mktemp("sweep"), nursery)
    await found.prepare()
    return found


@pytest.fixture(scope="module")
async def baseline(stage: Stage) -> list[Call]:
    return sweep.calls(await stage.baseline(sweep.watching(*sweep.CALLS)))


@pytest.mark.parametrize("event", ["KILL", "ENOSPC", "EIO"])
@pytest.mark.parametrize("call", sweep.CALLS)
async def test_nothing_is_lost_at_any_call(
    event: sweep.Event, call: str, stage: Stage, baseline: list[Call], points: int, count: Count
) -> None:
    every = sweep.points(baseline, stage.workspace, event, call)
    hits: set[tuple[str, int]] = set()
    chosen = sweep.sample(every, points)
    for point in chosen:
        try:
            found = await run(stage, point)
        except BaseException as error:
            error.add_note(f"at {point}, which hit {sweep.hit(stage.folder / 'trace', point)}")
            raise
        if found is not None:
            hits.add((found.path, found.place))
    count("points", len(every))
    count("runs at a point", len(chosen))
    count("calls hit", len(hits))
