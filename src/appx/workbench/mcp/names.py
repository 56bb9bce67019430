"""What the tools of MCP servers are called: ``server__tool``, in letters that every provider takes. Pure."""

import re
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

from appx.workbench.mcp.bounds import MAX_NAME

HASH_DIGITS = 8


def public_names(tools: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """By server and tool. A name of its own stays, whatever else there is; of those that meet each gets a hash."""
    wanted = {each: _wanted(*each) for each in tools}
    met = Counter(wanted.values())
    return {
        each: _hashed(each, name) if met[name] > 1 or len(name) > MAX_NAME else name for each, name in wanted.items()
    }


def _wanted(server: str, tool: str) -> str:
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", f"{server}__{tool}")
    return name if name[0].isalpha() else f"_{name}"


def _hashed(each: tuple[str, str], name: str) -> str:
    digits = sha256("\0".join(each).encode(errors="replace")).hexdigest()[:HASH_DIGITS]
    return f"{name[: MAX_NAME - HASH_DIGITS - 1]}_{digits}"
