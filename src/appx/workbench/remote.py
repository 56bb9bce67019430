"""The workbench as the server sees it: a client of the service on its unix socket."""

import json
import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx2
from anyio.abc import TaskStatus

from appx.domain.errors import Unavailable
from appx.domain.ids import ProjectId
from appx.kit.unix_socket import UnixTransport
from appx.workbench import wire
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
from appx.workbench.terminal_remote import RemoteTerminal
from appx.workbench.tree import FileTree
from appx.workbench.tree_remote import RemoteTree

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 15.0
"""How long a request waits for a workbench that is starting: it comes back by itself after a crash."""

AGAIN_SECONDS = 0.1
WAKE_SECONDS = 3.0
"""Between two calls of ``wake``."""

STATUS_SECONDS = 60.0


class RemoteBench:
    """Speaks as ``wire`` says. A command may take as long as its own time limit, so nothing here times out but that."""

    def __init__(
        self, socket: Path, *, patience: float = PATIENCE_SECONDS, wake: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """``patience``: seconds that a request waits for the workbench to be there.

        ``wake``: asks for it to be started, and is called when nobody answers.
        """
        self._socket = socket
        self._patience = patience
        self._wake = wake
        self._http = httpx2.AsyncClient(
            transport=UnixTransport(socket),
            base_url="http://workbench",
            timeout=None,
            trust_env=False,
        )
        self.tree: FileTree = RemoteTree(self._asked)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        body = wire.COMMAND.dump_json(command)
        async with self._asked("POST", "/run", content=body) as answer:
            async for line in answer.aiter_lines():
                match json.loads(line):
                    case {"output": output}:
                        if on_output is not None:
                            on_output(output)
                    case {"result": result}:
                        return wire.RESULT.validate_python(result)
                    case error:
                        raise wire.error_in(error)
        raise Unavailable("The workbench ended while the command ran.")

    async def stream(self, command: Command, take: TakeOutput) -> int | None:
        async def split(data: bytes) -> None:
            await take(wire.STREAMS[data[0] - 1], data[1:])

        async with self._asked("POST", "/stream", content=wire.COMMAND.dump_json(command)) as answer:
            return _code(await wire.hand_over(answer.aiter_raw(), split))

    async def terminal(self, command: Command, size: Size, typed: AsyncIterable[Typed], take: TakeBytes) -> int | None:
        found = RemoteTerminal(self._asked, typed, take)
        async with self._asked(
            "POST", "/terminals", query=wire.size_out(size), content=wire.COMMAND.dump_json(command)
        ) as answer:
            return _code(await found.talk(answer.aiter_raw()))

    async def read(self, project: ProjectId, path: str, *, limit: int) -> bytes:
        query = {"project": project, "path": path, "limit": str(limit)}
        async with self._asked("GET", "/file", query=query) as answer:
            return await answer.aread()

    async def write(self, project: ProjectId, path: str, data: bytes) -> None:
        async with self._asked("PUT", "/file", query={"project": project, "path": path}, content=data):
            pass

    async def create_project(self, project: ProjectId) -> str:
        async with self._asked("PUT", f"/projects/{project}") as answer:
            found: str = json.loads(await answer.aread())["directory"]
            return found

    async def remove_project(self, project: ProjectId) -> None:
        async with self._asked("DELETE", f"/projects/{project}"):
            pass

    async def pack(self, project: ProjectId, take: TakeBytes) -> None:
        async with self._asked("POST", f"/projects/{project}/pack") as answer:
            await wire.hand_over(answer.aiter_raw(), take)

    async def unpack(self, project: ProjectId, into: str, tar: AsyncIterable[bytes]) -> None:
        async with self._asked("PUT", f"/projects/{project}/unpacked", query={"into": into}, content=tar):
            pass

    async def mcp_servers(self, project: ProjectId) -> McpServers:
        async with self._asked("POST", f"/projects/{project}/mcp") as answer:
            return wire.MCP_SERVERS.validate_json(await answer.aread())

    async def call_mcp(self, project: ProjectId, call: McpCall) -> McpResult:
        body = wire.MCP_CALL.dump_json(call)
        async with self._asked("POST", f"/projects/{project}/mcp/call", content=body) as answer:
            return wire.MCP_RESULT.validate_json(await answer.aread())

    async def keep(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """The workbench does, in its own process."""
        task_status.started()
        await anyio.sleep_forever()

    def awake(self, project: ProjectId) -> bool:  # noqa: ARG002  it serves all that it is asked for
        return True

    async def status(self) -> BenchStatus:
        """A workbench that is not there is a problem, not an error; it is not waited for."""
        try:
            with anyio.fail_after(STATUS_SECONDS):
                async with self._once("GET", "/status", {}, None) as answer:
                    return wire.STATUS.validate_json(await answer.aread())
        except (httpx2.TransportError, TimeoutError) as error:
            return BenchStatus(podman="", problems=(self._silent(error),))

    async def ended(self, *, hold: bool = False) -> bool:
        """Return when the workbench has ended: True when it had nothing to do, False after a mishap.

        ``hold``: meanwhile it does not end for want of work.
        """
        last = b""
        try:
            async with self._asked("GET", "/alive", query={"hold": "1"} if hold else {}, wake=hold) as answer:
                async for chunk in answer.aiter_raw():
                    last = chunk
        except Unavailable:
            return False
        return last.endswith(wire.IDLE)

    async def restarted(self) -> AsyncIterator[Workbench]:
        while True:
            yield self
            await self.ended()
            logger.warning("the workbench ended; apps are started again when it is back")

    @asynccontextmanager
    async def _asked(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        wake: bool = True,
    ) -> AsyncIterator[httpx2.Response]:
        """The answer to a request; waits for the workbench to be there, and never sends anything twice."""
        deadline = anyio.current_time() + self._patience
        waking = 0.0
        while True:
            try:
                async with self._once(method, path, query or {}, content) as answer:
                    yield answer
                    return
            except httpx2.ConnectError as error:
                if anyio.current_time() >= deadline:
                    raise Unavailable(self._silent(error)) from error
                if wake and self._wake is not None and anyio.current_time() >= waking:
                    await self._wake()
                    waking = anyio.current_time() + WAKE_SECONDS
            except httpx2.TransportError as error:
                raise Unavailable(f"The workbench ended in the middle: {error!r}. Try again.") from error
            await anyio.sleep(AGAIN_SECONDS)

    @asynccontextmanager
    async def _once(
        self, method: str, path: str, query: Mapping[str, str], content: bytes | AsyncIterable[bytes] | None
    ) -> AsyncIterator[httpx2.Response]:
        async with self._http.stream(method, path, params=query, content=content) as answer:
            if answer.status_code == 400:
                raise wire.error_in(json.loads(await answer.aread()))
            if answer.status_code >= 300:
                raise Unavailable(
                    f"The workbench answered {answer.status_code} to {method} {path}. Its log tells more."
                )
            yield answer

    def _silent(self, error: Exception) -> str:
        return f"The workbench does not answer on {self._socket}: {error!r}."


def _code(found: Mapping[str, object]) -> int | None:
    code = found.get("code")
    return code if isinstance(code, int) else None
