"""A budget holds, also for requests at once, over crashes, and when apps leave."""

import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from appx.domain.deltas import TextDelta
from appx.domain.errors import AppxError, Invalid, NotFound, Unavailable
from appx.domain.ids import ProjectId, SessionId
from appx.domain.limits import Limits
from appx.domain.messages import Reply, Text, Usage, UserMessage
from appx.gateway import gateway, rows
from appx.gateway.bound import Bound, bound_of
from appx.gateway.gateway import USUAL, AtOnce, Gateway
from appx.gateway.grant import Budget, Grant
from appx.gateway.place import FIRST_UID
from appx.gateway.refusals import BudgetSpent, Busy, SwitchedOff, Unidentified
from appx.kit import clock
from appx.kit.peers import Address
from appx.models.catalogue import DEMO, ModelInfo, Prices
from appx.models.model import Form, Model, ModelFailed, OnDelta, Request
from appx.models.registry import Models
from appx.projects import rows as projects
from appx.projects.rows import Project
from appx.sessions import ledger
from appx.store.database import Database

pytestmark = pytest.mark.anyio

SHOP, BLOG = ProjectId("shop"), ProjectId("blog")
INFO = ModelInfo(provider="p", id="m", name="m", api="openai-completions", prices=Prices(input=1, output=10))
REQUEST = Request(
    system="", messages=[UserMessage(text="tea")], tools=(), thinking="off", session="s", form=Form(max_tokens=100)
)
BOUND = bound_of(INFO, REQUEST)
NO_LIMITS = Limits()
PEER, HERE = ("127.0.0.1", 50_000), ("127.0.0.1", 4080)

Answer = Callable[[Request, OnDelta], Awaitable[Reply]]


@dataclass(kw_only=True)
class Provider:
    """Counts what reaches it. ``answer``: what it does then."""

    answer: Answer
    reached: int = 0
    at_once: int = 0
    most: int = 0

    async def reply(self, request: Request, on_delta: OnDelta) -> Reply:
        self.reached += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            return await self.answer(request, on_delta)
        finally:
            self.at_once -= 1


class OneModel(Models):
    def __init__(self, state: Path, provider: Provider) -> None:
        super().__init__(state=state)
        self._provider = provider

    @override
    def rows(self) -> list[tuple[ModelInfo, bool]]:
        return [(INFO, True), (replace(INFO, id="keyless"), False), (DEMO, True)]

    @override
    def open(self, info: ModelInfo) -> Model:
        return self._provider


def costing(part: float, wait: float = 0.0) -> Answer:
    """A reply that takes this part of its bound."""

    async def answer(request: Request, on_delta: OnDelta) -> Reply:
        await anyio.sleep(wait)
        on_delta(TextDelta(index=0, text="Tea."))
        output = int(BOUND.output * part)
        input_ = int(BOUND.input * part)
        cost = INFO.cost(fresh=input_, output=output, cache_read=0, cache_write=0)
        usage = Usage(input=input_, output=output, cost=cost)
        request.on_usage(usage)
        return Reply(model=INFO.ref, blocks=(Text(text="Tea."),), usage=usage)

    return answer


@dataclass(kw_only=True)
class Stage:
    gateway: Gateway
    provider: Provider
    database: Database
    uids: dict[Address, int]
    """By the other end: what the kernel says."""

    async def allow(self, **changes: Any) -> Grant:  # noqa: ANN401
        grant = replace(Grant(project=SHOP, enabled=True, budget=Budget(day_cost=1.0)), **changes)
        return (await self.gateway.allow(grant)).grant

    async def ask(self, grant: Grant) -> Reply:
        return await self.gateway.ask(grant, INFO, REQUEST, lambda _: None)

    async def open(self) -> int:
        return await self.database.read(lambda db: db.execute("SELECT count(*) FROM reservations").fetchone()[0])


