"""All attempts, some at once. One that fails loses no other."""

import signal
from collections.abc import Awaitable, Callable, Sequence

import anyio
from bench.agent.attempt import Result
from bench.agent.builder import Trouble
from bench.agent.place import Unreachable
from bench.agent.task import Task

Attempt = Callable[[Task, int], Awaitable[Result]]


async def attempts(
    attempt: Attempt, tasks: Sequence[Task], *, repeat: int, jobs: int, show: Callable[[Result], None]
) -> bool:
    """Attempt every task ``repeat`` times, ``jobs`` at once, and show each result as it comes.

    All tasks come once before one comes again, so that a part of the results is a fair part. Answers whether it came
    to its end: SIGINT or SIGTERM end it early, and what is running then is stopped and cleaned up.
    """
    slots = anyio.Semaphore(jobs)

    async def one(task: Task, number: int) -> None:
        async with slots:
            show(await _survived(attempt, task, number))

    async with anyio.create_task_group() as watching:
        watching.start_soon(_cancelled_by_signal, watching.cancel_scope)
        async with anyio.create_task_group() as running:
            for number in range(1, repeat + 1):
                for task in tasks:
                    running.start_soon(one, task, number)
        watching.cancel_scope.cancel()
        return True
    return False


async def _survived(attempt: Attempt, task: Task, number: int) -> Result:
    try:
        return await attempt(task, number)
    except (Trouble, Unreachable) as error:
        why = str(error)
    except Exception as error:  # noqa: BLE001  a defect costs one attempt, not the run
        why = f"The bench itself failed: {error!r}"
    return Result(task=task.name, number=number, status="error", why=why)


async def _cancelled_by_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return
