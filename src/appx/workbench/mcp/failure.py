"""What goes wrong with an MCP server, in a sentence that gives nothing of its keys away."""

import re
from collections.abc import Iterable

from appx.workbench.mcp.bounds import MAX_SENTENCE

MIN_SECRET = 4
"""Characters. Shorter values, such as ``1`` or ``on``, stand in every text."""


class Failed(Exception):
    """A sentence."""


def sentence(error: BaseException) -> str:
    """Of a group the first: the others follow from it. What a library says in addition is left out."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, Failed):
        return str(error)
    said = re.sub(r"\s+", " ", str(error)).partition(" [type=")[0].strip() or type(error).__name__
    return said if said.endswith((".", "!", "?")) else f"{said}."


def without(secrets: Iterable[str], said: str) -> str:
    """``said`` without any of ``secrets``, and not too long."""
    for secret in sorted({each for each in secrets if len(each) >= MIN_SECRET}, key=len, reverse=True):
        said = said.replace(secret, "…")
    return said if len(said) <= MAX_SENTENCE else f"{said[:MAX_SENTENCE]}…"
