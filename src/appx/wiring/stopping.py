"""How a process of ours is asked to stop."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager

import anyio
import uvicorn
from typing_extensions import override


async def on_signal(stop: Callable[[], None]) -> None:
    """Call ``stop`` at each SIGTERM or SIGINT. Until cancelled."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for _ in signals:
            stop()


class Uvicorn(uvicorn.Server):
    """uvicorn without a hand on the signals: at the end it would send itself the one that it got, and die at once."""

    @contextmanager
    @override
    def capture_signals(self) -> Generator[None]:
        yield
