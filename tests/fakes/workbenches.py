"""Workbenches of accounts, and the one that all share, as services of this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import uvicorn
from anyio.abc import TaskGroup

from appx.wiring.benches import PATH, environment
from appx.wiring.stopping import Uvicorn
from appx.workbench.local import LocalBench
from appx.workbench.rest import Rest
from appx.workbench.service import make_service
from tests.fakes.launcher import FakeLauncher


@dataclass(slots=True)
class Place:
    """Each command finds in ``WHO`` whose it is. ``idle``: seconds after which the workbench of an account ends."""

    folder: Path
    tasks: TaskGroup
    launcher: FakeLauncher
    idle: float = 60
    running: dict[int, Uvicorn] = field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    @property
    def launcher_socket(self) -> Path:
        return self.folder / "launcher"

    @property
    def shared_socket(self) -> Path:
        return self.folder / "0.sock"

    def local(self, name: str) -> LocalBench:
        given = environment(PATH) | {"WHO": name}
        return LocalBench(workspace=self.workspace, environment=given, outputs=self.folder / f"out-{name}")

    def start(self, account: int) -> None:
        """One that runs goes on."""
        if account not in self.running:
            self.tasks.start_soon(self.serve, account)

    async def serve(self, account: int) -> None:
        rest = Rest(self.idle)
        service = make_service(self.local(f"account {account}"), rest)
        socket = str(self.folder / f"{account}.sock")
        server = Uvicorn(
            uvicorn.Config(service, uds=socket, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
        )
        self.running[account] = server

        async def stop() -> None:
            await rest.wait()
            server.should_exit = True

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stop)
            await server.serve()
            tasks.cancel_scope.cancel()
        del self.running[account]

    async def ended(self, account: int) -> None:
        with anyio.fail_after(10):
            while account in self.running:  # noqa: ASYNC110  a test
                await anyio.sleep(0.02)


@asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[Place]:
    """A shared workbench, and a launcher that starts those of accounts. ``socket_of`` is to lead to ``folder``."""
    (folder / "workspace").mkdir()
    async with anyio.create_task_group() as tasks:
        place = Place(folder, tasks, FakeLauncher())
        place.launcher.start = place.start
        config = uvicorn.Config(
            make_service(place.local("shared")), uds=str(place.shared_socket), log_config=None, lifespan="off"
        )
        shared = Uvicorn(config)
        tasks.start_soon(shared.serve)
        async with place.launcher.serving(place.launcher_socket):
            yield place
        for server in (shared, *place.running.values()):
            server.should_exit = True