@asynccontextmanager
async def stage(
    directory: Path,
    answer: Answer,
    *,
    limits: Limits = NO_LIMITS,
    at_once: AtOnce = USUAL,
) -> AsyncIterator[Stage]:
    database = Database(directory / "appx.db")
    provider, uids = Provider(answer=answer), dict[Address, int]()
    for project in (SHOP, BLOG):
        await database.write(lambda db, project=project: _project(db, project))  # type: ignore[misc]
    gateway = Gateway(
        database=database,
        models=OneModel(directory, provider),
        limits=limits,
        whose=lambda _, peer, __: uids.get(peer),
        at_once=at_once,
    )
    await gateway.start()
    try:
        yield Stage(gateway=gateway, provider=provider, database=database, uids=uids)
    finally:
        database.close()


def _project(db: sqlite3.Connection, project: ProjectId) -> None:
    if not projects.taken(db, project):
        made = Project(id=project, name=project, created_at=clock.now(), directory="/x", deployment=None)
        projects.insert(db, made)


async def all_at_once(on: Stage, grant: Grant, count: int) -> list[type[BaseException] | None]:
    """How each of the requests ended."""
    ends: list[type[BaseException] | None] = []

    async def one() -> None:
        try:
            await on.ask(grant)
        except AppxError as error:
            ends.append(type(error))
        else:
            ends.append(None)

    async with anyio.create_task_group() as tasks:
        for _ in range(count):
            tasks.start_soon(one)
    return ends


async def test_of_fifty_at_once_only_those_that_the_budget_holds_reach_the_provider(tmp_path: Path) -> None:
    async with stage(tmp_path, costing(1.0, wait=0.2)) as on:
        grant = await on.allow(budget=Budget(day_cost=10 * BOUND.cost))
        ends = await all_at_once(on, grant, 50)
        assert (on.provider.reached, ends.count(None), ends.count(BudgetSpent)) == (10, 10, 40)
        assert on.provider.most == 10, "they did run at once"
        found = await on.gateway.access(SHOP)
        assert found.today.cost == pytest.approx(10 * BOUND.cost)
        assert found.today.cost <= 10 * BOUND.cost + 1e-9
        assert (found.today.replies, found.reserved.cost, await on.open()) == (10, 0.0, 0)


@settings(max_examples=10)
@given(
    count=st.integers(1, 20),
    room=st.floats(0.0, 12.0),
    part=st.floats(0.0, 1.0),
    in_tokens=st.booleans(),
    rounds=st.integers(1, 2),
)
def test_whatever_runs_at_once_no_budget_is_overdrawn(
    *, count: int, room: float, part: float, in_tokens: bool, rounds: int
) -> None:
    async def run(directory: Path) -> None:
        async with stage(directory, costing(part)) as on:
            cost, tokens = room * BOUND.cost + 1e-6, int(room * BOUND.tokens) + 1
            grant = await on.allow(budget=Budget(day_tokens=tokens) if in_tokens else Budget(day_cost=cost))
            passed = 0
            for _ in range(rounds):
                passed += (await all_at_once(on, grant, count)).count(None)
            found = await on.gateway.access(SHOP)
            assert on.provider.reached == passed
            assert found.today.cost <= cost + 1e-9 or in_tokens
            assert found.today.tokens <= tokens or not in_tokens
            assert await on.open() == 0

    with TemporaryDirectory() as directory:
        anyio.run(run, Path(directory))


async def test_the_day_of_the_server_holds_for_all_projects_together(tmp_path: Path) -> None:
    async with stage(tmp_path, costing(1.0, wait=0.1), limits=Limits(day_cost=3 * BOUND.cost)) as on:
        shop, blog = await on.allow(), await on.allow(project=BLOG)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(all_at_once, on, shop, 5)
            tasks.start_soon(all_at_once, on, blog, 5)
        assert on.provider.reached == 3


