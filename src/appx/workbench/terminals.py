"""Commands whose output goes to somebody as it comes: through two pipes, or at a terminal with somebody who types."""

from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

from appx.domain.errors import Unavailable
from appx.kit import process
from appx.kit.terminal import Terminal, terminal
from appx.workbench.bench import Size, TakeBytes, TakeOutput, Typed
from appx.workbench.wire import STREAMS

REST_SECONDS = 0.2
"""How long output is still taken when the command has ended and something that it left behind has the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is started, and where. ``time_limit`` in seconds."""

    argv: Sequence[str]
    cwd: Path
    environment: Mapping[str, str]
    time_limit: float


async def stream(start: Start, take: TakeOutput) -> int | None:
    """As ``Workbench.stream``."""

    async def hand(number: int, data: bytes) -> None:
        await take(STREAMS[number - 1], data)

    try:
        return await process.outputs(
            start.argv, cwd=start.cwd, env=start.environment, time_limit=start.time_limit, take=hand
        )
    except OSError as error:
        raise _unstarted(error) from error


async def at_terminal(start: Start, size: Size, typed: AsyncIterable[Typed], take: TakeBytes) -> int | None:
    """As ``Workbench.terminal``."""
    try:
        async with terminal(
            start.argv, cwd=start.cwd, env=start.environment, columns=size.columns, rows=size.rows
        ) as opened:
            return await _talk(opened, start.time_limit, typed, take)
    except OSError as error:
        raise _unstarted(error) from error


async def _talk(opened: Terminal, time_limit: float, typed: AsyncIterable[Typed], take: TakeBytes) -> int | None:
    code = None
    async with anyio.create_task_group() as tasks:
        tasks.cancel_scope.deadline = anyio.current_time() + time_limit
        tasks.start_soon(_type, opened, typed)
        tasks.start_soon(_show, opened, take)
        code = await opened.ended()
        tasks.cancel_scope.deadline = anyio.current_time() + REST_SECONDS
    return code


async def _type(opened: Terminal, typed: AsyncIterable[Typed]) -> None:
    async for each in typed:
        if isinstance(each, Size):
            opened.resize(each.columns, each.rows)
        else:
            await opened.write(each)


async def _show(opened: Terminal, take: TakeBytes) -> None:
    while data := await opened.read():
        await take(data)


def _unstarted(error: OSError) -> Unavailable:
    return Unavailable(f"The command could not be started: {error.strerror}.")
