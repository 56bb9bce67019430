"""What accounts may reach is set for each of them, also where one of them lets nothing be set."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from typing_extensions import override

from appx.domain.egress import Egress, Policy
from appx.domain.errors import Unavailable
from appx.domain.ids import ProjectId
from appx.egress.rules import Rules
from appx.kit import clock
from appx.projects import egress, rows
from appx.projects.egress import EgressPolicies
from appx.projects.rows import Project
from appx.store.database import Database

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeRules(Rules):
    """Those in ``broken`` take nothing; those in ``silent`` do not even answer."""

    socket: Path = Path("/nowhere")
    broken: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    applied: dict[str, Policy] = field(default_factory=dict)

    @override
    async def apply(self, account: str, policy: Policy) -> None:
        self.asked.append(account)
        if account in self.silent:
            await anyio.sleep_forever()
        if account in self.broken:
            raise Unavailable(f"network of {account}: its network does not come up.")
        self.applied[account] = policy

    @override
    async def lease(self, account: str, ports: Iterable[int]) -> None:
        pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    policies: EgressPolicies
    rules: FakeRules
    database: Database


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr(egress, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(egress, "own_addresses", tuple)
    database, rules = Database(tmp_path / "appx.db"), FakeRules()
    policies = EgressPolicies(
        database=database,
        default=Egress(policy="open"),
        rules=rules,
        policies=tmp_path / "policies.json",
        refused=tmp_path / "refused",
        published=range(3000, 3011),
    )
    yield Place(policies=policies, rules=rules, database=database)
    database.close()


async def project(place: Place, account: int) -> ProjectId:
    made = Project(
        id=ProjectId(f"of-{account}"),
        name=f"of {account}",
        created_at=clock.now(),
        directory="/x",
        deployment=None,
        account=account,
    )
    await place.database.write(lambda db: rows.insert(db, made))
    return made.id


@asynccontextmanager
async def running(place: Place) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(place.policies.run)
        yield
        tasks.cancel_scope.cancel()


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110  nothing tells it
            await anyio.sleep(0.01)


async def test_after_one_that_takes_nothing_the_others_get_theirs(place: Place) -> None:
    for account in (1, 2, 3):
        await project(place, account)
    place.rules.broken.add("p001")
    await place.policies.changed()
    assert place.rules.applied == {"builder": "open", "p002": "open", "p003": "open"}


async def test_what_failed_is_said_and_tried_again_until_it_is_in_force(place: Place) -> None:
    await project(place, 1)
    place.rules.broken.add("p001")
    await place.policies.changed()
    assert place.policies.notes == ("For p001: network of p001: its network does not come up.",)
    assert not place.policies.problems, "one agent does not make the server unready"
    place.rules.broken.clear()
    async with running(place):
        await until(lambda: "p001" in place.rules.applied)
        assert not place.policies.notes


async def test_where_nothing_can_be_set_for_all_that_is_a_problem(place: Place) -> None:
    place.rules.broken.add("builder")
    await place.policies.changed()
    assert place.policies.problems == ("network of builder: its network does not come up.",)
    place.rules.broken.clear()
    async with running(place):
        await until(lambda: not place.policies.problems)


async def test_while_one_does_not_answer_nobody_else_waits(place: Place) -> None:
    await project(place, 1)
    place.rules.broken.add("p001")
    await place.policies.changed()
    place.rules.silent.add("p001")
    async with running(place):
        await until(lambda: place.rules.asked.count("p001") == 2)
        second = await project(place, 2)
        with anyio.fail_after(20):
            await place.policies.changed()
            await place.policies.set(second, "none", None)
        assert place.rules.applied["p002"] == "none"


async def test_who_sets_a_policy_is_told_of_his_own_account_alone(place: Place) -> None:
    first, second = await project(place, 1), await project(place, 2)
    place.rules.broken.add("p001")
    await place.policies.changed()
    assert (await place.policies.set(second, "none", None)).egress.policy == "none"
    with pytest.raises(Unavailable, match="p001"):
        await place.policies.set(first, "none", None)


async def test_the_next_project_of_an_account_does_not_inherit_its_failure(place: Place) -> None:
    first = await project(place, 1)
    place.rules.broken.add("p001")
    await place.policies.changed()
    await place.database.write(lambda db: rows.delete(db, first))
    await place.policies.changed()
    assert not place.policies.notes
    place.rules.broken.clear()
    await project(place, 1)
    await place.policies.changed()
    assert "p001" in place.rules.applied


async def test_a_policy_that_comes_while_an_older_one_is_set_is_in_force_in_the_end(place: Place) -> None:
    only = await project(place, 1)
    place.rules.silent.add("p001")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(place.policies.changed)
        await until(lambda: "p001" in place.rules.asked)
        tasks.start_soon(place.policies.set, only, "none", None)
        await anyio.sleep(0.05)
        tasks.cancel_scope.cancel()
    place.rules.silent.clear()
    await place.policies.changed()
    assert place.rules.applied["p001"] == "none"
