"""A workbench in this process, and the same behind its socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
import uvicorn

from appx.domain.ids import ProjectId
from appx.wiring.benches import PATH, environment
from appx.wiring.stopping import Uvicorn
from appx.workbench.bench import Workbench
from appx.workbench.local import LocalBench
from appx.workbench.remote import RemoteBench
from appx.workbench.service import make_service

PROJECT = ProjectId("shop")


@pytest.fixture
def local(tmp_path: Path) -> LocalBench:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    return LocalBench(workspace=workspace, environment=environment(PATH), outputs=tmp_path / "outputs")


@pytest.fixture
async def remote(local: LocalBench, tmp_path: Path) -> AsyncIterator[RemoteBench]:
    socket = tmp_path / "s"
    server = Uvicorn(uvicorn.Config(make_service(local), uds=str(socket), log_config=None, lifespan="off"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)
        bench = RemoteBench(socket)
        yield bench
        await bench.aclose()
        server.should_exit = True


@pytest.fixture(params=["local", "remote"])
def either(request: pytest.FixtureRequest, local: LocalBench, remote: RemoteBench) -> Workbench:
    return local if request.param == "local" else remote


@pytest.fixture
async def bench(either: Workbench) -> Workbench:
    """Both, with a project."""
    await either.create_project(PROJECT)
    return either
