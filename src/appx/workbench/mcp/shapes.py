"""What is said about MCP servers between the server and the workbench."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

State: TypeAlias = Literal["ready", "failed", "off"]
"""It works; it could not be started; it is not wanted."""

MAX_PICTURES = 4
"""Of one result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class McpTool:
    """A tool of an MCP server. ``name`` is what the model calls it, ``tool`` what its server does."""

    name: str
    server: str
    tool: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """``error``: why it failed, or what of a ready one cannot be used, in sentences; empty when all is well."""

    name: str
    state: State
    error: str = ""
    tools: tuple[McpTool, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServers:
    """Those of a project, in the order of its file. ``problems``: of the file itself."""

    servers: tuple[McpServer, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[str, ...]:
        """All that people and the model are to know: a sentence or a few for each."""
        return (*self.problems, *(f"{each.name}: {each.error}" for each in self.servers if each.error))


@dataclass(frozen=True, slots=True, kw_only=True)
class McpCall:
    """``time_limit`` is in seconds. At most ``keep_bytes`` of the result's text are answered."""

    server: str
    tool: str
    arguments: Mapping[str, Any]
    time_limit: float
    keep_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class McpResult:
    """What came back, or why nothing did. ``pictures`` are in base64, as the server sent them."""

    ok: bool
    text: str
    pictures: tuple[str, ...] = ()
