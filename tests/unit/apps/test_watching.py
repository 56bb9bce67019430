"""What a reader of a project's events is told, and in which order."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from appx.apps import rows, watching
from appx.apps.watching import Deployed, News, Quiet, Watching, as_time, nanoseconds
from appx.domain.apps import Rollout, Status
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.podman.events import AppEvent
from appx.projects import rows as projects
from appx.projects.rows import Project
from appx.store.database import Database
from appx.workbench.bench import Stream
from tests.fakes.bench import DONE, FakeBench

pytestmark = pytest.mark.anyio

SHOP = ProjectId("shop")
NOW = clock.now()


def line(seconds: float, status: str, code: int | None = None) -> tuple[Stream, bytes]:
    """So long after NOW."""
    found = {
        "ID": "f" * 64,
        "Name": "shop-app-dev",
        "Status": status,
        "timeNano": nanoseconds(NOW + timedelta(seconds=seconds)),
        "Attributes": {},
    } | ({} if code is None else {"ContainerExitCode": code})
    return "stdout", json.dumps(found).encode() + b"\n"


@dataclass
class Reader:
    database: Database
    news: list[News] = field(default_factory=list)

    async def tell(self, news: News) -> None:
        self.news.append(news)

    async def has(self, count: int) -> list[str]:
        with anyio.fail_after(10):
            while len(self.words()) < count:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        return self.words()

    def words(self) -> list[str]:
        return [word for each in self.news for word in said(each)]

    async def deployed(self, status: Status, seconds: float) -> None:
        """A deployment that began at NOW, and ended so long after it."""
        begun = Rollout(
            project=SHOP, number=0, environment="dev", kind="deploy", status="running", started_at=NOW, release=1
        )
        made = await self.database.write(lambda db: rows.begin_rollout(db, begun))
        ended = replace(
            made, status=status, ended_at=NOW + timedelta(seconds=seconds), reason="why", tail="end", steps=("one",)
        )
        await self.database.write(lambda db: rows.end_rollout(db, ended))


def said(news: News) -> list[str]:
    match news:
        case AppEvent(to=to, exit_code=code, out_of_memory=oom):
            return [to + ("" if code is None else f" {code}") + (" oom" if oom else "")]
        case Deployed(rollout=rollout):
            return [rollout.status + (f" {rollout.reason}" if rollout.reason else "")]
        case Quiet():
            return []


@asynccontextmanager
async def watched(
    folder: Path, bench: FakeBench, after: int | None, *, quiet: float = 60, failed: bool = False
) -> AsyncIterator[Reader]:
    database = Database(folder / "appx.db")
    made = Project(id=SHOP, name="Shop", created_at=NOW, directory="/x", deployment=None)
    await database.write(lambda db: projects.insert(db, made))
    reader = Reader(database)
    if failed:
        await reader.deployed("failed", 3)
    async with anyio.create_task_group() as tasks:
        one = Watching(bench, database, SHOP, after, quiet_seconds=quiet)
        tasks.start_soon(one.run, reader.tell)
        yield reader
        tasks.cancel_scope.cancel()
    database.close()


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", 0.05)


BEFORE = nanoseconds(NOW - timedelta(hours=1))


async def test_containers_and_deployments_come_in_one_order(tmp_path: Path) -> None:
    bench = FakeBench(streams=[[line(1, "start"), line(2, "died", 7), line(4, "remove")]])
    async with watched(tmp_path, bench, BEFORE, failed=True) as reader:
        assert await reader.has(5) == ["running", "started", "ended 7", "failed why", "removed"]
    assert f"--since {BEFORE // 10**9} " in bench.commands[0].line


async def test_deployments_are_looked_for_without_all_that_they_said(tmp_path: Path) -> None:
    async with watched(tmp_path, FakeBench(), BEFORE, failed=True) as reader:
        await reader.has(2)
        (stored,) = await reader.database.read(lambda db: rows.rollouts(db, SHOP, 10))
    assert (stored.tail, stored.steps) == ("end", ("one",))
    ended = replace(stored, tail="", steps=())
    assert [each.rollout for each in reader.news if isinstance(each, Deployed)][-1] == ended


async def test_who_comes_back_is_told_what_came_since(tmp_path: Path) -> None:
    bench = FakeBench(streams=[[line(1, "start"), line(2, "died", 7), line(4, "remove")]])
    async with watched(tmp_path, bench, nanoseconds(NOW + timedelta(seconds=2)), failed=True) as reader:
        assert await reader.has(2) == ["failed why", "removed"]


async def test_without_an_id_it_is_what_comes(tmp_path: Path) -> None:
    bench = FakeBench(streams=[[line(-5, "start"), line(3600, "died", 0)]])
    async with watched(tmp_path, bench, None) as reader:
        assert await reader.has(1) == ["ended 0"]


async def test_a_podman_that_ends_is_asked_again_and_nothing_comes_twice(tmp_path: Path) -> None:
    first = [line(1, "start"), line(2, "died", 0)]
    bench = FakeBench(streams=[first, [*first, line(3, "restart"), line(3.5, "start")]])
    async with watched(tmp_path, bench, BEFORE) as reader:
        assert await reader.has(4) == ["started", "ended 0", "restarted", "started"]


async def test_why_the_kernel_killed_it_is_told_when_podman_knows(tmp_path: Path) -> None:
    bench = FakeBench(result=replace(DONE, output="true\n"), streams=[[line(1, "died", 137), line(2, "died", 1)]])
    async with watched(tmp_path, bench, BEFORE) as reader:
        assert await reader.has(2) == ["ended 137 oom", "ended 1"]


async def test_a_flood_waits_for_the_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "HELD", 5)
    monkeypatch.setattr(watching, "BATCH_SECONDS", 0.01)
    monkeypatch.setattr(watching, "PER_SECOND", 10_000)
    bench = FakeBench(streams=[[line(number, "start") for number in range(1, 101)]])
    async with watched(tmp_path, bench, BEFORE) as reader:
        assert await reader.has(100) == ["started"] * 100


async def test_lines_that_come_one_by_one_are_counted_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A false podman could say each as a part of its own, and nobody else would have a turn."""
    rests: list[float] = []
    monkeypatch.setattr(watching, "LOOK_SECONDS", 60)
    monkeypatch.setattr(watching, "REST_SECONDS", 0.001)
    usual = anyio.sleep

    async def sleep(seconds: float) -> None:
        rests.extend([seconds] if seconds == watching.REST_SECONDS else [])
        await usual(seconds)

    monkeypatch.setattr(anyio, "sleep", sleep)
    empty: list[tuple[Stream, bytes]] = [("stdout", b"\n") for _ in range(3 * watching.AT_ONCE)]
    async with watched(tmp_path, FakeBench(streams=[[*empty, line(1, "start")]]), BEFORE) as reader:
        assert await reader.has(1) == ["started"]
    assert len(rests) == 3


async def test_it_is_told_that_there_is_no_news(tmp_path: Path) -> None:
    async with watched(tmp_path, FakeBench(), None, quiet=0.05) as reader:
        with anyio.fail_after(10):
            while not reader.news:  # noqa: ASYNC110
                await anyio.sleep(0.01)
        assert reader.news[0] == Quiet()


def test_times_are_exact_and_an_odd_one_is_no_error() -> None:
    assert as_time(nanoseconds(NOW)) == NOW.replace(microsecond=NOW.microsecond).isoformat()
    assert as_time(2**63 - 1).startswith("2262")
    assert as_time(10**30) == "1970-01-01T00:00:00+00:00"