async def test_what_sessions_spent_counts_for_the_day_and_not_for_the_budget(tmp_path: Path) -> None:
    async with stage(tmp_path, costing(1.0), limits=Limits(day_cost=2 * BOUND.cost)) as on:
        grant = await on.allow(budget=Budget(day_cost=BOUND.cost))
        usage = Usage(output=1, cost=INFO.cost(fresh=0, output=300, cache_read=0, cache_write=0))
        day, session = clock.now().date(), SessionId("a-session")
        await on.database.write(lambda db: ledger.book(db, day, (SHOP, session), ("p", "m"), usage))
        assert (await on.gateway.access(SHOP)).today.cost == 0.0
        assert (await all_at_once(on, grant, 1)) == [BudgetSpent]


async def test_a_reply_that_took_less_leaves_the_rest_to_others(tmp_path: Path) -> None:
    async with stage(tmp_path, costing(0.1)) as on:
        grant = await on.allow(budget=Budget(day_cost=2 * BOUND.cost))
        for _ in range(5):
            await on.ask(grant)
        assert (await on.gateway.access(SHOP)).today.cost < BOUND.cost


async def test_an_app_that_leaves_has_taken_all_that_it_might(tmp_path: Path) -> None:
    async with stage(tmp_path, costing(1.0, wait=60)) as on:
        grant = await on.allow()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(on.ask, grant)
            while not on.provider.reached:  # noqa: ASYNC110
                await anyio.sleep(0.01)
            assert (await on.gateway.access(SHOP)).reserved.cost == pytest.approx(BOUND.cost)
            tasks.cancel_scope.cancel()
        found = await on.gateway.access(SHOP)
        assert found.today.tokens == BOUND.tokens
        assert found.today.cost == pytest.approx(BOUND.cost)
        assert (found.today.replies, await on.open()) == (1, 0)


@pytest.mark.parametrize(("free", "cost"), [(True, 0.0), (False, BOUND.cost)])
async def test_a_failure_costs_nothing_only_when_the_provider_took_nothing(
    tmp_path: Path, *, free: bool, cost: float
) -> None:
    async def failing(request: Request, on_delta: OnDelta) -> Reply:
        raise ModelFailed("No.", free=free)

    async with stage(tmp_path, failing) as on:
        grant = await on.allow()
        with pytest.raises(ModelFailed):
            await on.ask(grant)
        assert (await on.gateway.access(SHOP)).today.cost == pytest.approx(cost)
        assert await on.open() == 0


async def test_a_provider_that_refuses_in_the_middle_is_booked_as_cut_off(tmp_path: Path) -> None:
    async def failing(request: Request, on_delta: OnDelta) -> Reply:
        on_delta(TextDelta(index=0, text="Te"))
        raise ModelFailed("Overloaded.", free=True)

    async with stage(tmp_path, failing) as on:
        grant = await on.allow()
        with pytest.raises(ModelFailed):
            await on.ask(grant)
        assert (await on.gateway.access(SHOP)).today.tokens == BOUND.tokens


async def test_a_crash_leaves_no_reservation_and_books_nothing_twice(tmp_path: Path) -> None:
    day = clock.now().date()
    async with stage(tmp_path, costing(1.0)) as on:
        await on.allow()
        number = await on.database.write(lambda db: rows.reserve(db, day, SHOP, INFO.ref, BOUND))
    for _ in range(2):  # the second server finds nothing
        async with stage(tmp_path, costing(1.0)) as on:
            assert await on.open() == 0
            await on.database.write(lambda db: rows.settle(db, number, Usage(output=1)))
            found = await on.gateway.access(SHOP)
            assert (found.today.replies, found.today.tokens) == (1, BOUND.tokens)


async def test_what_is_reserved_before_midnight_is_booked_on_that_day(tmp_path: Path) -> None:
    day = clock.now().date().replace(year=2020, day=1)
    async with stage(tmp_path, costing(1.0)) as on:
        number = await on.database.write(lambda db: rows.reserve(db, day, SHOP, INFO.ref, BOUND))
        await on.database.write(lambda db: rows.settle(db, number, Usage(output=3)))
        part = ledger.Part(first=day, last=day)
        assert (await on.database.read(lambda db: ledger.spent(db, part))).output == 3


