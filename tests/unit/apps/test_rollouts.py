"""A release that is no good, a command that fails, a server that ends: what ran before still runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import pytest
from typing_extensions import override

from appx.apps.apps import Apps
from appx.apps.containers import Containers
from appx.apps.rollouts import Rollouts
from appx.apps.running import LEFT_OUT, Running
from appx.apps.starter import Starter
from appx.domain.errors import Conflict, Invalid, NotFound
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.podman.apps import Limits
from appx.projects import leases, rows
from appx.projects.leases import Leases
from appx.projects.rows import Project
from appx.store.database import Database
from appx.workbench.bench import Command, CommandResult, OnOutput
from tests.fakes.podman import PodmanBench
from tests.unit.projects.test_agents import no_egress

pytestmark = pytest.mark.anyio

SHOP = ProjectId("shop")


@dataclass(slots=True)
class Server:
    """``apps`` and ``rollouts`` of one life of a server."""

    bench: PodmanBench
    database: Database
    apps: Apps
    rollouts: Rollouts

    async def deploy(self, **kind: object) -> Running:
        running = await self.rollouts.deploy(SHOP, "dev", **kind)  # type: ignore[arg-type]
        await running.ended()
        return running


@asynccontextmanager
async def serving(folder: Path, bench: PodmanBench) -> AsyncIterator[Server]:
    database = Database(folder / "appx.db")
    if not await database.read(lambda db: rows.taken(db, SHOP)):
        made = Project(id=SHOP, name="Shop", created_at=clock.now(), directory="/x", deployment=None)
        await database.write(lambda db: rows.insert(db, made))
    ports = Leases(database=database, workbench=bench, egress=no_egress(database, folder))
    starter = Starter(
        database=database, containers=Containers(bench), limits=Limits(), lease=ports.lease, no_port=ports.reason
    )

    async def checkpoint(project: ProjectId, message: str) -> str:
        return "c" * 40

    rollouts = Rollouts(starter, checkpoint)
    apps = Apps(starter, rollouts)
    async with anyio.create_task_group() as tasks:
        await tasks.start(apps.run)
        yield Server(bench, database, apps, rollouts)
        tasks.cancel_scope.cancel()
    database.close()


async def becomes(bench: PodmanBench, **running: str) -> None:
    """Until these releases run, and no other container is there."""
    wanted = {f"shop-app-{environment}": release for environment, release in running.items()}
    with anyio.fail_after(20):
        while bench.running != wanted or set(bench.boxes) != set(wanted):  # noqa: ASYNC110  podman tells nobody
            await anyio.sleep(0.01)


async def held(bench: PodmanBench, word: str) -> None:
    """Until a command with this word waits."""
    with anyio.fail_after(20):
        while not any(word in each.line for each in bench.commands[-1:]):  # noqa: ASYNC110
            await anyio.sleep(0.01)


def bench() -> PodmanBench:
    return PodmanBench(files={"Containerfile": b"FROM x"})


async def test_the_first_deploy_and_the_next(tmp_path: Path) -> None:
    async with serving(tmp_path, bench()) as server:
        first = await server.deploy()
        assert (first.rollout.status, first.rollout.release) == ("done", 1)
        assert server.bench.running == {"shop-app-dev": "1"}
        second = await server.deploy(health="/health")
        assert second.rollout.steps[-1] == "release 2 runs on port 3000"
        assert server.bench.running == {"shop-app-dev": "2"}
        assert [each.number for each in await server.rollouts.releases(SHOP)] == [2, 1]
        (look,) = (await server.apps.look(SHOP)).apps
        assert (look.app.release, look.app.health, look.port) == (2, "/health", 3000)


class Talkative(PodmanBench):
    """Its builds print any number of steps, of what JSON may say in twelve bytes or in four."""

    @override
    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        if on_output is not None:
            for number in range(1, 2_001):
                on_output(f"STEP {number}/2000: {chr(0x1F600) * 300}\n")
        return await PodmanBench.run(self, command)


async def test_of_a_build_that_prints_without_end_little_is_stored(tmp_path: Path) -> None:
    async with serving(tmp_path, Talkative(files={"Containerfile": b"FROM x"})) as server:
        ended = (await server.deploy()).rollout
        (kept,) = await server.rollouts.rollouts(SHOP, 10)
        assert kept.steps == ended.steps
        assert kept.steps[-1] == "release 1 runs on port 3000"
        assert LEFT_OUT in kept.steps
        size = "SELECT length(CAST(steps AS BLOB)) FROM rollouts"
        assert 40_000 < (await server.database.read(lambda db: db.execute(size).fetchone()[0])) <= 64 << 10


async def test_a_sick_release_changes_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, bench()) as server:
        server.bench.sick = True
        failed = await server.deploy()
        assert failed.rollout.reason == "The app is not healthy: it ended with exit code 7."
        assert server.bench.boxes == {}
        server.bench.sick = False
        await server.deploy()
        server.bench.sick = True
        assert (await server.deploy()).rollout.status == "failed"
        assert server.bench.running == {"shop-app-dev": "2"}
        assert [each.number for each in await server.rollouts.releases(SHOP)] == [2], "the others never ran"


@pytest.mark.parametrize("nth", range(14))
async def test_whichever_command_fails_the_old_release_runs_in_the_end(tmp_path: Path, nth: int) -> None:
    async with serving(tmp_path, bench()) as server:
        await server.deploy()
        server.bench.fail_at = frozenset({len(server.bench.commands) + nth})
        ended = (await server.deploy()).rollout
        assert ended.status in {"done", "failed"}
    server.bench.fail_at = frozenset()
    async with serving(tmp_path, server.bench) as server:
        await becomes(server.bench, dev="2" if ended.status == "done" else "1")


@pytest.mark.parametrize("word", ["podman build", "--globoff", "podman stop", "podman run", "podman secret"])
async def test_a_server_that_ends_in_the_middle_leaves_what_ran(tmp_path: Path, word: str) -> None:
    """The next one says so, and tidies up."""
    async with serving(tmp_path, bench()) as server:
        await server.deploy()
        server.bench.held = word
        await server.rollouts.deploy(SHOP, "dev")
        await held(server.bench, word)
        if word in {"podman run", "--globoff"}:  # the remover of the trial waits for nobody
            server.bench.held = ""
    server.bench.held = ""
    async with serving(tmp_path, server.bench) as server:
        await becomes(server.bench, dev="1")
        (newest, _) = await server.rollouts.rollouts(SHOP, 10)
        assert newest.status == "interrupted"
        assert (await server.deploy()).rollout.status == "done"


async def test_one_at_a_time(tmp_path: Path) -> None:
    async with serving(tmp_path, bench()) as server:
        server.bench.held = "podman build"
        running = await server.rollouts.deploy(SHOP, "dev")
        await held(server.bench, "podman build")
        with pytest.raises(Conflict):
            await server.rollouts.deploy(SHOP, "dev")
        with pytest.raises((Conflict, NotFound)):
            await server.apps.stop(SHOP, "dev")
        server.bench.go.set()
        assert (await running.ended()).status == "done"


async def test_prod_gets_the_image_of_dev_without_a_build(tmp_path: Path) -> None:
    async with serving(tmp_path, bench()) as server:
        with pytest.raises(Conflict, match="Deploy to DEV first"):
            await server.rollouts.deploy(SHOP, "prod")
        await server.deploy()
        promoted = await (await server.rollouts.deploy(SHOP, "prod")).ended()
        assert (promoted.kind, promoted.status, server.bench.builds) == ("promote", "done", 1)
        assert server.bench.running == {"shop-app-dev": "1", "shop-app-prod": "1"}


async def test_back_to_the_release_before_and_to_any(tmp_path: Path) -> None:
    async with serving(tmp_path, bench()) as server:
        with pytest.raises(NotFound):
            await server.rollouts.roll_back(SHOP, "dev")
        await server.deploy()
        with pytest.raises(Conflict, match="no other release"):
            await server.rollouts.roll_back(SHOP, "dev")
        await server.deploy()
        await server.deploy()
        for number, expected in ((None, "2"), (None, "3"), (1, "1")):
            ended = await (await server.rollouts.roll_back(SHOP, "dev", number)).ended()
            assert (ended.kind, ended.status) == ("rollback", "done")
            assert server.bench.running == {"shop-app-dev": expected}
        with pytest.raises(NotFound, match="release not found: 9"):
            await server.rollouts.roll_back(SHOP, "dev", 9)


async def test_what_is_stopped_stays_so_and_what_is_wanted_comes_back(tmp_path: Path) -> None:
    async with serving(tmp_path, bench()) as server:
        await server.deploy()
        await (await server.rollouts.deploy(SHOP, "prod")).ended()
        await server.apps.stop(SHOP, "prod")
        assert server.bench.running == {"shop-app-dev": "1"}
    server.bench.boxes.clear()
    async with serving(tmp_path, server.bench) as server:
        await becomes(server.bench, dev="1")
        await server.apps.start(SHOP, "prod")
        assert server.bench.running == {"shop-app-dev": "1", "shop-app-prod": "1"}


async def test_a_project_that_is_deleted_ends_its_rollout(tmp_path: Path) -> None:
    async with serving(tmp_path, bench()) as server:
        server.bench.held = "podman build"
        running = await server.rollouts.deploy(SHOP, "dev")
        await held(server.bench, "podman build")
        await server.database.write(lambda db: rows.mark_deleted(db, SHOP))
        await server.rollouts.end(SHOP)
        assert running.over
        with pytest.raises(NotFound):
            await server.rollouts.deploy(SHOP, "dev")


async def test_only_the_last_releases_are_kept(tmp_path: Path) -> None:
    async with serving(tmp_path, bench()) as server:
        await server.deploy()
        await (await server.rollouts.deploy(SHOP, "prod")).ended()
        for _ in range(12):
            await server.deploy()
        wanted = [*range(13, 3, -1), 1]
        with anyio.fail_after(20):
            while [each.number for each in await server.rollouts.releases(SHOP)] != wanted:  # noqa: ASYNC110  PROD has the first
                await anyio.sleep(0.01)


async def test_a_path_that_is_none_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, bench()) as server:
        for path in ("health", "/a b", "/\n", "/" + "x" * 300):
            with pytest.raises(Invalid):
                await server.rollouts.deploy(SHOP, "dev", path)


def stack(*services: str) -> PodmanBench:
    """An app of several services; the first one answers the web."""
    found = PodmanBench(files={"compose.yaml": b"services:"})
    found.compose = {"services": {each: {"image": each} for each in services}}
    found.compose["services"][services[0]]["ports"] = ["8080"]  # type: ignore[index]
    return found


DEV = ("shop-app-dev", "shop-app-dev_db", "shop-app-dev_api")


async def test_an_app_of_several_services(tmp_path: Path) -> None:
    async with serving(tmp_path, stack("web", "db", "api")) as server:
        for number in ("1", "2"):
            assert (await server.deploy()).rollout.status == "done"
            assert server.bench.running == dict.fromkeys(DEV, number)
            assert set(server.bench.boxes) == set(DEV), "nothing that was set aside is left"
        looks = await server.apps.look(SHOP)
        assert [each.name for each in looks.apps[0].services] == list(DEV[1:])
        assert looks.unmanaged == ()
        server.bench.sick = True
        assert (await server.deploy()).rollout.status == "failed"
        assert server.bench.running == dict.fromkeys(DEV, "2"), "the old one is back, with all its services"
        assert set(server.bench.boxes) == set(DEV)
        server.bench.sick = False
        await (await server.rollouts.roll_back(SHOP, "dev")).ended()
        assert server.bench.running == dict.fromkeys(DEV, "1")


async def test_a_compose_file_goes_before_a_containerfile(tmp_path: Path) -> None:
    bench = stack("web", "db")
    bench.files["Containerfile"] = bench.files["docker-compose.yml"] = b"FROM x"
    async with serving(tmp_path, bench) as server:
        assert (await server.deploy()).rollout.steps[0] == "building release 1 from compose.yaml"
        del bench.files["compose.yaml"]
        assert (await server.deploy()).rollout.steps[0] == "building release 2 from docker-compose.yml"


async def test_a_compose_file_has_a_longest_length(tmp_path: Path) -> None:
    async with serving(tmp_path, stack("web", "db")) as server:
        server.bench.compose["x-long"] = "x" * (512 << 10)
        said = "compose.yaml says too much: 512 KiB are the most, with its files of variables. Leave some out."
        assert (await server.deploy()).rollout.reason == said


async def test_a_service_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    async with serving(tmp_path, stack("web", "db")) as server:
        await server.deploy()
        server.bench.unfit = frozenset({"localhost/shop:r2-db"})
        failed = await server.deploy()
        assert failed.rollout.reason == "podman could not make db."
        assert failed.rollout.tail == "Error: as unfit as it was to be"
        assert server.bench.running == dict.fromkeys(DEV[:2], "1")


@pytest.mark.parametrize("nth", range(16))
async def test_whichever_command_fails_all_old_services_run_in_the_end(tmp_path: Path, nth: int) -> None:
    async with serving(tmp_path, stack("web", "db", "api")) as server:
        await server.deploy()
        server.bench.fail_at = frozenset({len(server.bench.commands) + nth})
        status = (await server.deploy()).rollout.status
        server.bench.fail_at = frozenset()
        wanted = "1" if status == "failed" else "2"
        assert server.bench.running == dict.fromkeys(DEV, wanted)


async def test_services_come_back_and_another_form_of_app_takes_their_place(tmp_path: Path) -> None:
    async with serving(tmp_path, stack("web", "db", "api")) as server:
        await server.deploy()
        server.bench.boxes[DEV[1]].runs = False
        await server.apps.start(SHOP, "dev")
        assert server.bench.running == dict.fromkeys(DEV, "1")
        del server.bench.boxes[DEV[2]]
        await server.apps.start(SHOP, "dev")
        assert server.bench.running == dict.fromkeys(DEV, "1")
        await server.apps.stop(SHOP, "dev")
        assert server.bench.boxes == {}
        await server.apps.start(SHOP, "dev")
        del server.bench.files["compose.yaml"]
        server.bench.files["Containerfile"] = b"FROM x"
        await server.deploy()
        assert set(server.bench.boxes) == {"shop-app-dev"}


async def test_an_app_without_a_published_port_runs_and_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path, bench()) as server:
        for port in range(3000, 3011):
            blog = ProjectId(f"blog{port}")
            made = Project(id=blog, name=blog, created_at=clock.now(), directory="/y", deployment=None)
            await server.database.write(partial(rows.insert, project=made))
            await server.database.write(partial(leases.put, project=blog, leases={"dev": port}))
        ended = await server.deploy()
        assert ended.rollout.status == "done"
        assert "nobody outside reaches it. No published port is free: all 11" in ended.rollout.steps[-1]
        assert "blog" not in " ".join(ended.rollout.steps)
        (look,) = (await server.apps.look(SHOP)).apps
        assert (look.port, "all 11 ports of 3000-3010" in look.no_port) == (None, True)
        await server.database.write(lambda db: rows.delete(db, ProjectId("blog3000")))
        (look,) = (await server.apps.look(SHOP)).apps
        assert look.no_port == "Port 3000 is leased to it now; a restart gives it that port."
        await server.apps.restart(SHOP, "dev")
        (look,) = (await server.apps.look(SHOP)).apps
        assert (look.port, look.no_port) == (3000, "")
