"""A workbench in memory."""

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel

from appx.domain.errors import Invalid, NotFound, Unavailable
from appx.domain.ids import ProjectId
from appx.workbench.bench import BenchStatus, Command, CommandResult, OnOutput, TakeBytes
from appx.workbench.mcp.shapes import McpCall, McpResult, McpServers
from appx.workbench.tree import FileTree

DONE = CommandResult(code=0, ended="exit", output="", total_bytes=0, total_lines=0, full_output=None)
ANSWER = McpResult(ok=True, text="")


@dataclass(slots=True)
class FakeBench:
    """Holds files by path, whatever the project. Each command shows ``tails``, then ends as ``result``."""

    files: dict[str, bytes] = field(default_factory=dict)
    result: CommandResult = DONE
    tails: Sequence[str] = ()
    commands: list[Command] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    servers: McpServers = field(default_factory=McpServers)
    calls: list[McpCall] = field(default_factory=list)
    answer: McpResult = ANSWER

    @property
    def tree(self) -> FileTree:
        raise Unavailable("A workbench in memory has no tree.")

    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        self.commands.append(command)
        for tail in self.tails:
            await anyio.lowlevel.checkpoint()
            if on_output is not None:
                on_output(tail)
        return self.result

    async def read(self, project: ProjectId, path: str, *, limit: int) -> bytes:
        await anyio.lowlevel.checkpoint()
        _inside(path)
        if path not in self.files:
            raise NotFound(f"There is no file {path}.")
        return self.files[path][:limit]

    async def write(self, project: ProjectId, path: str, data: bytes) -> None:
        await anyio.lowlevel.checkpoint()
        _inside(path)
        self.files[path] = data
        self.written.append(path)

    async def create_project(self, project: ProjectId) -> str:
        return f"/workspace/{project}"

    async def remove_project(self, project: ProjectId) -> None:
        self.files.clear()

    async def pack(self, project: ProjectId, take: TakeBytes) -> None:
        raise Unavailable("A workbench in memory packs nothing.")

    async def unpack(self, project: ProjectId, into: str, tar: AsyncIterable[bytes]) -> None:
        raise Unavailable("A workbench in memory unpacks nothing.")

    async def mcp_servers(self, project: ProjectId) -> McpServers:
        return self.servers

    async def call_mcp(self, project: ProjectId, call: McpCall) -> McpResult:
        self.calls.append(call)
        return self.answer

    async def keep(self) -> None:
        await anyio.sleep_forever()

    async def status(self) -> BenchStatus:
        return BenchStatus(podman="5.4.2")

    async def gone(self) -> None:
        await anyio.sleep_forever()


def _inside(path: str) -> None:
    if path.startswith("/") or ".." in path.split("/"):
        raise Invalid(f"{path} leads out of the project.")
