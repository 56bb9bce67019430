"""The result of an MCP tool as text and pictures, in bounds. Pure."""

import json
from typing import Any

from mcp import types

from appx.workbench.mcp.shapes import MAX_PICTURES, McpResult


def result_of(found: types.CallToolResult, *, keep_bytes: int) -> McpResult:
    """Texts as they are; pictures apart, at most ``MAX_PICTURES``; anything else in a line that says what it is."""
    pictures = [block.data for block in found.content if isinstance(block, types.ImageContent)]
    lines = [_told(block) for block in found.content if not isinstance(block, types.ImageContent)]
    if not found.content and found.structured_content is not None:
        lines.append(json.dumps(found.structured_content, ensure_ascii=False, indent=1))
    if len(pictures) > MAX_PICTURES:
        lines.append(f"[only the first {MAX_PICTURES} of {len(pictures)} pictures are attached]")
    text = clipped("\n".join(lines), keep_bytes)
    if not text.strip() and not pictures:
        text = "[no output]"
    return McpResult(ok=not found.is_error, text=text, pictures=tuple(pictures[:MAX_PICTURES]))


def _told(block: types.ContentBlock) -> str:
    match block:
        case types.TextContent(text=text):
            return text
        case types.EmbeddedResource(resource=types.TextResourceContents(uri=uri, text=text)):
            return f"[{uri}]\n{text}"
        case types.EmbeddedResource(resource=resource):
            return f"[{resource.uri}: {resource.mime_type or 'binary data'}, which cannot be shown]"
        case types.ResourceLink():
            return f"[link to {block.name}: {block.uri}]"
        case types.AudioContent():
            return f"[{block.mime_type}, which cannot be shown]"
        case _:
            return f"[{block.type}, which cannot be shown]"


def clipped(text: str, most: int) -> str:
    """The first ``most`` bytes, and what was left out. Half a surrogate pair becomes U+FFFD."""
    data = whole(text).encode()
    if len(data) <= most:
        return data.decode()
    shown = data[:most].decode(errors="ignore")
    return f"{shown}\n[cut: the first {most:,} of {len(data):,} bytes. Ask for less at once to see the rest.]"


def whole(text: str) -> str:
    """Text that can be written: JSON can say half of a surrogate pair."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def mended(line: bytes) -> bytes:
    """A line of JSON that a strict reader takes: bytes that are no UTF-8 and half surrogates become U+FFFD.

    Raises ValueError when it is no JSON.
    """
    found: Any = json.loads(line.decode(errors="replace"))
    return whole(json.dumps(found, ensure_ascii=False)).encode()
