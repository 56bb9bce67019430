"""How much there is of a project's MCP servers. A workbench keeps to it, and the server holds each one to it. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from appx.workbench.mcp.shapes import McpServer, McpServers, McpTool

MAX_SERVERS = 16
MAX_SERVER_NAME = 100
MAX_TOOLS = 100
"""Providers take 128, and ours are among them."""

MAX_BYTES = 128 * 1024
"""Of descriptions and schemas, about 32,000 tokens."""

MAX_NAME = 64
"""Characters by which the model calls a tool: providers take no more."""

MAX_TOOL_NAME = 200
"""Of those by which its server does."""

MAX_SENTENCE = 1_000
MAX_ERROR = 2 * MAX_SENTENCE
"""Characters of what is wrong with a server: a few sentences. It is told at each turn, to people and the model."""

MAX_PROBLEMS = 20
"""Of the file. A workbench tells one."""

MAX_ANSWER = 2 << 20
"""Bytes in JSON: more than all of this together."""

_NAME = re.compile(rf"[a-zA-Z0-9_-]{{1,{MAX_NAME}}}")


def cost(description: str, schema: Mapping[str, Any]) -> int:
    """Bytes of ``MAX_BYTES``."""
    return len(json.dumps([description, schema], ensure_ascii=False).encode(errors="replace"))


def bounded(found: McpServers) -> McpServers:
    """What a workbench says, without what is too much: a command of the agent may have taken its place."""
    room = _Room()
    return McpServers(
        servers=tuple(_server(each, room) for each in found.servers[:MAX_SERVERS]),
        problems=sentences(found.problems),
    )


def sentences(said: Iterable[str]) -> tuple[str, ...]:
    return tuple(_clipped(each, MAX_ERROR) for each in tuple(said)[:MAX_PROBLEMS])


@dataclass(slots=True)
class _Room:
    """What is left for tools."""

    tools: int = MAX_TOOLS
    size: int = MAX_BYTES

    def takes(self, tool: McpTool) -> bool:
        told = len(tool.server) <= MAX_SERVER_NAME and len(tool.tool) <= MAX_TOOL_NAME and _NAME.fullmatch(tool.name)
        if not told or not self.tools:
            return False
        size = cost(tool.description, tool.schema)
        if size > self.size:
            return False
        self.tools, self.size = self.tools - 1, self.size - size
        return True


def _server(given: McpServer, room: _Room) -> McpServer:
    tools = tuple(each for each in given.tools if room.takes(each))
    return replace(
        given, name=_clipped(given.name, MAX_SERVER_NAME), error=_clipped(given.error, MAX_ERROR), tools=tools
    )


def _clipped(said: str, most: int) -> str:
    return said if len(said) <= most else f"{said[: most - 1]}…"
