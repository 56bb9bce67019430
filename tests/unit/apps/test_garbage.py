"""When what builds left is removed, and of whom."""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from appx.apps import rows
from appx.apps.containers import Containers
from appx.apps.disks import Disks
from appx.apps.garbage import Garbage, Rule
from appx.apps.starter import Starter
from appx.domain.apps import Release
from appx.domain.errors import Unavailable
from appx.domain.ids import ProjectId
from appx.domain.leases import Environment
from appx.kit import clock
from appx.podman.apps import Limits
from appx.podman.disk import MEASURE, MIB
from appx.projects import rows as projects
from appx.projects.rows import Project
from appx.store.database import Database
from appx.workbench.bench import Command, CommandResult, OnOutput
from tests.fakes.bench import DONE, FakeBench

pytestmark = pytest.mark.anyio

SHOP = ProjectId("shop")
RELEASE = Release(project=SHOP, number=3, at=clock.now(), image="a" * 64, checkpoint="", size=1, port=8080)


@dataclass(slots=True, kw_only=True)
class Store(FakeBench):
    """``images``: MiB that they take. ``up``: whether it is awake. ``code``: of what removes."""

    images: int = 300
    up: bool = True
    code: int = 0

    @override
    def awake(self, project: ProjectId) -> bool:
        return self.up

    @override
    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        self.commands.append(command)
        if command.line == MEASURE:
            return replace(DONE, output=f"directory\t\t1\nlayer\t{'b' * 64}\t{self.images * MIB}\nother\t\t1\n")
        return replace(DONE, code=self.code, output="Error: no such thing")


async def garbage(folder: Path, bench: Store) -> Garbage:
    database = Database(folder / "appx.db")
    made = Project(id=SHOP, name="Shop", created_at=clock.now(), directory="/x", deployment=None)
    await database.write(lambda db: projects.insert(db, made))
    await database.write(lambda db: rows.put_release(db, RELEASE))
    assert await database.read(rows.projects_with_releases) == [SHOP]

    async def lease(_project: ProjectId, _environment: Environment) -> None:
        return None

    async def no_port(_project: ProjectId, _environment: Environment) -> str:
        return ""

    starter = Starter(database=database, containers=Containers(bench), limits=Limits(), lease=lease, no_port=no_port)
    return Garbage(starter, Disks(bench), Rule(days=7, room=400 * MIB))


async def test_what_is_old_goes_and_all_of_it_when_it_takes_too_much(tmp_path: Path) -> None:
    bench = Store()
    made = await garbage(tmp_path, bench)
    await made.collect(SHOP)
    assert "until=168h" in bench.commands[-1].line
    assert f"tag {RELEASE.image} localhost/shop:r3" in bench.commands[-1].line, "kept releases keep their images"
    bench.images = 401
    made = Garbage(made._starter, Disks(bench), Rule(days=7, room=400 * MIB))
    await made.collect(SHOP)
    assert "podman image prune" in bench.commands[-1].line
    assert "until=" not in bench.commands[-1].line


async def test_what_fails_is_said(tmp_path: Path) -> None:
    made = await garbage(tmp_path, Store(code=125))
    with pytest.raises(Unavailable, match="no such thing"):
        await made.collect(SHOP)
    await made._collect_alone(SHOP)
    assert not made.due(SHOP), "the next try is tomorrow"


async def test_who_is_awake_is_looked_after_daily_and_who_sleeps_is_woken_once(tmp_path: Path) -> None:
    bench = Store()
    made = await garbage(tmp_path, bench)
    known = made._known

    def after(days: float) -> bool:
        known[SHOP].at = clock.now() - timedelta(days=days)
        return made.due(SHOP)

    assert not made.due(SHOP), "it was just seen"
    assert [after(0.9), after(1.1)] == [False, True]
    bench.up = False
    assert [after(1.1), after(7.9), after(8.1)] == [False, False, True]
    await made._collect_alone(SHOP)
    assert not after(1_000), "it built nothing since"
    bench.up = True
    assert after(1.1)
    bench.up = False
    assert [after(7.9), after(8.1)] == [False, True]