async def test_a_server_that_stops_breaks_off_what_runs_and_books_it(tmp_path: Path) -> None:
    async with stage(tmp_path, costing(1.0, wait=60)) as on:
        grant = await on.allow()
        async with anyio.create_task_group() as tasks:
            ends: list[type[BaseException] | None] = []

            async def asking() -> None:
                ends.extend(await all_at_once(on, grant, 2))

            tasks.start_soon(asking)
            while on.provider.reached < 2:  # noqa: ASYNC110
                await anyio.sleep(0.01)
            on.gateway.stop()
        assert ends == [Unavailable, Unavailable]
        assert (await on.gateway.access(SHOP)).today.replies == 2
        with pytest.raises(Unavailable):
            await on.ask(grant)


async def test_a_lower_budget_and_the_switch_count_at_once(tmp_path: Path) -> None:
    async with stage(tmp_path, costing(1.0)) as on:
        old = await on.allow()
        await on.allow(budget=Budget(day_tokens=1))
        with pytest.raises(BudgetSpent):
            await on.ask(old)
        await on.allow(enabled=False)
        with pytest.raises(SwitchedOff):
            await on.ask(old)
        assert on.provider.reached == 0


async def test_a_project_is_known_by_its_uid_and_else_by_its_token(tmp_path: Path) -> None:
    async with stage(tmp_path, costing(1.0)) as on:
        await on.allow()
        await on.allow(project=BLOG)
        with pytest.raises(Unidentified):
            await on.gateway.caller(PEER, HERE, "")
        token = await on.gateway.new_token(SHOP)
        assert token.startswith("appx-")
        assert (await on.gateway.caller(PEER, HERE, token)).project == SHOP
        on.uids[PEER] = 1000
        assert (await on.gateway.caller(PEER, HERE, token)).project == SHOP, "the shared uid is nobody's own"
        await on.database.write(lambda db: db.execute("UPDATE projects SET account = 3 WHERE id = 'blog'"))
        on.uids[PEER] = FIRST_UID + 3
        assert (await on.gateway.caller(PEER, HERE, token)).project == BLOG, "the kernel knows better"
        assert (await on.gateway.caller(PEER, HERE, "")).project == BLOG
        del on.uids[PEER]
        second = await on.gateway.new_token(SHOP)
        with pytest.raises(Unidentified):
            await on.gateway.caller(PEER, HERE, token)
        assert (await on.gateway.caller(PEER, HERE, second)).project == SHOP
        text = "\n".join(await on.database.read(lambda db: list(db.iterdump())))
        assert second not in text, "what is stored does not open anything"


async def test_it_is_off_until_a_person_switches_it_on_with_a_budget(tmp_path: Path) -> None:
    async with stage(tmp_path, costing(1.0)) as on:
        token = await on.gateway.new_token(SHOP)
        with pytest.raises(SwitchedOff, match=r"off for the project shop.*--on"):
            await on.gateway.caller(PEER, HERE, token)
        with pytest.raises(Invalid, match="budget"):
            await on.allow(budget=Budget())
        with pytest.raises(Invalid, match="there is no p/none"):
            await on.allow(models=("p/none",))
        with pytest.raises(NotFound):
            await on.allow(project=ProjectId("none"))
        with pytest.raises(NotFound):
            await on.gateway.new_token(ProjectId("none"))
        assert (await on.allow()).has_token


