"""What the workbench does for the server: the seam between the brain and the hands."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

import anyio
from anyio.abc import TaskStatus

from appx.domain.ids import ProjectId
from appx.workbench.mcp.shapes import McpCall, McpResult, McpServers
from appx.workbench.tree import FileTree

OnOutput: TypeAlias = Callable[[str], None]
"""Called with the newest tail of a command's output (at most ``Command.keep_bytes``), at most ten times a second."""

TakeBytes: TypeAlias = Callable[[bytes], Awaitable[object]]
"""Takes the next part of a stream; no more comes before it has returned."""

Stream: TypeAlias = Literal["stdout", "stderr"]

TakeOutput: TypeAlias = Callable[[Stream, bytes], Awaitable[object]]
"""Takes the next part of one of a command's two streams; no more comes before it has returned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of a terminal, in characters: 1 to 65,535."""

    columns: int = 80
    rows: int = 24


Typed: TypeAlias = bytes | Size
"""What a person does at a terminal: types, or gives its window another size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A bash command line, run in the project's directory (or in the workspace when ``project`` is None).

    ``at_top``: run by the workbench of ``project``, but in the workspace: its directory may be gone.
    ``time_limit`` is in seconds. At most ``keep_bytes`` and ``keep_lines`` of the end of the output are answered.
    ``given`` is its standard input: other accounts see command lines, but not that.
    """

    line: str
    project: ProjectId | None
    time_limit: float
    keep_bytes: int = 50 * 1024
    keep_lines: int = 2_000
    at_top: bool = False
    given: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """A command that ended. stdout and stderr stand in the order in which they came.

    ``code``: the exit code, 128 + n for signal n, None when ``ended`` is not ``exit``.
    ``output``: the tail as text; bytes that are not UTF-8 are shown as U+FFFD.
    ``total_bytes``, ``total_lines``: of the whole output. ``full_output``: the file that holds the whole, on the
    workbench, when the tail is not all (capped; the file says so); else None.
    """

    code: int | None
    ended: Literal["exit", "time_limit"]
    output: str
    total_bytes: int
    total_lines: int
    full_output: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppLimits:
    """Which limits of an inner container the kernel enforces; podman takes the others, too, without effect."""

    memory: bool = False
    cpu: bool = False
    pids: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchStatus:
    """Whether the workbench can work. ``problems`` are sentences; empty means ready. ``notes``: what else to know."""

    podman: str
    """Version of podman, empty when it does not answer."""
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    limits: AppLimits = AppLimits()


class Workbench(Protocol):
    """Files and commands of projects. Paths are relative to the project's directory, or absolute inside it.

    A path that leads out of the project, also through a symbolic link, raises Invalid; a missing one NotFound;
    a full disk NoSpace; a workbench that does not answer Unavailable.
    Cancelling ``run`` ends the command's whole process group.
    """

    @property
    def tree(self) -> FileTree:
        """The same files as people handle them."""
        ...

    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult: ...

    async def stream(self, command: Command, take: TakeOutput) -> int | None:
        """Run it, hand all its output to ``take``, and answer its exit code: None when the time ran out.

        What it writes waits for ``take``. Cancelling this, and what ``take`` raises, end the whole process group.
        """
        ...

    async def terminal(self, command: Command, size: Size, typed: AsyncIterable[Typed], take: TakeBytes) -> int | None:
        """Run it with a terminal of its own, and answer its exit code: None when the time ran out.

        ``typed`` is its input, ``take`` gets what it shows; neither may raise. The end of ``typed`` is not the end of
        the command. Cancelling this ends all that was started at the terminal.
        """
        ...

    async def read(self, project: ProjectId, path: str, *, limit: int) -> bytes:
        """The first ``limit`` bytes of a file. ``read`` also accepts the path of a ``full_output``."""
        ...

    async def write(self, project: ProjectId, path: str, data: bytes) -> None:
        """Replace a file atomically (its mode stays), making parent directories."""
        ...

    async def create_project(self, project: ProjectId) -> str:
        """Make the project's directory and its git repository, if they are not there. Answers the absolute path.

        A workbench that is one project's raises Conflict when the directory is somebody else's.
        """
        ...

    async def remove_project(self, project: ProjectId) -> None:
        """Remove the project's directory with all that is in it. Nothing there is no error."""
        ...

    async def pack(self, project: ProjectId, take: TakeBytes) -> None:
        """Hand the project's directory to ``take`` as a tar archive with numeric owners.

        Owner 0 is the workbench's own user, others are ids of podman's user namespace. Raises Unavailable when a file
        cannot be read; files that change meanwhile are taken as they are found.
        """
        ...

    async def unpack(self, project: ProjectId, into: str, tar: AsyncIterable[bytes]) -> None:
        """Unpack what ``pack`` gave into the directory ``into``/``project`` of the workspace, which must not be there.

        ``into`` is one name that begins with a dot, so that it is no project's. After an error what was unpacked stays.
        """
        ...

    async def mcp_servers(self, project: ProjectId) -> McpServers:
        """The MCP servers of ``.pi/mcp.json`` as it is now, started if need be; none that fails raises."""
        ...

    async def call_mcp(self, project: ProjectId, call: McpCall) -> McpResult:
        """Call a tool of one. Its failure is a result. Cancelling this cancels the call."""
        ...

    async def keep(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """What goes on between calls, until cancelled: no MCP server starts before it has, and with it all end."""
        ...

    def awake(self, project: ProjectId) -> bool:
        """Whether it runs: to ask another one starts it first."""
        ...

    async def status(self) -> BenchStatus: ...

    def restarted(self) -> AsyncIterator["Workbench"]:
        """At the start and whenever it comes back after a mishap: a workbench that may have lost what ran."""
        ...
