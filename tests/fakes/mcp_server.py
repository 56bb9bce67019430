"""A real MCP server, made with the SDK: ``python mcp_server.py`` on stdio, ``python mcp_server.py PORT`` over HTTP."""

import os
import struct
import sys
import zlib

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Image
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("shop", log_level="ERROR")


def png() -> bytes:
    """One red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixel = zlib.compress(b"\0\xff\0\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def fails() -> str:
    """Fail."""
    raise ToolError("no tea left")


@server.tool()
def photo() -> Image:
    """A picture."""
    return Image(data=png(), format="png")


@server.tool()
def variable(name: str) -> str:
    """A variable of the environment."""
    return os.environ.get(name, "(unset)")


@server.tool()
async def slow(log: str) -> str:
    """Never answer; write into ``log`` what becomes of the call."""
    try:
        with open(log, "a") as file:  # noqa: ASYNC230, PTH123
            file.write("began\n")
        await anyio.sleep(60)
    except BaseException:
        with open(log, "a") as file:  # noqa: ASYNC230, PTH123
            file.write("cancelled\n")
        raise
    return "done"


@server.tool()
async def header(name: str, context: Context) -> str:
    """A header of the request."""
    return (context.headers or {}).get(name, "(unset)")


@server.tool()
def grow() -> str:
    """Get another tool."""
    server.add_tool(lambda: "new", name="grown", description="It was not there before.")
    return "grown"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run("stdio")
