"""A workbench for each project, under the project's own account; and one that the others share."""

import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from functools import partial

import anyio
from anyio.abc import TaskGroup, TaskStatus

from appx.domain.errors import Unavailable
from appx.domain.ids import ProjectId
from appx.workbench.accounts import ProjectAccounts, socket_of
from appx.workbench.bench import (
    BenchStatus,
    Command,
    CommandResult,
    OnOutput,
    Size,
    TakeBytes,
    TakeOutput,
    Typed,
    Workbench,
)
from appx.workbench.mcp.shapes import McpCall, McpResult, McpServers
from appx.workbench.remote import RemoteBench
from appx.workbench.tree import Entry, FileTree, Listing, Look, Opened, Span, Take, Unzipped, When

logger = logging.getLogger(__name__)

START_PATIENCE = 240.0
"""Seconds that a request waits for a workbench that is being started, also on a machine that is busy."""

AGAIN_SECONDS = 1.0
LONGEST_PAUSE = 60.0
"""Seconds between two ends of a workbench of which we tell: an agent may end its own again and again."""

SPARE_SECONDS = 10.0
"""After a project was made: what it needs first goes before making the next account ready."""


class ProjectBenches:
    """Asks the workbench of the project's account, which the launcher starts when it is not there.

    ``shared`` is for projects without an account, and for what is no project's.
    """

    def __init__(self, accounts: ProjectAccounts, shared: RemoteBench) -> None:
        self.accounts = accounts
        self._shared = shared
        self._benches: dict[int, RemoteBench] = {}
        self._watched: set[int] = set()
        self._tasks: TaskGroup | None = None
        self._lost, self._restarted = anyio.create_memory_object_stream[Workbench](1_000)
        self.tree: FileTree = _Trees(self._of)

    async def aclose(self) -> None:
        for bench in (self._shared, *self._benches.values()):
            await bench.aclose()
        self._lost.close()
        self._restarted.close()

    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        return await self._of(command.project).run(command, on_output)

    async def stream(self, command: Command, take: TakeOutput) -> int | None:
        return await self._of(command.project).stream(command, take)

    async def terminal(self, command: Command, size: Size, typed: AsyncIterable[Typed], take: TakeBytes) -> int | None:
        return await self._of(command.project).terminal(command, size, typed, take)

    async def read(self, project: ProjectId, path: str, *, limit: int) -> bytes:
        return await self._of(project).read(project, path, limit=limit)

    async def write(self, project: ProjectId, path: str, data: bytes) -> None:
        await self._of(project).write(project, path, data)

    async def create_project(self, project: ProjectId) -> str:
        return await self._of(project).create_project(project)

    async def remove_project(self, project: ProjectId) -> None:
        await self._of(project).remove_project(project)

    async def pack(self, project: ProjectId, take: TakeBytes) -> None:
        await self._of(project).pack(project, take)

    async def unpack(self, project: ProjectId, into: str, tar: AsyncIterable[bytes]) -> None:
        await self._of(project).unpack(project, into, tar)

    async def mcp_servers(self, project: ProjectId) -> McpServers:
        return await self._of(project).mcp_servers(project)

    async def call_mcp(self, project: ProjectId, call: McpCall) -> McpResult:
        return await self._of(project).call_mcp(project, call)

    async def keep(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Tell of workbenches that come back, and have an account ready for the next project."""
        try:
            async with anyio.create_task_group() as self._tasks:
                self._tasks.start_soon(self._tell_of_the_shared)
                self._tasks.start_soon(self._tell_of_those_with_apps)
                self._tasks.start_soon(self._keep_a_spare)
                task_status.started()
        finally:
            self._tasks = None

    def awake(self, project: ProjectId) -> bool:
        account = self.accounts.of(project)
        return account is None or account in self._watched

    async def status(self) -> BenchStatus:
        """That of the shared one, and whether the launcher answers."""
        status = await self._shared.status()
        try:
            because = await self.accounts.none_because()
        except Unavailable as error:
            return replace(status, problems=(*status.problems, str(error)))
        notes = (
            (f"New projects are not kept from each other: all share one uid, because {because}.",) if because else ()
        )
        return replace(status, notes=(*status.notes, *notes))

    async def restarted(self) -> AsyncIterator[Workbench]:
        async for bench in self._restarted:
            yield bench

    def _of(self, project: ProjectId | None) -> RemoteBench:
        account = None if project is None else self.accounts.of(project)
        return self._shared if account is None else self._of_account(account)

    def _of_account(self, account: int) -> RemoteBench:
        """Whoever asks for it uses it, so from here on it is watched."""
        if account not in self._benches:
            wake = partial(self.accounts.start, account)
            self._benches[account] = RemoteBench(socket_of(account), patience=START_PATIENCE, wake=wake)
        if account not in self._watched and self._tasks is not None:
            self._watched.add(account)
            self._tasks.start_soon(self._watch, account)
        return self._benches[account]

    async def _watch(self, account: int) -> None:
        """Until it ends for want of work: then the next who asks begins anew."""
        try:
            await self._tell_of_ends(account)
        except Exception:  # a defect ends no server
            logger.exception("the workbench of account %d is not watched", account)
        finally:
            self._watched.discard(account)

    async def _tell_of_ends(self, account: int) -> None:
        pause = 0.0
        while self.accounts.working(account):
            began = anyio.current_time()
            if await self._benches[account].ended():
                return
            lasted = anyio.current_time() - began
            pause = 0.0 if lasted > LONGEST_PAUSE else min(max(AGAIN_SECONDS, 2 * pause), LONGEST_PAUSE)
            await anyio.sleep(pause)
            if self.accounts.working(account):
                logger.warning("the workbench of account %d ended; its apps are started again", account)
                await self._lost.send(self._benches[account])

    async def _tell_of_the_shared(self) -> None:
        async for bench in self._shared.restarted():
            await self._lost.send(bench)

    async def _tell_of_those_with_apps(self) -> None:
        """After a start of the container nothing runs, and only who has containers needs a workbench for that."""
        for account in sorted(self.accounts.used()):
            try:
                if await self.accounts.launcher.has_apps(account):
                    await self._lost.send(self._of_account(account))
            except Unavailable as error:
                logger.warning("apps of account %d were not started again: %s", account, error)
            except Exception:  # a defect ends no server
                logger.exception("apps of account %d were not started again", account)

    async def _keep_a_spare(self) -> None:
        while True:
            taken = self.accounts.taken
            try:
                spare = await self.accounts.make_spare()
            except Unavailable as error:
                logger.warning("no account is ready for the next project: %s", error)
                spare = None
            except Exception:  # a defect ends no server
                logger.exception("no account is ready for the next project")
                spare = None
            if spare is None:
                await taken.wait()
            else:
                await self._hold(spare, taken)
            await anyio.sleep(SPARE_SECONDS)

    async def _hold(self, spare: int, taken: anyio.Event) -> None:
        """Keep its workbench from ending for want of work, until somebody takes it."""
        bench = RemoteBench(socket_of(spare), patience=START_PATIENCE, wake=partial(self.accounts.start, spare))
        try:
            async with anyio.create_task_group() as tasks:

                async def hold() -> None:
                    while True:
                        try:
                            await bench.ended(hold=True)
                        except Exception:  # a defect ends no server
                            logger.exception("the spare workbench %d", spare)
                        await anyio.sleep(AGAIN_SECONDS)

                tasks.start_soon(hold)
                await taken.wait()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True), suppress(OSError):
                await bench.aclose()


class _Trees:
    """The files of each project, at its workbench."""

    def __init__(self, of: Callable[[ProjectId], Workbench]) -> None:
        self._of = of

    async def entries(self, project: ProjectId, look: Look) -> Listing:
        return await self._of(project).tree.entries(project, look)

    def open(self, project: ProjectId, path: str, span: Span | None = None) -> AbstractAsyncContextManager[Opened]:
        return self._of(project).tree.open(project, path, span)

    async def put(self, project: ProjectId, path: str, data: AsyncIterable[bytes], when: When) -> Entry:
        return await self._of(project).tree.put(project, path, data, when)

    async def remove(self, project: ProjectId, path: str, *, recursive: bool) -> None:
        await self._of(project).tree.remove(project, path, recursive=recursive)

    async def move(self, project: ProjectId, path: str, to: str, *, replace: bool) -> Entry:
        return await self._of(project).tree.move(project, path, to, replace=replace)

    async def zip(self, project: ProjectId, path: str, take: Take, *, everything: bool) -> None:
        await self._of(project).tree.zip(project, path, take, everything=everything)

    async def bundle(self, project: ProjectId, take: Take) -> None:
        await self._of(project).tree.bundle(project, take)

    async def unzip(
        self, project: ProjectId, path: str, data: AsyncIterable[bytes], *, replace: bool, unwrap: bool = False
    ) -> Unzipped:
        return await self._of(project).tree.unzip(project, path, data, replace=replace, unwrap=unwrap)
