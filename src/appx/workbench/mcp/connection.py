"""One MCP server, from its start to its end. The only module that other parts import late: the SDK takes a second."""

import math
from collections.abc import Awaitable, Callable, Collection
from importlib import metadata
from typing import TypeAlias

import anyio
from mcp import Client, MCPError, types
from mcp.client import Transport

from appx.workbench.mcp.bounds import MAX_TOOL_NAME
from appx.workbench.mcp.content import clipped, result_of, whole
from appx.workbench.mcp.failure import Failed, sentence, without
from appx.workbench.mcp.listing import Offer
from appx.workbench.mcp.schemas import Unusable, usable
from appx.workbench.mcp.shapes import McpCall, McpResult

START_SECONDS = 30.0
REFRESH_SECONDS = 10.0
STOP_SECONDS = 5.0
COOLING = 4
"""A start that failed is not tried again for this many times as long as it took: a slow one would delay every turn."""

MAX_LISTED = 2_000
MAX_DESCRIPTION = 2_000

Talk: TypeAlias = Callable[[Callable[[Transport], Awaitable[None]]], Awaitable[None]]


class Connection:
    """``run`` is its one task. ``error`` says why it failed or ended; none of ``secrets`` is in it.

    ``settled``: it is ready, or failed. ``offers``: what it has, ``unusable``: what of that nobody can use, and why.
    """

    def __init__(self, talk: Talk, secrets: Collection[str]) -> None:
        self.offers: tuple[Offer, ...] = ()
        self.unusable: tuple[str, ...] = ()
        self.error = ""
        self.calls = 0
        self.used_at = self._began_at = anyio.current_time()
        self.settled = anyio.Event()
        self.ended = anyio.Event()
        self._talk = talk
        self._secrets = secrets
        self._stopping = anyio.Event()
        self._client: Client | None = None
        self._was_ready = False
        self._again_at = math.inf

    @property
    def ready(self) -> bool:
        return self._client is not None and not self._stopping.is_set()

    @property
    def over(self) -> bool:
        """It ended or ends, and another may take its place. After a start that failed, that takes a while."""
        if self._stopping.is_set():
            return True
        return self.ended.is_set() and (self._was_ready or anyio.current_time() >= self._again_at)

    def stop(self) -> None:
        """Begin to end it; ``ended`` is set when nothing of it is left."""
        self._stopping.set()

    async def run(self) -> None:
        try:
            await self._talk(self._use)
        except Exception as error:  # noqa: BLE001  a foreign server can make the SDK raise anything, and ends only itself
            self.error = without(self._secrets, sentence(error))
        finally:
            self._client = None
            now = anyio.current_time()
            self._again_at = now + COOLING * (now - self._began_at)
            self.settled.set()
            self.ended.set()

    async def _use(self, transport: Transport) -> None:
        info = types.Implementation(name="appx", version=metadata.version("appx"))
        with anyio.move_on_after(START_SECONDS) as patience:
            try:
                async with Client(transport, client_info=info, cache=None) as client:
                    await self._list(client)
                    patience.deadline = math.inf
                    self._client, self._was_ready = client, True
                    self.settled.set()
                    await self._stopping.wait()
                    patience.deadline = anyio.current_time() + STOP_SECONDS
            except Exception as error:
                raise Failed(sentence(error)) from error
        if patience.cancelled_caught and not self._stopping.is_set():
            raise Failed(f"It was not ready within {START_SECONDS:g} s.")

    async def refresh(self) -> None:
        """See which tools it has now, unless it works; one that does not answer is ended, and later begun anew."""
        if self._client is None or self.calls:
            return
        error = f"It did not answer within {REFRESH_SECONDS:g} s."
        with anyio.move_on_after(REFRESH_SECONDS):
            error = await self._guarded(self._list(self._client))
        if error and not self.calls:
            self.error = error
            self.stop()

    async def _list(self, client: Client) -> None:
        if client.server_capabilities.tools is None:
            return
        offers: dict[str, Offer] = {}
        unusable: list[str] = []
        cursor: str | None = None
        seen = 0
        while seen < MAX_LISTED:
            page = await client.list_tools(cursor=cursor)
            for tool in page.tools[: MAX_LISTED - seen]:
                try:
                    offers.setdefault(tool.name, _offer(tool))
                except Unusable as reason:
                    unusable.append(f"{tool.name[:MAX_TOOL_NAME]!r}: {reason}.")
            seen += len(page.tools) or 1
            cursor = page.next_cursor
            if cursor is None:
                break
        self.offers, self.unusable = tuple(offers.values()), tuple(unusable)

    async def call(self, call: McpCall) -> McpResult:
        """Never raises for what the server does. Cancelled, it tells the server that nobody waits any more."""
        result: McpResult | None = None
        self.calls += 1
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._end_with, tasks.cancel_scope)
                with anyio.move_on_after(call.time_limit):
                    result = await self._ask(call)
                tasks.cancel_scope.cancel()
        finally:
            self.calls -= 1
            self.used_at = anyio.current_time()
        if result is not None:
            return result
        if self.ended.is_set():
            why = self.error or "it was stopped."
            return McpResult(ok=False, text=f"The MCP server {call.server} ended during the call: {why}")
        text = f"{call.server} did not answer within {call.time_limit:g} s; the call was cancelled."
        return McpResult(ok=False, text=text)

    async def _end_with(self, scope: anyio.CancelScope) -> None:
        await self.ended.wait()
        scope.cancel()

    async def _ask(self, call: McpCall) -> McpResult | None:
        """None when it ended meanwhile."""
        client = self._client
        if client is None:
            return McpResult(ok=False, text=f"The MCP server {call.server} cannot be used: {self.error}")
        found: list[McpResult] = []

        async def ask() -> None:
            answer = await client.call_tool(call.tool, dict(call.arguments))
            found.append(result_of(answer, keep_bytes=call.keep_bytes))

        error = await self._guarded(ask())
        if error == "Session terminated":  # by a server at an address that began anew: it must be met anew, too
            self.stop()
        if not found and self.ended.is_set():
            return None
        return found[0] if found else McpResult(ok=False, text=clipped(f"{call.server}: {error}", call.keep_bytes))

    async def _guarded(self, doing: Awaitable[None]) -> str:
        """What went wrong, empty when nothing did."""
        try:
            await doing
        except Exception as error:  # noqa: BLE001  as in ``run``
            if isinstance(error, MCPError) and error.code == types.CONNECTION_CLOSED:
                with anyio.move_on_after(STOP_SECONDS):
                    await self.ended.wait()  # soon, if it ends: that says why
            return without(self._secrets, sentence(error))
        return ""


def _offer(tool: types.Tool) -> Offer:
    if len(tool.name) > MAX_TOOL_NAME or not tool.name:
        raise Unusable("its name is too long, or empty")
    described = whole(tool.description or tool.title or "")
    short = described if len(described) <= MAX_DESCRIPTION else f"{described[:MAX_DESCRIPTION]}…"
    return Offer(tool=tool.name, description=short, schema=usable(tool.input_schema))
