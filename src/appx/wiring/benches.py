"""Which workbench a server works with, and the workbench as a process of its own."""

import logging
import os
import pwd
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import uvicorn

from appx.domain.errors import Misconfigured
from appx.settings.settings import Settings
from appx.wiring.stopping import Uvicorn, on_signal
from appx.workbench.bench import Workbench
from appx.workbench.local import LocalBench, clear_projects
from appx.workbench.namespace import lost
from appx.workbench.remote import RemoteBench
from appx.workbench.service import make_service

logger = logging.getLogger(__name__)

PATH = "/usr/local/bin:/usr/bin:/bin"
OUTPUTS = Path("/tmp/appx-outputs")  # noqa: S108  the container's own, and only one uid writes there
MAX_PROCESSES = 4_096
STOP_SECONDS = 2


def local(settings: Settings, *, path: str = PATH) -> LocalBench:
    """For development: commands run with the rights of the server, but with an environment of their own."""
    clear_projects(settings.workspace_dir)
    return _local(settings, path)


def _local(settings: Settings, path: str) -> LocalBench:
    return LocalBench(
        workspace=settings.workspace_dir,
        environment=environment(path),
        outputs=settings.state_dir / "outputs",
    )


def remote(settings: Settings) -> RemoteBench:
    """Raises Misconfigured without a socket."""
    return RemoteBench(_socket(settings))


@asynccontextmanager
async def chosen(settings: Settings, *, path: str = PATH) -> AsyncIterator[Workbench]:
    """The workbench behind its socket where the settings name one, else a local one, beside that of a server."""
    if settings.workbench_socket is None:
        yield _local(settings, path)
        return
    bench = remote(settings)
    try:
        yield bench
    finally:
        await bench.aclose()


async def serve(settings: Settings) -> None:
    """Run the workbench until SIGTERM, or until podman's user namespace is lost: who restarts it prepares that anew."""
    socket = _socket(settings)
    clear_projects(settings.workspace_dir)
    bench = LocalBench(
        workspace=settings.workspace_dir,
        environment=environment(PATH),
        outputs=OUTPUTS,
        max_processes=MAX_PROCESSES,
    )
    config = uvicorn.Config(
        make_service(bench),
        uds=str(socket),
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=STOP_SECONDS,
        lifespan="off",
    )
    server = Uvicorn(config)

    def stop() -> None:
        server.should_exit = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(on_signal, stop)
        tasks.start_soon(_stop_without_namespace, bench, stop)
        tasks.start_soon(bench.keep)
        await server.serve()
        tasks.cancel_scope.cancel()


async def _stop_without_namespace(bench: LocalBench, stop: Callable[[], None]) -> None:
    await lost(bench, Path(bench.environment["XDG_RUNTIME_DIR"], "libpod", "tmp", "pause.pid"))
    logger.error("podman's user namespace is gone; the workbench ends, so that it is prepared again")
    stop()


def environment(path: str) -> dict[str, str]:
    """All that a command gets. Nothing of the caller's own environment, in which keys may stand, but the PATH."""
    user = pwd.getpwuid(os.getuid())
    return {
        "PATH": path,
        "HOME": user.pw_dir,
        "USER": user.pw_name,
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "XDG_RUNTIME_DIR": f"/run/user/{user.pw_uid}",
        # Nobody is there to answer.
        "PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
        "DEBIAN_FRONTEND": "noninteractive",
    }


def _socket(settings: Settings) -> Path:
    if settings.workbench_socket is None:
        raise Misconfigured("APPX_WORKBENCH_SOCKET: name the socket of the workbench, or run `appx serve --local`.")
    return settings.workbench_socket
