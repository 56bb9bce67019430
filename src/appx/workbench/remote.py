"""The workbench as the server sees it: a client of the service on its unix socket."""

import logging
import math
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import anyio
import httpx2
from anyio.abc import TaskStatus

from appx.domain.errors import AppxError, Unavailable
from appx.domain.ids import ProjectId
from appx.kit.unix_socket import UnixTransport
from appx.workbench import wire
from appx.workbench.answers import SILENCE_SECONDS, Answer, senseless, understood, within
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
from appx.workbench.mcp import bounds
from appx.workbench.mcp.shapes import MAX_PICTURES, McpCall, McpResult, McpServers
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
GRACE_SECONDS = 300.0
"""Beyond the time limit of what it runs: to begin, and to end it."""

MOST_ESCAPED = 6
"""Bytes that one of an output may take in JSON."""

MOST_AROUND = 64 << 10
"""Bytes of a line beside an output."""

MOST_LAST_WORDS = 100
MOST_PATH = 4_096
MOST_VERSION = 100
OUTPUTS_PER_SECOND = 20
"""A workbench shows ten. What is more is left out: each takes time of the server."""


class RemoteBench:
    """Speaks as ``wire`` says, and trusts nothing of what comes: see ``answers``.

    A command may take as long as its own time limit. What is too long, too late or makes no sense is Unavailable.
    """

    def __init__(
        self, socket: Path, *, patience: float = PATIENCE_SECONDS, wake: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """``patience``: seconds that a request waits for the workbench to be there.

        ``wake``: asks for it to be started, and is called when nobody answers.
        """
        self._socket = socket
        self._patience = patience
        self._wake = wake
        # No client: one looks into redirections, keeps cookies, and fails in its own ways.
        self._http = UnixTransport(socket)
        self.tree: FileTree = RemoteTree(self._asked)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        body = wire.COMMAND.dump_json(command)
        most, keep = MOST_ESCAPED * command.keep_bytes + MOST_AROUND, command.keep_bytes
        pace = _Pace(OUTPUTS_PER_SECOND)
        async with self._asked("POST", "/run", content=body, limit=command.time_limit + GRACE_SECONDS) as answer:
            async for line in answer.lines(most):
                if line.startswith(wire.OUTPUT):
                    if on_output is not None and pace.allows():
                        on_output(understood(wire.SAID, line).get("output", "")[-keep:])
                    continue
                match understood(wire.SAID, line):
                    case {"result": result}:
                        return replace(result, output=result.output[-keep:], full_output=_path(result.full_output))
                    case error:
                        raise wire.error_in(error)
        raise Unavailable("The workbench ended while the command ran.")

    async def stream(self, command: Command, take: TakeOutput) -> int | None:
        async def split(data: bytes) -> None:
            if not 1 <= data[0] <= len(wire.STREAMS):
                raise senseless()
            await take(wire.STREAMS[data[0] - 1], data[1:])

        body, limit = wire.COMMAND.dump_json(command), command.time_limit + GRACE_SECONDS
        async with self._asked("POST", "/stream", content=body, limit=limit) as answer:
            return (await wire.hand_over(answer.parts(), split)).get("code")

    async def terminal(self, command: Command, size: Size, typed: AsyncIterable[Typed], take: TakeBytes) -> int | None:
        found = RemoteTerminal(self._asked, typed, take)
        query, body = wire.size_out(size), wire.COMMAND.dump_json(command)
        limit = command.time_limit + GRACE_SECONDS
        async with self._asked("POST", "/terminals", query=query, content=body, limit=limit) as answer:
            return (await found.talk(answer.parts())).get("code")

    async def read(self, project: ProjectId, path: str, *, limit: int) -> bytes:
        query = {"project": project, "path": path, "limit": str(limit)}
        async with self._asked("GET", "/file", query=query, limit=SILENCE_SECONDS) as answer:
            return await answer.whole(limit)

    async def write(self, project: ProjectId, path: str, data: bytes) -> None:
        query = {"project": project, "path": path}
        async with self._asked("PUT", "/file", query=query, content=data, limit=SILENCE_SECONDS):
            pass

    async def create_project(self, project: ProjectId) -> str:
        async with self._asked("PUT", f"/projects/{project}", limit=SILENCE_SECONDS) as answer:
            directory = (await answer.read(wire.MADE))["directory"]
            if len(directory) > MOST_PATH:  # it is kept, and told in each prompt
                raise senseless()
            return directory

    async def remove_project(self, project: ProjectId) -> None:
        async with self._asked("DELETE", f"/projects/{project}", limit=SILENCE_SECONDS):
            pass

    async def pack(self, project: ProjectId, take: TakeBytes) -> None:
        async with self._asked("POST", f"/projects/{project}/pack") as answer:
            await wire.hand_over(answer.parts(), take)

    async def unpack(self, project: ProjectId, into: str, tar: AsyncIterable[bytes]) -> None:
        async with self._asked("PUT", f"/projects/{project}/unpacked", query={"into": into}, content=tar):
            pass

    async def mcp_servers(self, project: ProjectId) -> McpServers:
        async with self._asked("POST", f"/projects/{project}/mcp", limit=SILENCE_SECONDS) as answer:
            return bounds.bounded(await answer.read(wire.MCP_SERVERS, bounds.MAX_ANSWER))

    async def call_mcp(self, project: ProjectId, call: McpCall) -> McpResult:
        body, limit = wire.MCP_CALL.dump_json(call), call.time_limit + GRACE_SECONDS
        async with self._asked("POST", f"/projects/{project}/mcp/call", content=body, limit=limit) as answer:
            found = await answer.read(wire.MCP_RESULT)
            return replace(found, text=found.text[: call.keep_bytes], pictures=found.pictures[:MAX_PICTURES])

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
                async with self._once("GET", "/status", {}, None, math.inf) as answer:
                    found = await answer.read(wire.STATUS)
                    problems, notes = bounds.sentences(found.problems), bounds.sentences(found.notes)
                    return replace(found, podman=found.podman[:MOST_VERSION], problems=problems, notes=notes)
        except Unavailable as error:
            return BenchStatus(podman="", problems=(str(error),))
        except (httpx2.TransportError, TimeoutError) as error:
            return BenchStatus(podman="", problems=(self._silent(error),))

    async def ended(self, *, hold: bool = False) -> bool:
        """Return when the workbench has ended: True when it had nothing to do, False after a mishap.

        ``hold``: meanwhile it does not end for want of work.
        """
        query = {"hold": "1"} if hold else {}
        try:
            async with self._asked("GET", "/alive", query=query, wake=hold, limit=math.inf) as answer:
                return (await answer.whole(MOST_LAST_WORDS)).endswith(wire.IDLE)
        except AppxError:
            return False

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
        limit: float | None = None,
    ) -> AsyncIterator[Answer]:
        """The answer to a request; waits for the workbench to be there, and never sends anything twice.

        ``limit``: seconds until all of it was read. Without one it may be silent for ``SILENCE_SECONDS`` at a time.
        """
        deadline = anyio.current_time() + self._patience
        waking = 0.0
        with nullcontext() if limit is None else within(limit):
            while True:
                try:
                    async with self._once(method, path, query or {}, content, limit) as answer:
                        yield answer
                        return
                except httpx2.ConnectError as error:
                    if anyio.current_time() >= deadline:
                        raise Unavailable(self._silent(error)) from error
                    if wake and self._wake is not None and anyio.current_time() >= waking:
                        await self._wake()
                        waking = anyio.current_time() + WAKE_SECONDS
                except httpx2.TimeoutException:
                    raise Unavailable(f"The workbench said nothing for {SILENCE_SECONDS:g} s.") from None
                except httpx2.TransportError as error:
                    raise Unavailable(f"The workbench ended in the middle: {error!r}. Try again.") from error
                await anyio.sleep(AGAIN_SECONDS)

    @asynccontextmanager
    async def _once(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        content: bytes | AsyncIterable[bytes] | None,
        limit: float | None,
    ) -> AsyncIterator[Answer]:
        timeout = httpx2.Timeout(SILENCE_SECONDS if limit is None else None).as_dict()
        request = httpx2.Request(
            method, f"http://workbench{path}", params=query, content=content, extensions={"timeout": timeout}
        )
        sends_long = isinstance(content, AsyncIterable)
        with within(math.inf if sends_long or limit is not None else SILENCE_SECONDS):
            response = await self._http.handle_async_request(request)
        async with aclosing(response):
            answer = Answer(response)
            if response.status_code == 400:
                raise wire.error_in(await answer.read(wire.SAID))
            if response.status_code >= 300:
                raise Unavailable(
                    f"The workbench answered {response.status_code} to {method} {path}. Its log tells more."
                )
            yield answer

    def _silent(self, error: Exception) -> str:
        return f"The workbench does not answer on {self._socket}: {error!r}."


class _Pace:
    """So many in a second, and as many at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = float(most)
        self._at = anyio.current_time()

    def allows(self) -> bool:
        now = anyio.current_time()
        self._left = min(self._most, self._left + (now - self._at) * self._most)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _path(told: str | None) -> str | None:
    return None if told is None else told[:MOST_PATH]
