"""Which tools of a project's MCP servers the model gets. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from appx.workbench.mcp.bounds import MAX_BYTES, MAX_TOOLS, cost
from appx.workbench.mcp.names import public_names
from appx.workbench.mcp.shapes import McpTool

MAX_TOLD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A tool as its server offers it."""

    tool: str
    description: str
    schema: Mapping[str, Any]


def tools_of(offers: Mapping[str, Sequence[Offer]]) -> dict[str, tuple[McpTool, ...]]:
    """By server: the tools with their names, the first of each in order, within the bounds of the project."""
    names = public_names((server, offer.tool) for server, each in offers.items() for offer in each)
    found: dict[str, tuple[McpTool, ...]] = {}
    count = size = 0
    for server, each in offers.items():
        taken: list[McpTool] = []
        for offer in each:
            more = cost(offer.description, offer.schema)
            if count == MAX_TOOLS or size + more > MAX_BYTES:
                break
            count, size = count + 1, size + more
            name = names[server, offer.tool]
            taken.append(
                McpTool(name=name, server=server, tool=offer.tool, description=offer.description, schema=offer.schema)
            )
        found[server] = tuple(taken)
    return found


def left_out(*, offered: int, used: int, unusable: Sequence[str]) -> str:
    """What of a server cannot be used, in sentences; empty when all can."""
    told = []
    if used < offered:
        told.append(
            f"Only the first {used:,} of its {offered:,} tools can be used: the servers of a project may have "
            f"{MAX_TOOLS} together, and {MAX_BYTES // 1024} KiB of descriptions."
        )
    if unusable:
        more = len(unusable) - MAX_TOLD
        told += ["Left out is", *unusable[:MAX_TOLD], *([f"And {more:,} more."] if more > 0 else [])]
    return " ".join(told)
