"""Tools of the project's MCP servers: called on the workbench, where the servers run."""

import json
from base64 import b64decode
from typing import Annotated, Any

from pydantic import AfterValidator, RootModel

from appx.domain.errors import Invalid
from appx.domain.ids import ProjectId
from appx.domain.messages import Image, ToolResult
from appx.tools.clip import MAX_BYTES
from appx.tools.read import attached, check_size
from appx.tools.tool import Show, Tool
from appx.workbench.bench import Workbench
from appx.workbench.mcp.shapes import McpCall, McpTool

CALL_SECONDS = 300.0


def _sendable(arguments: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(arguments, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:  # also one of an encoding
        raise ValueError("hold half of a surrogate pair, or a number that is infinite or none") from None
    return arguments


class McpArgs(RootModel[Annotated[dict[str, Any], AfterValidator(_sendable)]]):
    """Whatever the server of the tool takes: it is the one that checks them."""


def mcp_tool(workbench: Workbench, project: ProjectId, found: McpTool) -> Tool[McpArgs]:
    async def run(args: McpArgs, _show: Show) -> ToolResult:
        call = McpCall(
            server=found.server, tool=found.tool, arguments=args.root, time_limit=CALL_SECONDS, keep_bytes=MAX_BYTES
        )
        result = await workbench.call_mcp(project, call)
        lines = [result.text] if result.text else []
        images: list[Image] = []
        for number, data in enumerate(result.pictures, start=1):
            line, image = _picture(f"picture {number}", data)
            lines.append(line)
            images += image
        return ToolResult(ok=result.ok, text="\n".join(lines), images=tuple(images))

    return Tool(name=found.name, description=found.description, args=McpArgs, schema=found.schema, run=run)


def _picture(name: str, encoded: str) -> tuple[str, tuple[Image, ...]]:
    """What it is, and itself when a model can see it."""
    try:
        check_size(name, len(encoded) // 4 * 3)
        shown = attached(name, b64decode(encoded, validate=True))
    except ValueError:  # also one of letters that are not ASCII
        return f"[{name} cannot be shown: it is not base64]", ()
    except Invalid as error:
        return f"[{error}]", ()
    if shown is None:
        return f"[{name} cannot be shown: it is no png, jpg, gif or webp]", ()
    return f"[{shown.text}]", shown.images
