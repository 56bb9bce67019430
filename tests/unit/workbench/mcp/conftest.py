"""A project whose workbench runs MCP servers."""

import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from appx.workbench.bench import Workbench
from appx.workbench.local import LocalBench
from appx.workbench.mcp.shapes import McpCall, McpResult, McpServer
from tests.unit.workbench.conftest import PROJECT

FAKES = Path(__file__).parents[3] / "fakes"
SDK = {"command": sys.executable, "args": [str(FAKES / "mcp_server.py")]}


def odd(mode: str, **more: object) -> dict[str, object]:
    return {"command": sys.executable, "args": [str(FAKES / "mcp_odd.py"), mode], **more}


class Shop:
    """The project, and what is asked of its servers. ``local`` runs them, ``bench`` is asked."""

    def __init__(self, local: LocalBench, bench: Workbench) -> None:
        self.local = local
        self.bench = bench
        self.directory = local.workspace / PROJECT

    async def having(self, **servers: object) -> list[McpServer]:
        return await self.file(json.dumps({"mcpServers": servers}))

    async def file(self, text: str) -> list[McpServer]:
        await self.bench.write(PROJECT, ".pi/mcp.json", text.encode())
        return await self.servers()

    async def servers(self) -> list[McpServer]:
        return list((await self.bench.mcp_servers(PROJECT)).servers)

    async def one(self, given: object) -> McpServer:
        (server,) = await self.having(shop=given)
        return server

    async def call(self, tool: str = "tell", *, seconds: float = 20, keep: int = 50 * 1024, **given: Any) -> McpResult:  # noqa: ANN401
        call = McpCall(server="shop", tool=tool, arguments=given, time_limit=seconds, keep_bytes=keep)
        return await self.bench.call_mcp(PROJECT, call)

    async def process(self, name: str = "leader") -> int:
        return await process_in(self.directory / name)


async def until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(15):
        while not true():  # noqa: ASYNC110  a process of somebody else calls nobody back
            await anyio.sleep(0.02)


async def written(file: Path, words: str) -> None:
    """Return when they stand in it."""
    await until(lambda: file.exists() and words in file.read_text())


async def process_in(file: Path) -> int:
    """The id that a process wrote down about itself."""
    await until(lambda: file.exists() and file.read_text() != "")
    return int(await anyio.Path(file).read_text())


def alive(process: int) -> bool:
    with suppress(OSError):
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture
async def shop(local: LocalBench, bench: Workbench) -> AsyncIterator[Shop]:
    async with anyio.create_task_group() as tasks:
        await tasks.start(local.keep)
        yield Shop(local, bench)
        tasks.cancel_scope.cancel()


@pytest.fixture
async def local_shop(local: LocalBench) -> Shop:
    """One whose servers nobody runs yet."""
    await local.create_project(PROJECT)
    return Shop(local, local)
