"""The workbench behind its socket comes and goes; what the server sees is a sentence, never a hang."""

from pathlib import Path

import anyio
import pytest
import uvicorn

from appx.domain.errors import Unavailable
from appx.wiring.stopping import Uvicorn
from appx.workbench.bench import AppLimits, Command
from appx.workbench.local import LocalBench
from appx.workbench.remote import RemoteBench
from appx.workbench.service import make_service
from tests.unit.workbench.conftest import PROJECT

pytestmark = pytest.mark.anyio

PODMAN = """#!/bin/sh
if [ "$1" = version ]; then echo 5.4.2; exit; fi
if [ ! -e "$0.works" ]; then echo no namespace >&2; exit 125; fi
if [ "$1" = unshare ]; then cat "$0.cgroups"; fi
"""


def service(local: LocalBench, socket: Path) -> Uvicorn:
    config = uvicorn.Config(
        make_service(local), uds=str(socket), log_config=None, lifespan="off", timeout_graceful_shutdown=0
    )
    return Uvicorn(config)


async def test_a_workbench_that_never_comes_is_unavailable(tmp_path: Path) -> None:
    bench = RemoteBench(tmp_path / "s", patience=0.2)
    with pytest.raises(Unavailable, match="does not answer"):
        await bench.create_project(PROJECT)
    status = await bench.status()
    assert "does not answer" in status.problems[0]
    await bench.aclose()


async def test_a_request_waits_for_a_workbench_that_is_starting(tmp_path: Path, local: LocalBench) -> None:
    bench = RemoteBench(tmp_path / "s", patience=5)
    server = service(local, tmp_path / "s")
    async with anyio.create_task_group() as tasks:

        async def later() -> None:
            await anyio.sleep(0.4)
            await server.serve()

        tasks.start_soon(later)
        assert await bench.create_project(PROJECT) == str(local.workspace / PROJECT)
        await bench.aclose()
        server.should_exit = True


async def test_when_it_ends_its_commands_end_and_the_server_is_told(tmp_path: Path, local: LocalBench) -> None:
    bench = RemoteBench(tmp_path / "s")
    server = service(local, tmp_path / "s")
    told: list[str] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)
        await bench.create_project(PROJECT)

        async def gone() -> None:
            assert await bench.ended() is False
            told.append("gone")

        async def command() -> None:
            with pytest.raises(Unavailable, match="ended"):
                await bench.run(Command(line="sleep 57.5", project=PROJECT, time_limit=60))
            told.append("ended")

        tasks.start_soon(gone)
        tasks.start_soon(command)
        await anyio.sleep(0.5)
        assert told == []
        server.should_exit = True
    await bench.aclose()
    assert sorted(told) == ["ended", "gone"]
    done = await local.run(Command(line="ps -ef | grep '[s]leep 57.5'", project=None, time_limit=10))
    assert done.output == ""


async def test_its_status_says_what_is_wrong_with_podman(remote: RemoteBench, local: LocalBench) -> None:
    fake = with_podman(local)
    assert (await remote.status()).problems == ("podman does not work: no namespace",)
    fake.with_suffix(".works").touch()
    status = await remote.status()
    assert (status.podman, status.problems) == ("5.4.2", ())


@pytest.mark.parametrize(
    ("controllers", "enforced"),
    [
        ("cpu memory pids\n", AppLimits(memory=True, cpu=True, pids=True)),
        ("cpuset pids", AppLimits(pids=True)),
        ("\n", AppLimits()),
        (None, AppLimits()),
    ],
)
async def test_its_status_says_which_limits_of_apps_are_enforced(
    remote: RemoteBench, local: LocalBench, controllers: str | None, enforced: AppLimits
) -> None:
    """None where podman has no cgroups of its own: then the command fails."""
    fake = with_podman(local)
    fake.with_suffix(".works").touch()
    if controllers is not None:
        fake.with_suffix(".cgroups").write_text(controllers)
    assert (await remote.status()).limits == enforced


def with_podman(local: LocalBench) -> Path:
    fake = local.workspace / "bin/podman"
    fake.parent.mkdir()
    fake.write_text(PODMAN)
    fake.chmod(0o755)
    local.environment = {**local.environment, "PATH": f"{local.workspace}/bin:/usr/bin:/bin"}
    return fake
