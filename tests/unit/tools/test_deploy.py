"""What the model is told of a deploy, and that PROD is not changed without the person."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appx.apps import rows
from appx.apps.apps import Look, Looks
from appx.domain.apps import App, Release, Rollout, Status
from appx.domain.ids import CallId, ProjectId
from appx.domain.messages import ToolCall
from appx.domain.questions import CANCELLED, Answer, Question
from appx.kit import clock
from appx.podman.parse import Container
from appx.projects import rows as projects
from appx.projects.checkpoints import Checkpoints
from appx.projects.rows import Project
from appx.settings.settings import read_settings
from appx.store.database import Database
from appx.tools import app as app_tool
from appx.tools.app import app
from appx.tools.deploy import deploy, told
from appx.tools.prod import REFUSED
from appx.tools.tool import Toolbox
from appx.wiring.running import Running, running
from tests.fakes.bench import FakeBench
from tests.unit.projects.test_agents import no_egress

pytestmark = pytest.mark.anyio

SHOP = ProjectId("shop")


def rollout(status: Status, reason: str = "", tail: str = "") -> Rollout:
    return Rollout(
        project=SHOP,
        number=1,
        environment="dev",
        kind="deploy",
        status=status,
        started_at=clock.now(),
        reason=reason,
        tail=tail,
    )


def test_how_it_ended_is_told() -> None:
    assert told(rollout("done"), ["building", "release 1 runs on port 3000"]) == "release 1 runs on port 3000 (dev)"
    failed = told(rollout("failed", reason="It ended with exit code 7.", tail="boom\x1b[31m!"), [])
    assert failed == "It ended with exit code 7. Nothing was changed.\n\nboom!"


def test_what_runs_is_told_in_a_line_each() -> None:
    dev = App(project=SHOP, environment="dev", release=2, wanted="running")
    container = Container(name="shop-app-dev", image="i", state="running", status="Up 2 hours", ports=(3000,))
    own = Container(name="shop-db", image="i", state="exited", status="Exited (0)", ports=())
    assert app_tool.told(Looks(apps=(Look(app=dev, container=container, port=3000),), unmanaged=(own,))) == (
        "dev: release 2, wanted running, running (Up 2 hours), port 3000\n"
        "not deployed by the server: shop-db, exited (Exited (0))"
    )
    assert "Use deploy" in app_tool.told(Looks(apps=(), unmanaged=()))
    hidden = Look(app=dev, container=container, port=None, no_port="No published port is free.")
    assert app_tool.told(Looks(apps=(hidden,), unmanaged=())).endswith(
        ", no published port. No published port is free."
    )


@asynccontextmanager
async def a_shop(tmp_path: Path) -> AsyncIterator[tuple[Database, FakeBench, Running]]:
    """DEV has release 5; 3 is kept."""
    database, bench = Database(tmp_path / "appx.db"), FakeBench()
    runs = running(
        read_settings({"WORKSPACE_DIR": str(tmp_path)}),
        database=database,
        workbench=bench,
        egress=no_egress(database, tmp_path),
        checkpoints=Checkpoints(bench),
    )
    made = Project(id=SHOP, name="shop", created_at=clock.now(), directory="/x", deployment=None)
    await database.write(lambda db: projects.insert(db, made))
    for number in (3, 5):
        await in_dev(database, number)
    yield database, bench, runs
    database.close()


async def in_dev(database: Database, number: int) -> None:
    kept = Release(project=SHOP, number=number, at=clock.now(), image="", checkpoint="", size=0, port=80)
    dev = App(project=SHOP, environment="dev", release=number, wanted="running", health="/ready")
    await database.write(lambda db: rows.put_release(db, kept))
    await database.write(lambda db: rows.put_app(db, dev))


WHAT_DEV_RUNS = "Give PROD release 5, which DEV runs now? It has to answer at "


@pytest.mark.parametrize(
    ("name", "arguments", "question"),
    [
        ("deploy", {"environment": "prod"}, f"{WHAT_DEV_RUNS}/ready."),
        ("deploy", {"environment": "prod", "health": "/other"}, f"{WHAT_DEV_RUNS}/other."),
        ("deploy", {"environment": "prod", "release": 3}, "Give PROD release 3?"),
        ("app", {"action": "stop", "environment": "prod"}, "PROD: stop?"),
    ],
)
@pytest.mark.parametrize("answer", [CANCELLED, Answer(confirmed=False), Answer(confirmed=True)], ids=str)
async def test_prod_is_changed_only_when_the_person_agrees(
    tmp_path: Path, name: str, arguments: dict[str, object], question: str, answer: Answer
) -> None:
    asked = list[Question]()

    async def person(what: Question) -> Answer:
        asked.append(what)
        return answer

    async with a_shop(tmp_path) as (_, bench, runs):
        tools = Toolbox((deploy(runs.rollouts, SHOP, person), app(runs.apps, SHOP, person)))
        result = await tools.run(ToolCall(id=CallId("c"), name=name, arguments=arguments), lambda _: None)
    assert [each.title for each in asked] == [question]
    assert not result.ok
    assert (result == REFUSED) == (not answer.confirmed), "who agrees learns that PROD has no app, or nothing runs here"
    assert bench.commands == []


@pytest.mark.parametrize("arguments", [{}, {"release": 6}])
async def test_prod_gets_the_release_that_the_person_agreed_to_or_none(
    tmp_path: Path, arguments: dict[str, object]
) -> None:
    """Another session builds while the person reads the question."""
    asked = list[str]()
    async with a_shop(tmp_path) as (database, bench, runs):

        async def person(what: Question) -> Answer:
            asked.append(what.title)
            await in_dev(database, 6)
            return Answer(confirmed=True)

        tools = Toolbox((deploy(runs.rollouts, SHOP, person),))
        call = ToolCall(id=CallId("c"), name="deploy", arguments={"environment": "prod", **arguments})
        result = await tools.run(call, lambda _: None)
    assert asked == ([] if arguments else [f"{WHAT_DEV_RUNS}/ready."])
    assert not result.ok
    assert ("not found" if arguments else "DEV runs release 6 by now, and no longer 5. Ask again.") in result.text
    assert bench.commands == []


async def test_for_dev_nobody_is_asked(tmp_path: Path) -> None:
    async def nobody(what: Question) -> Answer:
        raise AssertionError(what)

    async with a_shop(tmp_path) as (_, _, runs):
        tools = Toolbox((deploy(runs.rollouts, SHOP, nobody), app(runs.apps, SHOP, nobody)))
        for call in (("deploy", {}), ("app", {"action": "stop"}), ("app", {"action": "logs", "environment": "prod"})):
            result = await tools.run(ToolCall(id=CallId("c"), name=call[0], arguments=call[1]), lambda _: None)
            assert result != REFUSED
