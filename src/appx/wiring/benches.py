"""Which workbench a server works with, and the workbench as a process of its own."""

import logging
import os
import pwd
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import uvicorn

from appx.domain.errors import Misconfigured
from appx.domain.ids import ProjectId
from appx.kit.unix_socket import IDLE_SECONDS
from appx.settings.settings import Settings
from appx.store.snapshot import accounts_of
from appx.wiring.stopping import Uvicorn, on_signal
from appx.workbench.accounts import Accounts, Launcher, ProjectAccounts, Shared, account_of
from appx.workbench.bench import Workbench
from appx.workbench.local import LocalBench, clear_projects
from appx.workbench.namespace import lost
from appx.workbench.project_benches import ProjectBenches
from appx.workbench.remote import RemoteBench
from appx.workbench.rest import Rest
from appx.workbench.service import make_service

logger = logging.getLogger(__name__)

PATH = "/usr/local/bin:/usr/bin:/bin"
OUTPUTS = Path("/tmp/appx-outputs")  # noqa: S108  the container's own, and only one uid writes there
MAX_PROCESSES = 5_120
"""Of the builder, while a command runs: more than its apps may have (services/workbench/run), so that commands still
start when those are too many, and less than the container has (APPX_PIDS)."""

NICE = 19
OOM_SCORE, MOST_OOM_SCORE = 500, 1_000
STOP_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """What works for projects, and which account does for which."""

    bench: Workbench
    accounts: Accounts


def local(settings: Settings, *, path: str = PATH) -> Hands:
    """For development: commands run with the rights of the server, but with an environment of their own."""
    clear_projects(settings.workspace_dir)
    return Hands(bench=_local(settings, path), accounts=Shared())


def _local(settings: Settings, path: str) -> LocalBench:
    return LocalBench(
        workspace=settings.workspace_dir,
        environment=environment(path),
        outputs=settings.state_dir / "outputs",
    )


def remote(settings: Settings) -> RemoteBench:
    """The only workbench. Raises Misconfigured without a socket."""
    return RemoteBench(_socket(settings))


def hands(settings: Settings) -> Hands:
    """The workbenches behind their sockets. Raises Misconfigured without one."""
    shared = remote(settings)
    if settings.launcher_socket is None:
        return Hands(bench=shared, accounts=Shared())
    wanted = settings.project_uids == "on"
    accounts = ProjectAccounts(Launcher(settings.launcher_socket), settings.workspace_dir, wanted=wanted)
    return Hands(bench=ProjectBenches(accounts, shared), accounts=accounts)


@asynccontextmanager
async def chosen(settings: Settings, *, path: str = PATH) -> AsyncIterator[Hands]:
    """The workbenches behind their sockets where the settings name one, else a local one, beside those of a server."""
    if settings.workbench_socket is None:
        yield Hands(bench=_local(settings, path), accounts=Shared())
        return
    found = hands(settings)
    for project, account in accounts_of(settings.state_dir / "appx.db").items():
        found.accounts.give(ProjectId(project), account)
    try:
        yield found
    finally:
        assert isinstance(found.bench, RemoteBench | ProjectBenches)
        await found.bench.aclose()


async def serve(settings: Settings) -> bool:
    """Run the workbench until SIGTERM, or until podman's user namespace is lost: who restarts it prepares that anew.

    That of a project's account ends as well when it has nothing to do: then the answer is True.
    """
    socket = _socket(settings)
    clear_projects(settings.workspace_dir)
    account = account_of(os.getuid())
    given = environment(PATH)
    bench = LocalBench(
        workspace=settings.workspace_dir,
        environment=given,
        outputs=OUTPUTS if account is None else Path(given["TMPDIR"], "outputs"),
        max_processes=MAX_PROCESSES,
        private=account is not None,
        through=behind(await anyio.Path("/proc/self/oom_score_adj").read_text()),
    )
    rest = None if account is None else Rest(settings.idle_minutes * 60)
    config = uvicorn.Config(
        make_service(bench, rest),
        uds=str(socket),
        access_log=False,
        log_config=None,
        timeout_keep_alive=int(2 * IDLE_SECONDS),
        timeout_graceful_shutdown=STOP_SECONDS,
        lifespan="off",
    )
    server = Uvicorn(config)

    def stop() -> None:
        server.should_exit = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(on_signal, stop)
        tasks.start_soon(_stop_without_namespace, bench, stop)
        if rest is not None:
            tasks.start_soon(_stop_for_want_of_work, rest, stop)
        await tasks.start(bench.keep)
        await server.serve()
        tasks.cancel_scope.cancel()
    return rest is not None and rest.come.is_set()


async def _stop_for_want_of_work(rest: Rest, stop: Callable[[], None]) -> None:
    await rest.wait()
    logger.info("nothing to do: the workbench ends until it is needed")
    stop()


def behind(oom_score: str) -> tuple[str, ...]:
    """What starts a command so that it comes after the server: for the processor, and for memory before it.

    Of the score only more is allowed to everybody, and an orchestrator may have given the most already.
    """
    score = min(int(oom_score) + OOM_SCORE, MOST_OOM_SCORE)
    return ("nice", "-n", str(NICE), "choom", "-n", str(score), "--")


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
        **({} if account_of(user.pw_uid) is None else {"TMPDIR": f"{user.pw_dir}/tmp"}),  # noqa: S108  in its home
        # Nobody is there to answer.
        "PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
        "DEBIAN_FRONTEND": "noninteractive",
    }


def _socket(settings: Settings) -> Path:
    if settings.workbench_socket is None:
        raise Misconfigured("APPX_WORKBENCH_SOCKET: name the socket of the workbench, or run `appx serve --local`.")
    return settings.workbench_socket