async def test_with_the_project_its_access_is_gone_and_not_what_it_spent(tmp_path: Path) -> None:
    async with stage(tmp_path, costing(1.0)) as on:
        grant, token = await on.allow(), await on.gateway.new_token(SHOP)
        await on.ask(grant)
        await on.database.write(lambda db: projects.mark_deleted(db, SHOP))
        with pytest.raises(Unidentified):
            await on.gateway.caller(PEER, HERE, token)
        with pytest.raises(NotFound):
            await on.ask(grant)
        await on.database.write(lambda db: projects.delete(db, SHOP))
        assert (await on.database.read(lambda db: ledger.spent(db, ledger.Part(project=SHOP)))).replies == 1


async def test_an_app_asks_by_the_whole_name_by_the_short_one_or_for_the_default(tmp_path: Path) -> None:
    async with stage(tmp_path, costing(1.0)) as on:
        grant = await on.allow()
        assert [info.id for info in on.gateway.models(grant)] == ["m", "demo"], "those that can be asked"
        for name in ("p/m", "m"):
            assert on.gateway.model(grant, name) == INFO
        assert on.gateway.model(grant, "default").id == "m"
        only = await on.allow(models=("scripted/demo",))
        assert on.gateway.model(only, "default") == DEMO
        for name in ("p/m", "p/keyless", "gpt-4"):
            with pytest.raises(NotFound, match=name):
                on.gateway.model(only, name)


async def test_one_project_does_not_take_the_slots_of_all(tmp_path: Path) -> None:
    async with stage(tmp_path, costing(1.0), at_once=AtOnce(project=2, all=3)) as on:
        with on.gateway.slot(SHOP), on.gateway.slot(SHOP):
            with pytest.raises(Busy, match="2 of this project's, of 2"), on.gateway.slot(SHOP):
                pass
            with on.gateway.slot(BLOG), pytest.raises(Busy), on.gateway.slot(BLOG):
                pass
        with suppress(ValueError), on.gateway.slot(SHOP):
            raise ValueError
        with on.gateway.slot(SHOP), on.gateway.slot(SHOP):
            pass


async def test_who_lets_the_server_read_much_rests_and_holds_up_no_other_project(tmp_path: Path) -> None:
    async with stage(tmp_path, costing(1.0)) as on, anyio.create_task_group() as tasks:
        ends: list[ProjectId] = []

        async def read(project: ProjectId, seconds: float) -> None:
            async with on.gateway.reading(project):
                time.sleep(seconds)  # noqa: ASYNC251  what it is about
            ends.append(project)

        began = anyio.current_time()
        tasks.start_soon(read, SHOP, 0.1)
        tasks.start_soon(read, SHOP, 0.0)
        await anyio.wait_all_tasks_blocked()
        await read(BLOG, 0.0)
        assert ends == [BLOG], "those of the other rest, and wait for that"
    assert ends == [BLOG, SHOP, SHOP]
    assert anyio.current_time() - began >= 0.1 * (1 + gateway.REST)


async def test_what_a_request_took_until_it_was_sent_counts_for_the_rest_also_when_it_was_for_nothing(
    tmp_path: Path,
) -> None:
    async def refuses(request: Request, _: OnDelta) -> Reply:
        request.on_prepared(0.1)
        raise ModelFailed("No.", free=True)

    async with stage(tmp_path, refuses) as on:
        grant = await on.allow()
        began = anyio.current_time()
        with pytest.raises(ModelFailed):
            await on.ask(grant)
        async with on.gateway.reading(SHOP):
            assert anyio.current_time() - began >= 0.1 * gateway.REST


async def test_what_might_be_taken_is_found_out_on_the_project_s_own_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(info: ModelInfo, request: Request) -> Bound:
        end = time.thread_time() + 0.1
        while time.thread_time() < end:
            pass
        return bound_of(info, request)

    monkeypatch.setattr(gateway, "bound_of", slowly)
    async with stage(tmp_path, costing(1.0)) as on:
        began = anyio.current_time()
        with pytest.raises(BudgetSpent):
            await on.ask(await on.allow(budget=Budget(day_cost=1e-9)))
        async with on.gateway.reading(SHOP):
            assert anyio.current_time() - began >= 0.1 * gateway.REST
