"""The workbench in this process: files and commands with the rights that this process has."""

import contextlib
import os
import re
import stat
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio import to_thread
from anyio.abc import TaskStatus

from appx.domain.errors import Conflict, Invalid, NoSpace, NotFound, TooLarge, Unavailable
from appx.domain.ids import ProjectId
from appx.kit import process
from appx.kit.removal import clear_unfinished
from appx.kit.unfinished import unfinished_name
from appx.workbench import packing, terminals
from appx.workbench.bench import (
    AppLimits,
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
from appx.workbench.leftovers import end_processes, remove_tree
from appx.workbench.mcp.config import FILE as MCP_FILE
from appx.workbench.mcp.config import MAX_FILE as MAX_MCP_FILE
from appx.workbench.mcp.host import Home, McpHost
from appx.workbench.mcp.shapes import McpCall, McpResult, McpServers
from appx.workbench.paths import DIRECTORY, Spot, entered, gone, mode_of, open_file, spot, sync_folder
from appx.workbench.tail import Tail
from appx.workbench.tree import FileTree
from appx.workbench.tree_local import LocalTree

SHOW_SECONDS = 0.1
PODMAN_SECONDS = 20.0
GIT_SECONDS = 120.0
REMOVE_SECONDS = 120.0
MAX_WRITE = 64 << 20
MAX_LINE = 120_000
"""Linux takes 131,071 bytes in one argument."""

MARK = "APPX_PROJECT_DIR"
"""The variable by which the processes of a project are known: another workspace may have a project of that name."""

APP_CGROUPS = "podman unshare sh -c 'test -w /sys/fs/cgroup/cgroup.procs && cat /sys/fs/cgroup/cgroup.subtree_control'"
"""What podman sees: the controllers of a hierarchy of its own; fails where it has none, as on cgroup v1."""

_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(slots=True, kw_only=True)
class LocalBench:
    """``environment`` is all that a command gets, besides the name of its project.

    ``outputs``: the folder for long outputs. ``private``: this user is one project's, and closes its directory to
    others. ``max_processes``: the most of this user while a command runs, so that a
    fork bomb ends itself; None leaves it as it is. ``through``: the program and its arguments that start each command.
    """

    workspace: Path
    environment: Mapping[str, str]
    outputs: Path
    max_processes: int | None = None
    private: bool = False
    through: tuple[str, ...] = ()
    _podman: str = field(default="", init=False)
    _app_limits: AppLimits | None = field(default=None, init=False)
    _mcp: McpHost = field(init=False)

    def __post_init__(self) -> None:
        self._mcp = McpHost(str(self.workspace))

    @property
    def tree(self) -> FileTree:
        return LocalTree(self._directory, self._environment)

    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        _check_line(command.line)
        tail = Tail(self.outputs, keep_bytes=command.keep_bytes, keep_lines=command.keep_lines)
        changed = anyio.Event()

        def take(chunk: bytes) -> None:
            tail.add(chunk)
            changed.set()

        async def show(on_output: OnOutput) -> None:
            nonlocal changed
            while True:
                await changed.wait()
                changed = anyio.Event()
                on_output(tail.text())
                await anyio.sleep(SHOW_SECONDS)

        with self._entered(None if command.at_top else command.project) as cwd, contextlib.closing(tail):
            async with anyio.create_task_group() as tasks:
                if on_output is not None:
                    tasks.start_soon(show, on_output)
                code = await self._start(command, cwd, take)
                tasks.cancel_scope.cancel()
        if isinstance(code, Unavailable):
            raise code
        return CommandResult(
            code=code,
            ended="time_limit" if code is None else "exit",
            output=tail.text(),
            total_bytes=tail.total_bytes,
            total_lines=tail.total_lines,
            full_output=None if tail.full_output is None else str(tail.full_output),
        )

    async def _start(self, command: Command, cwd: Path, take: Callable[[bytes], None]) -> int | Unavailable | None:
        """The exit code, or why there is none: raised inside of a task group, it would come out as a group."""
        try:
            return await process.run(
                self._argv(command.line),
                cwd=cwd,
                env=self._environment(None if command.at_top else command.project),
                time_limit=command.time_limit,
                on_output=take,
                given=command.given.encode(),
            )
        except OSError as error:
            return Unavailable(f"The command could not be started: {error.strerror}.")

    async def stream(self, command: Command, take: TakeOutput) -> int | None:
        _check_line(command.line)
        with self._entered(command.project) as cwd:
            return await terminals.stream(self._started(command, cwd), take)

    async def terminal(self, command: Command, size: Size, typed: AsyncIterable[Typed], take: TakeBytes) -> int | None:
        _check_line(command.line)
        with self._entered(command.project) as cwd:
            return await terminals.at_terminal(self._started(command, cwd), size, typed, take)

    def _started(self, command: Command, cwd: Path) -> terminals.Start:
        return terminals.Start(
            argv=self._argv(command.line),
            cwd=cwd,
            environment=self._environment(command.project),
            time_limit=command.time_limit,
        )

    async def read(self, project: ProjectId, path: str, *, limit: int) -> bytes:
        root = self._directory(project)
        if path.startswith(f"{self.outputs}/"):
            root = self.outputs
        return await to_thread.run_sync(_read, root, path, limit)

    async def write(self, project: ProjectId, path: str, data: bytes) -> None:
        if len(data) > MAX_WRITE:
            raise TooLarge(f"{path}: {len(data)} bytes are more than the {MAX_WRITE} that a file may have here.")
        await to_thread.run_sync(_write, self._directory(project), path, data)

    async def create_project(self, project: ProjectId) -> str:
        directory = self.workspace / _checked(project)
        try:
            await to_thread.run_sync(_close if self.private else _make, directory)
        except OSError as error:
            raise _unmade(directory, error.strerror or "") from error
        if not await to_thread.run_sync(_is_repository, directory / ".git"):
            done = await self.run(Command(line="git init --quiet", project=project, time_limit=GIT_SECONDS))
            if done.code != 0:
                late = f"git init took longer than {GIT_SECONDS:.0f} s"
                raise _unmade(directory, late if done.ended == "time_limit" else f"git says {done.output.strip()}")
        return str(directory)

    async def remove_project(self, project: ProjectId) -> None:
        directory = self.workspace / _checked(project)
        await self._mcp.stop(project)
        if self.private and not await to_thread.run_sync(_is_own, directory):
            return
        await to_thread.run_sync(end_processes, f"{MARK}={directory}")
        if await to_thread.run_sync(remove_tree, directory):
            return
        # What an app wrote through a mount belongs to an id of podman's user namespace.
        line = f"podman unshare '{sys.executable}' -I -m appx.kit.removal '{directory}'"
        done = await self.run(Command(line=line, project=None, time_limit=REMOVE_SECONDS))
        if done.code != 0:
            raise Unavailable(f"{directory} could not be removed; delete the project again: {done.output.strip()}")

    async def pack(self, project: ProjectId, take: TakeBytes) -> None:
        await packing.pack(self._directory(project), self._environment(project), take)

    async def unpack(self, project: ProjectId, into: str, tar: AsyncIterable[bytes]) -> None:
        if not into.startswith(".") or not _ID.fullmatch(into[1:]):
            raise Invalid(f"{into!r} is no name for a directory to unpack into.")
        directory = self.workspace / into / _checked(project)
        try:
            await packing.unpack(directory, self._environment(project), tar)
        finally:
            if self.private and _is_own(directory):
                directory.chmod(0o700)

    async def mcp_servers(self, project: ProjectId) -> McpServers:
        return await self._mcp.servers(await self._home(project))

    async def call_mcp(self, project: ProjectId, call: McpCall) -> McpResult:
        return await self._mcp.call(await self._home(project), call)

    async def keep(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        await self._mcp.run(task_status=task_status)

    async def _home(self, project: ProjectId) -> Home:
        file, problem = None, ""
        directory = self._directory(project)
        try:
            file = await self.read(project, MCP_FILE, limit=MAX_MCP_FILE + 1)
        except NotFound:
            pass
        except Invalid as error:
            problem = f"{MCP_FILE} cannot be read: {error}"
        return Home(
            project=project,
            directory=directory,
            environment=self._environment(project),
            limits=self._limits(),
            file=file,
            problem=problem,
        )

    def awake(self, project: ProjectId) -> bool:  # noqa: ARG002  it serves all that it is asked for
        return True

    async def status(self) -> BenchStatus:
        """podman's version and limits are asked for once; whether it works, each time."""
        if not self._podman:
            told = await self._ask("podman version --format '{{.Client.Version}}'")
            if told.code != 0:
                return BenchStatus(podman="", problems=(f"podman does not work: {_last_line(told)}",))
            self._podman = told.output.strip()
        told = await self._ask("podman ps --quiet")
        if told.code != 0:
            return BenchStatus(podman=self._podman, problems=(f"podman does not work: {_last_line(told)}",))
        if self._app_limits is None:
            self._app_limits = _limits_told(await self._ask(APP_CGROUPS))
        return BenchStatus(podman=self._podman, limits=self._app_limits)

    async def restarted(self) -> AsyncIterator[Workbench]:
        """It is there as long as this process is."""
        yield self
        await anyio.sleep_forever()

    async def _ask(self, line: str) -> CommandResult:
        return await self.run(Command(line=line, project=None, time_limit=PODMAN_SECONDS))

    def _directory(self, project: ProjectId) -> Path:
        """Raises NotFound when it is gone: an agent may remove it, and a person may, too."""
        directory = self.workspace / _checked(project)
        if directory.is_symlink() or not directory.is_dir() or (self.private and not _is_own(directory)):
            raise gone(directory)
        return directory

    def _entered(self, project: ProjectId | None) -> contextlib.AbstractContextManager[Path]:
        """Where a command works: what is put in the place of the directory meanwhile makes no difference."""
        return contextlib.nullcontext(self.workspace) if project is None else entered(self._directory(project))

    def _argv(self, line: str) -> list[str]:
        return [*self._limits(), "bash", "-c", line]

    def _limits(self) -> list[str]:
        """No core dumps: they would hold what was in memory."""
        limits = [*self.through, "prlimit", "--core=0"]
        if self.max_processes is not None:
            limits.append(f"--nproc={self.max_processes}")
        return limits

    def _environment(self, project: ProjectId | None) -> dict[str, str]:
        return {
            **self.environment,
            **({} if project is None else {"APPX_PROJECT": project, MARK: str(self.workspace / project)}),
        }


def clear_projects(workspace: Path) -> None:
    """Remove what writes that a crash cut off left in this user's projects. For the start of the workbench."""
    with os.scandir(workspace) as entries:
        for each in entries:
            if _is_own(Path(each.path)):
                clear_unfinished(Path(each.path))


def _close(directory: Path) -> None:
    """Make it, or see that it is this user's, and let nobody else in. Raises Conflict."""
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    if not _is_own(directory):
        raise Conflict(f"{directory} is there and belongs to somebody else. Move it away, or choose another name.")
    directory.chmod(0o700)


def _is_own(directory: Path) -> bool:
    """Whether it is a directory of this user, and no link."""
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _unmade(directory: Path, why: str) -> NoSpace | Unavailable:
    if "No space left" in why or "quota exceeded" in why:
        return NoSpace(f"{directory} cannot be made: the disk is full. Make room, then try again.")
    return Unavailable(f"{directory} cannot be made: {why}.")


def _make(directory: Path) -> None:
    """A link in its place is none of ours, and nothing that anybody needs."""
    if directory.is_symlink():
        directory.unlink(missing_ok=True)
    directory.mkdir(exist_ok=True)
    os.close(os.open(directory, DIRECTORY))


def _is_repository(git: Path) -> bool:
    """What git itself asks; a crash in ``git init`` leaves less. A file leads to a repository elsewhere."""
    whole = (git / "HEAD").is_file() and (git / "objects").is_dir() and (git / "refs").is_dir()
    return whole or git.is_file()


def _checked(project: ProjectId) -> ProjectId:
    if not _ID.fullmatch(project):
        raise Invalid(f"{project!r} is no id of a project.")
    return project


def _check_line(line: str) -> None:
    """What the kernel would refuse with a riddle."""
    try:
        size = len(line.encode())
    except UnicodeEncodeError:
        raise Invalid("The command is no valid Unicode: it has half a surrogate pair. Send it again.") from None
    if size > MAX_LINE:
        raise Invalid(
            f"The command has {size} bytes; {MAX_LINE} is the most. Write what is long into a file, and use the file."
        )
    if "\0" in line:
        raise Invalid("A command has no zero byte.")


def _limits_told(told: CommandResult) -> AppLimits:
    enforced = told.output.split() if told.code == 0 else []
    return AppLimits(memory="memory" in enforced, cpu="cpu" in enforced, pids="pids" in enforced)


def _last_line(told: CommandResult) -> str:
    lines = told.output.strip().splitlines()
    return lines[-1] if lines else "it does not answer"


def _read(root: Path, path: str, limit: int) -> bytes:
    with spot(root, path) as place, os.fdopen(open_file(place, path), "rb") as file:
        return file.read(limit)


def _write(root: Path, path: str, data: bytes) -> None:
    """A new file takes its place, so that a reader sees the old content or the new, whatever happens."""
    with spot(root, path, make_parents=True) as place, _home(root, place) as home:
        mode = mode_of(place, path)
        name = unfinished_name()
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o666 if mode is None else 0o600, dir_fd=home)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                if mode is not None:
                    os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            os.rename(name, place.name, src_dir_fd=home, dst_dir_fd=place.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=home)
            raise
        sync_folder(place.parent)


@contextlib.contextmanager
def _home(root: Path, place: Spot) -> Iterator[int]:
    """Where an unfinished file is: the root, where the next start looks for it; beside its place on another disk."""
    top = os.open(root, DIRECTORY)
    try:
        same_disk = os.fstat(top).st_dev == os.fstat(place.parent).st_dev
        yield top if same_disk else place.parent
    finally:
        os.close(top)
