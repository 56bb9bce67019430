"""Bring apps back after a restart of the builder container."""

import logging

import anyio

from appx.domain.errors import AppxError
from appx.podman import argv
from appx.workbench.bench import Command, Workbench

logger = logging.getLogger(__name__)

TIME_LIMIT = 300.0
AT_ONCE = 3
"""Workbenches of which the apps are started at the same time."""


async def keep_restored(workbench: Workbench) -> None:
    """Now, and whenever a workbench comes back: it may have lost what ran. Until cancelled."""
    limiter = anyio.CapacityLimiter(AT_ONCE)
    waiting: dict[int, bool] = {}  # by its id: whether it came back once more since its turn came

    async def one(bench: Workbench) -> None:
        while waiting[id(bench)]:
            async with limiter:
                waiting[id(bench)] = False
                await restore(bench)
        del waiting[id(bench)]

    async with anyio.create_task_group() as tasks:
        async for bench in workbench.restarted():
            if id(bench) not in waiting:
                tasks.start_soon(one, bench)
            waiting[id(bench)] = True


async def restore(workbench: Workbench) -> None:
    """Start every inner container whose restart policy asks for it. What fails is logged; the others still start."""
    try:
        done = await workbench.run(Command(line=argv.start_restartable(), project=None, time_limit=TIME_LIMIT))
    except AppxError as error:
        logger.warning("apps were not started again: %s", error)
        return
    except Exception:  # a defect ends no server
        logger.exception("apps were not started again")
        return
    if done.code == 0:
        logger.info("apps started again: %s", done.output.split() or "none")
    else:
        logger.warning("not every app was started again: %s", done.output.strip() or done.ended)
