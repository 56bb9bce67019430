"""An MCP server that says who runs it, and which keys it finds."""

import os

from mcp.server import MCPServer

server = MCPServer("who", log_level="ERROR")


@server.tool()
def uid() -> str:
    """The user, and the names of the variables that look like a secret."""
    names = [name for name in os.environ if "KEY" in name or "TOKEN" in name]  # noqa: TID251
    return f"uid {os.getuid()} secrets {names}"


server.run()
