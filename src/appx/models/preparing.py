"""How long a question is prepared, which nothing in the event loop can interrupt, until it goes out to the provider."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpx2

_goes_out: ContextVar[Callable[[], None] | None] = ContextVar("goes_out", default=None)


@contextmanager
def preparing(tell: Callable[[float], None]) -> Iterator[None]:
    """Tells once how many seconds this thread worked since the beginning: when the first request inside goes out,
    or at the end when none does.
    """
    began: float | None = time.thread_time()

    def prepared() -> None:
        nonlocal began
        if began is not None:
            seconds, began = time.thread_time() - began, None
            tell(seconds)

    token = _goes_out.set(prepared)
    try:
        yield
    finally:
        _goes_out.reset(token)
        prepared()


async def went_out(_: httpx2.Request) -> None:
    """For every request, before it is sent."""
    prepared = _goes_out.get()
    if prepared is not None:
        prepared()
