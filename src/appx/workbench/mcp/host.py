"""The MCP servers that run: started when somebody asks for them, kept, ended when nobody does any more."""

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup, TaskStatus

from appx.domain.errors import Unavailable
from appx.domain.ids import ProjectId
from appx.workbench.leftovers import end_processes
from appx.workbench.mcp import config, listing
from appx.workbench.mcp.shapes import McpCall, McpResult, McpServer, McpServers

if TYPE_CHECKING:
    from appx.workbench.mcp.connection import Connection

logger = logging.getLogger(__name__)

IDLE_SECONDS = 900.0
LOOK_SECONDS = 15.0
HOST = "APPX_MCP_HOST"
"""The variable by which the processes of all MCP servers of a workbench are known."""

RUN = "APPX_MCP_RUN"
"""And those of one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A project as its MCP servers find it. ``file``: the content of ``.pi/mcp.json``; None when there is none.

    ``limits``: what goes before a command. ``problem``: why the file cannot be read.
    """

    project: ProjectId
    directory: Path
    environment: Mapping[str, str]
    limits: Sequence[str]
    file: bytes | None
    problem: str = ""

    def config(self) -> config.Config:
        if self.problem:
            return config.Config(problems=(self.problem,))
        return config.Config() if self.file is None else config.read(self.file, self.environment)


@dataclass(slots=True)
class _Kept:
    """A server and what it was started by."""

    given: config.Server
    connection: "Connection"


class McpHost:
    """``run`` must run for servers to be started. ``name`` tells the processes of this workbench from others."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._kept: dict[tuple[ProjectId, str], _Kept] = {}
        self._tasks: TaskGroup | None = None

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled; then all servers are ended."""
        await to_thread.run_sync(end_processes, f"{HOST}={self._name}")  # what one that was killed left
        try:
            async with anyio.create_task_group() as self._tasks:
                task_status.started()
                while True:
                    await anyio.sleep(LOOK_SECONDS)
                    self._end_idle()
        finally:
            self._tasks = None
            self._kept.clear()

    async def servers(self, home: Home) -> McpServers:
        """Those of the project, after all that can be started were: at most ``START_SECONDS`` later."""
        found = home.config()
        await self._start(home, found)
        for name in found.servers:
            kept = self._kept.get((home.project, name))
            if kept is not None:
                await kept.connection.settled.wait()
                await kept.connection.refresh()
                kept.connection.used_at = anyio.current_time()
        return self._told(home.project, found)

    async def call(self, home: Home, call: McpCall) -> McpResult:
        found = home.config()
        await self._start(home, found)
        kept = self._kept.get((home.project, call.server))
        if kept is None:
            why = found.servers.get(call.server) or f"it is not in {config.FILE} any more, or switched off."
            return McpResult(ok=False, text=f"The MCP server {call.server} cannot be used: {why}")
        await kept.connection.settled.wait()
        return await kept.connection.call(call)

    async def stop(self, project: ProjectId) -> None:
        """End those of a project, and return when they have ended."""
        ending = [kept.connection for (whose, _), kept in self._kept.items() if whose == project]
        for each in ending:
            each.stop()
        for each in ending:
            await each.ended.wait()
        self._kept = {place: kept for place, kept in self._kept.items() if place[0] != project}

    async def _start(self, home: Home, found: config.Config) -> None:
        """Let what runs be what the file says, as it is now."""
        wanted = {name: given for name, given in found.servers.items() if isinstance(given, config.Stdio | config.Http)}
        for (whose, name), kept in list(self._kept.items()):
            if whose == home.project and (wanted.get(name) != kept.given or kept.connection.over):
                kept.connection.stop()
                await kept.connection.ended.wait()
                if self._kept.get((whose, name)) is kept:
                    del self._kept[whose, name]
        missing = {name: given for name, given in wanted.items() if (home.project, name) not in self._kept}
        if missing:
            await to_thread.run_sync(_load)
        for name, given in missing.items():
            if (home.project, name) not in self._kept:  # somebody else was faster
                self._kept[home.project, name] = _Kept(given, self._begin(home, given))

    def _begin(self, home: Home, given: config.Server) -> "Connection":
        from appx.workbench.mcp import http, stdio  # noqa: PLC0415  see ``_load``
        from appx.workbench.mcp.connection import Connection  # noqa: PLC0415

        if self._tasks is None:
            raise Unavailable("MCP servers are not run here: the workbench is stopping.")
        if isinstance(given, config.Http):
            connection = Connection(partial(http.talk, given), given.secrets)
        else:
            run = secrets.token_hex(8)
            launch = stdio.Launch(
                command=given.command,
                args=given.args,
                cwd=home.directory / given.cwd,
                environment={**home.environment, **given.env, HOST: self._name, RUN: run},
                limits=home.limits,
                mark=f"{RUN}={run}",
            )
            connection = Connection(partial(stdio.talk, launch), given.secrets)
        self._tasks.start_soon(connection.run)
        return connection

    def _told(self, project: ProjectId, found: config.Config) -> McpServers:
        kept = {name: self._kept.get((project, name)) for name in found.servers}
        ready = {name: each.connection for name, each in kept.items() if each and each.connection.ready}
        tools = listing.tools_of({name: connection.offers for name, connection in ready.items()})
        servers = []
        for name, given in found.servers.items():
            if name in ready:
                offered, unusable = len(ready[name].offers), ready[name].unusable
                error = listing.left_out(offered=offered, used=len(tools[name]), unusable=unusable)
                servers.append(McpServer(name=name, state="ready", error=error, tools=tools[name]))
            elif given is None:
                servers.append(McpServer(name=name, state="off"))
            else:
                each = kept[name]
                error = given if isinstance(given, str) else each.connection.error if each else ""
                servers.append(McpServer(name=name, state="failed", error=error or "It ended. Try again."))
        return McpServers(servers=tuple(servers), problems=found.problems)

    def _end_idle(self) -> None:
        now = anyio.current_time()
        for place, kept in list(self._kept.items()):
            connection = kept.connection
            if connection.settled.is_set() and not connection.calls and now - connection.used_at >= IDLE_SECONDS:
                logger.info("an MCP server of %s was not used for %d s: it ends", place[0], IDLE_SECONDS)
                connection.stop()
                del self._kept[place]


def _load() -> None:
    """The SDK, in a thread, when it is first needed: see docs/decisions/0011."""
    from appx.workbench.mcp import connection, http, stdio  # noqa: F401, PLC0415
