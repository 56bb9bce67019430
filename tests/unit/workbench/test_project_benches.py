"""What is asked for a project is done by the workbench of its account, which comes when it is needed."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskGroup

from appx.domain.errors import Conflict, NotFound, Unavailable
from appx.domain.ids import ProjectId
from appx.wiring.benches import PATH, environment
from appx.workbench import project_benches
from appx.workbench.accounts import Launcher, ProjectAccounts
from appx.workbench.bench import Command, Workbench
from appx.workbench.local import LocalBench
from appx.workbench.project_benches import ProjectBenches
from appx.workbench.remote import RemoteBench
from tests.fakes.workbenches import Place, standing

pytestmark = pytest.mark.anyio

TEA, SHOP = ProjectId("tea"), ProjectId("shop")


@pytest.fixture
async def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Place, ProjectBenches]]:
    monkeypatch.setattr(project_benches, "socket_of", lambda account: tmp_path / f"{account}.sock")
    async with standing(tmp_path) as place:
        accounts = ProjectAccounts(Launcher(place.launcher_socket), place.workspace, wanted=True)
        benches = ProjectBenches(accounts, RemoteBench(place.shared_socket))
        yield place, benches
        await benches.aclose()


async def who(benches: ProjectBenches, project: ProjectId | None) -> str:
    done = await benches.run(Command(line="echo $WHO", project=project, at_top=True, time_limit=10))
    return done.output.strip()


async def test_each_project_is_served_by_its_own_account(both: tuple[Place, ProjectBenches]) -> None:
    place, benches = both
    await benches.accounts.take(TEA)
    benches.accounts.give(SHOP, None)
    assert [await who(benches, each) for each in (TEA, SHOP, None)] == ["account 1", "shared", "shared"]
    await benches.create_project(TEA)
    await benches.write(TEA, "a.txt", b"tea")
    async with benches.tree.open(TEA, "a.txt") as opened:
        assert opened.entry.size == 3
    assert place.launcher.asked.count("start 1") == 1, "it is started once, when it is first needed"


async def test_one_without_work_ends_and_comes_back_for_the_next_who_asks(both: tuple[Place, ProjectBenches]) -> None:
    place, benches = both
    place.idle = 0.4
    await benches.accounts.take(TEA)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(benches.keep)
        told = _collected(tasks, benches)
        done = await benches.run(Command(line="sleep 1; echo $WHO", project=TEA, at_top=True, time_limit=10))
        assert done.output == "account 1\n", "a command that runs is work"
        await place.ended(1)
        assert await who(benches, TEA) == "account 1"
        assert len(told) == 1, "of the shared one, at the start; an end for want of work is no mishap"
        tasks.cancel_scope.cancel()


async def test_one_that_ended_by_a_mishap_is_told_of(both: tuple[Place, ProjectBenches]) -> None:
    place, benches = both
    await benches.accounts.take(TEA)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(benches.keep)
        told = _collected(tasks, benches)
        await _until(told, 1)
        await who(benches, TEA)
        await anyio.sleep(0.3)
        place.running[1].should_exit = True
        await place.ended(1)
        await _until(told, 2)
        done = await told[1].run(Command(line="echo $WHO", project=None, time_limit=10))
        assert done.output == "account 1\n"
        tasks.cancel_scope.cancel()


async def test_after_a_start_only_those_with_containers_are_told_of(both: tuple[Place, ProjectBenches]) -> None:
    place, benches = both
    benches.accounts.give(TEA, 1)
    benches.accounts.give(SHOP, 3)
    place.launcher.apps = {3}
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(benches.keep)
        told = _collected(tasks, benches)
        await _until(told, 2)
        found = {(await each.run(Command(line="echo $WHO", project=None, time_limit=10))).output for each in told}
        assert found == {"shared\n", "account 3\n"}
        assert "start 1" not in place.launcher.asked
        tasks.cancel_scope.cancel()


async def test_a_defect_in_what_goes_on_in_the_background_ends_nothing(
    both: tuple[Place, ProjectBenches], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, benches = both
    benches.accounts.give(TEA, 1)
    tried: list[str] = []

    async def breaks(*_: object) -> None:
        tried.append("it")
        raise PermissionError("what nobody thought of")

    monkeypatch.setattr(ProjectAccounts, "make_spare", breaks)
    monkeypatch.setattr(type(benches.accounts.launcher), "has_apps", breaks)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(benches.keep)
        with anyio.fail_after(10):
            while len(tried) < 2:  # noqa: ASYNC110
                await anyio.sleep(0.02)
        assert await who(benches, TEA) == "account 1"
        tasks.cancel_scope.cancel()


async def test_the_status_notes_that_projects_share_a_uid(both: tuple[Place, ProjectBenches]) -> None:
    place, benches = both
    assert (await benches.status()).notes == ()
    place.launcher.most = "the engine gives too few ids"
    (note,) = (await benches.status()).notes
    assert "all share one uid, because the engine gives too few ids." in note


async def test_nothing_wakes_the_workbench_of_a_project_that_is_deleted(both: tuple[Place, ProjectBenches]) -> None:
    place, benches = both
    await benches.accounts.take(TEA)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(benches.keep)
        told = _collected(tasks, benches)
        await _until(told, 1)
        await who(benches, TEA)
        await anyio.sleep(0.3)
        place.running[1].should_exit = True  # as the wipe does
        await benches.accounts.wipe(TEA)
        await place.ended(1)
        with pytest.raises(Unavailable, match="is being deleted"):
            await who(benches, TEA)
        benches.accounts.give(TEA, None)
        assert (place.launcher.asked.count("start 1"), len(told)) == (1, 1)
        tasks.cancel_scope.cancel()


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
async def test_a_private_workbench_neither_takes_nor_uses_nor_removes_what_is_anothers(tmp_path: Path) -> None:
    bench = LocalBench(
        workspace=tmp_path, environment=environment(PATH), outputs=tmp_path / "outputs", private=True
    )  # fmt: skip
    (tmp_path / "tea").mkdir(mode=0o777)
    os.chown(tmp_path / "tea", 2_001, 2_001)
    with pytest.raises(Conflict, match="belongs to somebody else"):
        await bench.create_project(TEA)
    with pytest.raises(NotFound):
        await bench.write(TEA, "secret.txt", b"secret")
    await bench.remove_project(TEA)
    assert (tmp_path / "tea").is_dir()
    await bench.create_project(SHOP)
    assert (tmp_path / "shop").stat().st_mode & 0o777 == 0o700


async def _until(told: list[Workbench], number: int) -> None:
    with anyio.fail_after(10):
        while len(told) < number:  # noqa: ASYNC110  a test
            await anyio.sleep(0.02)


def _collected(tasks: TaskGroup, benches: ProjectBenches) -> list[Workbench]:
    told: list[Workbench] = []

    async def collect() -> None:
        async for each in benches.restarted():
            told.append(each)  # noqa: PERF401  it never ends

    tasks.start_soon(collect)
    return told
