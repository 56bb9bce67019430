"""A workbench in memory."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
from anyio.abc import TaskStatus

from appx.domain.errors import Invalid, NotFound, Unavailable
from appx.domain.ids import ProjectId
from appx.workbench.bench import (
    BenchStatus,
    Command,
    CommandResult,
    OnOutput,
    Size,
    Stream,
    TakeBytes,
    TakeOutput,
    Typed,
    Workbench,
)
from appx.workbench.mcp.shapes import McpCall, McpResult, McpServers
from appx.workbench.tree import FileTree

DONE = CommandResult(code=0, ended="exit", output="", total_bytes=0, total_lines=0, full_output=None)
ANSWER = McpResult(ok=True, text="")


@dataclass(slots=True)
class FakeBench:
    """Holds files by path, whatever the project. Each command shows ``tails``, then ends as ``result``.

    One whose output is followed gives the next of ``streams``; when there is none left, it goes on without a word. One
    at a terminal repeats what is typed, until that is ``exit``.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    result: CommandResult = DONE
    tails: Sequence[str] = ()
    commands: list[Command] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    servers: McpServers = field(default_factory=McpServers)
    calls: list[McpCall] = field(default_factory=list)
    answer: McpResult = ANSWER
    streams: list[Sequence[tuple[Stream, bytes]]] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)

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

    async def stream(self, command: Command, take: TakeOutput) -> int | None:
        self.commands.append(command)
        if not self.streams:
            await anyio.sleep_forever()
        for stream, data in self.streams.pop(0):
            await take(stream, data)
        return self.result.code

    async def terminal(self, command: Command, size: Size, typed: AsyncIterable[Typed], take: TakeBytes) -> int | None:
        self.commands.append(command)
        self.sizes.append(size)
        async for each in typed:
            if isinstance(each, Size):
                self.sizes.append(each)
            elif each == b"exit":
                return 0
            else:
                await take(each)
        await anyio.sleep_forever()
        return None

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

    async def keep(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await anyio.sleep_forever()

    def awake(self, project: ProjectId) -> bool:
        return True

    async def status(self) -> BenchStatus:
        return BenchStatus(podman="5.4.2")

    async def restarted(self) -> AsyncIterator[Workbench]:
        yield self
        await anyio.sleep_forever()


def _inside(path: str) -> None:
    if path.startswith("/") or ".." in path.split("/"):
        raise Invalid(f"{path} leads out of the project.")
