"""Ports are given once, when they are first needed."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from appx.domain.deployment import DEPLOYMENT_FILE, Deployment, Target
from appx.domain.errors import NotFound
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.projects import leases, rows
from appx.projects.leases import Leases, used_up
from appx.projects.rows import Project
from appx.store.database import Database
from tests.fakes.bench import FakeBench
from tests.unit.projects.test_agents import no_egress

pytestmark = pytest.mark.anyio

PORTS = range(3000, 3011)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "appx.db")
    yield made
    made.close()


async def project(database: Database, name: str, deployment: Deployment | None = None) -> ProjectId:
    made = Project(id=ProjectId(name), name=name, created_at=clock.now(), directory="/x", deployment=deployment)
    await database.write(lambda db: rows.insert(db, made))
    return made.id


async def test_an_environment_keeps_its_port_and_no_two_have_the_same(tmp_path: Path, database: Database) -> None:
    bench = FakeBench()
    given = Leases(database=database, workbench=bench, egress=no_egress(database, tmp_path))
    shop, blog = await project(database, "shop"), await project(database, "blog")
    ports = [await given.lease(shop, "dev"), await given.lease(blog, "dev"), await given.lease(blog, "prod")]
    assert ports == [3000, 3001, 3002]
    assert [await given.lease(shop, "dev"), await given.lease(blog, "prod")] == [3000, 3002]
    assert b'"port": 3002' in bench.files[DEPLOYMENT_FILE], "the agent is told"


async def test_when_all_are_used_there_is_none_and_that_is_said(tmp_path: Path, database: Database) -> None:
    given = Leases(database=database, workbench=FakeBench(), egress=no_egress(database, tmp_path))
    projects = [await project(database, f"p{number}") for number in range(len(PORTS) + 1)]
    assert await used_up(database, PORTS) == ()
    ports = [await given.lease(each, "dev") for each in projects]
    assert ports == [*PORTS, None]
    (note,) = await used_up(database, PORTS)
    assert "3000-3010" in note
    await database.write(lambda db: rows.delete(db, projects[4]))
    assert await given.lease(projects[-1], "dev") == 3004, "the port of a deleted project is free again"


async def test_a_port_that_the_deployment_names_is_given_if_it_is_free(tmp_path: Path, database: Database) -> None:
    given = Leases(database=database, workbench=FakeBench(), egress=no_egress(database, tmp_path))
    named = Deployment(dev=Target(port=3007), prod=Target(port=9000))
    shop, blog = await project(database, "shop", named), await project(database, "blog", named)
    assert await given.lease(shop, "dev") == 3007
    assert await given.lease(blog, "dev") is None, "another has it"
    assert await given.lease(shop, "prod") is None, "it is not published"


async def test_when_other_ports_are_published_a_new_one_is_leased(tmp_path: Path, database: Database) -> None:
    shop = await project(database, "shop")
    await database.write(lambda db: leases.put(db, shop, {"dev": 9000, "prod": 3005}))
    given = Leases(database=database, workbench=FakeBench(), egress=no_egress(database, tmp_path))
    assert await given.lease(shop, "dev") == 3000
    assert await given.lease(shop, "prod") == 3005


async def test_a_project_that_is_gone_gets_none(tmp_path: Path, database: Database) -> None:
    given = Leases(database=database, workbench=FakeBench(), egress=no_egress(database, tmp_path))
    with pytest.raises(NotFound):
        await given.lease(ProjectId("gone"), "dev")
    assert await database.read(leases.taken) == set()


async def test_who_has_no_port_is_told_so_in_its_file_and_who_has_them_only_to_the_operator(
    tmp_path: Path, database: Database
) -> None:
    bench = FakeBench()
    given = Leases(database=database, workbench=bench, egress=no_egress(database, tmp_path))
    assert await database.read(leases.holders) == "No port is leased."
    projects = [await project(database, f"p{number:02}") for number in range(len(PORTS) + 1)]
    for each in projects:
        await given.lease(each, "dev")
    written = json.loads(bench.files[DEPLOYMENT_FILE])
    assert written == {"project": "p11", "dev": {"note": await given.reason(projects[-1], "dev")}}
    assert "3000-3010" in written["dev"]["note"]
    assert not [each for each in projects[:-1] if each in bench.files[DEPLOYMENT_FILE].decode()]
    assert (await database.read(leases.holders)).startswith("Ports are leased to: p00 (dev 3000), p01 (dev 3001),")
    count = len(bench.written)
    assert await given.lease(projects[-1], "dev") is None
    assert len(bench.written) == count, "the file is written once"
    await database.write(lambda db: rows.delete(db, projects[0]))
    assert await given.lease(projects[-1], "dev") == 3000
    assert json.loads(bench.files[DEPLOYMENT_FILE]) == {"project": "p11", "dev": {"port": 3000}}


async def test_many_who_have_ports_are_counted(database: Database) -> None:
    for number in range(22):
        shop = await project(database, f"p{number:02}")
        await database.write(partial(leases.put, project=shop, leases={"dev": 4000 + number}))
    assert (await database.read(leases.holders)).endswith("p19 (dev 4019) and 2 more projects.")
