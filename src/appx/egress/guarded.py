"""An error that nobody expected ends one connection or one question: the service goes on for all others."""

import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from typing import ParamSpec

import anyio
from anyio.abc import Listener, SocketStream, TaskGroup

logger = logging.getLogger(__name__)

MOST_KINDS = 100
"""Places from which errors are said. Whoever causes one can cause it a million times."""

REST_SECONDS = 0.1
"""When no connection could be taken: as a rule because too many files are open."""

P = ParamSpec("P")

_said: set[tuple[str, str]] = set()


def guarded(handle: Callable[P, Awaitable[None]]) -> Callable[P, Coroutine[None, None, None]]:
    """``handle``, whose errors end it and are said."""

    async def alone(*arguments: P.args, **named: P.kwargs) -> None:
        try:
            await handle(*arguments, **named)
        except Exception as error:  # noqa: BLE001  the top of all that is done for one connection or question
            say(error)

    return alone


async def serve(listener: Listener[SocketStream], handle: Callable[[SocketStream], Awaitable[None]]) -> None:
    """Each connection by a task of its own, until cancelled: also after one that could not be taken."""
    async with anyio.create_task_group() as tasks:
        while True:
            await _take_all(listener, guarded(handle), tasks)
            await anyio.sleep(REST_SECONDS)


async def _take_all(
    listener: Listener[SocketStream], handle: Callable[[SocketStream], Awaitable[None]], tasks: TaskGroup
) -> None:
    try:
        await listener.serve(handle, tasks)
    except Exception as error:  # noqa: BLE001  as in guarded
        say(error)


def say(error: Exception) -> None:
    """In the log, once for each kind and place."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    kind = (type(error).__name__, "".join(f"{frame.filename}:{frame.lineno}" for frame in last))
    if kind in _said or len(_said) >= MOST_KINDS:
        return
    _said.add(kind)
    logger.error("unexpected, and said once: one connection or question ends", exc_info=error)
