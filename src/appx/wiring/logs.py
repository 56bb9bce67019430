"""What the server and the workbench write about themselves: one line for each thing, on standard error."""

import logging

from typing_extensions import override

from appx.kit.harmless import harmless

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
CHATTY = ("httpx", "httpx2", "httpcore", "httpcore2", "openai", "anthropic", "google_genai", "uvicorn")
"""Libraries of which only warnings are shown, whatever the level."""

MUTE = ("mcp", "client")
"""Both are of the library ``mcp``. It logs what foreign servers send; what goes wrong is told by its user."""


class _Formatter(logging.Formatter):
    """What a workbench or a program answered may be in it: it commands no terminal, and begins no line."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        return harmless(super().format(record)).replace("\n", "\n  ")


def log_to_stderr(level: str) -> None:
    """``level``: debug, info, warning or error."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(FORMAT))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.root.level))
    for mute in MUTE:
        logging.getLogger(mute).setLevel(logging.CRITICAL)
