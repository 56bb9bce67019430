"""The power goes at any moment of a turn and of a change of keys: what was told is on the disk."""

import copy
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

import anyio
import pytest

from tests.crash.book import Book
from tests.crash.checks import check_all, idle
from tests.crash.conftest import Count
from tests.crash.life import Life, Nursery
from tests.crash.people import People
from tests.crash.power import OPTIONS, Disk, Step, steps
from tests.crash.stage import Stage

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(180)]

CUTS = 16
FATES = 3
"""Disks that are looked at for each cut: nothing survived that was not synced, and some of it did."""

LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What people knew at a moment; ``at`` is the wall clock's, as in the trace."""

    at: float
    monotonic: float
    book: Book


async def work(life: Life, book: Book) -> list[Told]:
    """A turn with files and a command, a change of key, provider and settings; and what was known meanwhile."""
    known: list[Told] = []

    def look() -> None:
        known.append(Told(at=time.time(), monotonic=time.monotonic(), book=copy.deepcopy(book)))

    people = People(life, book, Random(0))
    (session,) = book.sessions()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(people.read, session)
        tasks.start_soon(look_often, look)
        await people.prompt(session, "a page about the night")
        look()
        await people.prompt(session, "count: 600")
        look()
        await idle(life, session)
        for key in ("sk-first", "sk-second"):
            await people.set_key(key)
            look()
        await people.set_provider("http://127.0.0.1:9/first")
        look()
        tasks.cancel_scope.cancel()
    return known


async def look_often(look: Callable[[], None]) -> None:
    while True:
        await anyio.sleep(LOOK_SECONDS)
        look()


async def test_what_was_told_is_on_the_disk_when_the_power_goes(tmp_path: Path, nursery: Nursery, count: Count) -> None:
    stage, trace, random = Stage(tmp_path, nursery), tmp_path / "trace", Random(1)
    await stage.prepare()
    state = stage.workspace / ".pi-global"
    before = {
        path.name: path.read_bytes() for path in (tmp_path / "template" / ".pi-global").iterdir() if path.is_file()
    }
    stage.put_back()
    async with stage.traced(trace, OPTIONS) as (life, _):
        known = await work(life, copy.deepcopy(stage.book))
    done = list(steps(trace))
    assert sum(step.call == "sync" and step.path.endswith("appx.db-wal") for step in done) > 5, "the trace is not read"
    assert any(step.call == "rename" and step.target.endswith("/credentials.json") for step in done)
    acknowledged = [told for old, told in pairwise(known) if news(told) > news(old)]
    for told in random.sample(acknowledged, min(CUTS, len(acknowledged))):
        for fate in range(FATES):
            disk = cut(Disk(state, before), done, told)
            await check_disk(stage, disk.after_cut(random if fate else None), told)
            count("power cuts", 1)
    without = cut(Disk(state, before), [step for step in done if step.call != "sync"], acknowledged[-1])
    with pytest.raises(AssertionError):  # so a sync that is left out would be seen
        await check_disk(stage, without.after_cut(None), acknowledged[-1])


def cut(disk: Disk, done: list[Step], told: Told) -> Disk:
    """All that the server did before it sent the last thing that people knew."""
    sent = max(place for place, step in enumerate(done) if step.call == "send" and step.at <= told.at)
    for step in done[:sent]:
        disk.apply(step)
    return disk


def news(told: Told) -> int:
    (session,) = told.book.sessions()
    return told.book.acknowledged + len(session.shown.facts)


async def check_disk(stage: Stage, found: dict[str, bytes], told: Told) -> None:
    stage.put_back()
    state = stage.workspace / ".pi-global"
    shutil.rmtree(state)
    state.mkdir()
    for name, data in found.items():
        if not name.endswith("-shm"):
            (state / name).write_bytes(data)
    async with stage.server() as life:
        await check_all(life, copy.deepcopy(told.book), stage.workspace, killed_at=told.monotonic)
