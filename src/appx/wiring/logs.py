"""What the server and the workbench write about themselves: one line for each thing, on standard error."""

import atexit
import logging
import queue
import time
from logging.handlers import QueueHandler, QueueListener

from typing_extensions import override

from appx.kit.harmless import harmless

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
CHATTY = ("httpx", "httpx2", "httpcore", "httpcore2", "openai", "anthropic", "google_genai", "uvicorn")
"""Libraries of which only warnings are shown, whatever the level."""

MUTE = ("mcp", "client")
"""Both are of the library ``mcp``. It logs what foreign servers send; what goes wrong is told by its user."""


MOST_WAITING = 1_000
"""Lines that nobody has taken yet. More are lost, and counted."""

END_SECONDS = 1.0


class _Formatter(logging.Formatter):
    """What a workbench or a program answered may be in it: it commands no terminal, and begins no line."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        return harmless(super().format(record)).replace("\n", "\n  ")


class _Waiting(QueueHandler):
    """Who logs waits for nobody: services of projects write into the same pipe, and one that fills it, or reads it no
    more, would hold up the server. ``lines``: those that wait for the thread that writes.
    """

    def __init__(self, lines: "queue.Queue[logging.LogRecord]") -> None:
        super().__init__(lines)
        self.setFormatter(logging.Formatter("%(message)s"))  # the rest of a line is for who writes it
        self._lost = 0

    @override
    def enqueue(self, record: logging.LogRecord) -> None:
        if self._lost:
            record.msg = f"{record.msg} ({self._lost} lines before this one were lost: the log was not read)"
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self._lost += 1
        else:
            self._lost = 0


def log_to_stderr(level: str) -> None:
    """``level``: debug, info, warning or error."""
    writing = logging.StreamHandler()
    writing.setFormatter(_Formatter(FORMAT))
    lines: queue.Queue[logging.LogRecord] = queue.Queue(MOST_WAITING)
    logging.basicConfig(level=level.upper(), handlers=[_Waiting(lines)])
    QueueListener(lines, writing).start()
    atexit.register(_end, lines)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.root.level))
    for mute in MUTE:
        logging.getLogger(mute).setLevel(logging.CRITICAL)


def _end(lines: "queue.Queue[logging.LogRecord]") -> None:
    """The last words are the most important ones, but an end does not wait for a reader."""
    until = time.monotonic() + END_SECONDS
    while lines.unfinished_tasks and time.monotonic() < until:
        time.sleep(0.01)
