"""What people hold open in projects, logs and shells: there is a most, and all end with the project."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from appx.domain.errors import Conflict, Unavailable
from appx.domain.ids import ProjectId

MOST_OF_PROJECT, MOST = 16, 128


@dataclass(eq=False, slots=True)
class _Visit:
    project: ProjectId
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    over: anyio.Event = field(default_factory=anyio.Event)


class Visits:
    """One for the server."""

    def __init__(self, *, of_project: int = MOST_OF_PROJECT, most: int = MOST) -> None:
        self._of_project = of_project
        self._most = most
        self._open: set[_Visit] = set()
        self._stopped = False

    async def hold(self, project: ProjectId, work: Callable[[], Awaitable[None]]) -> bool:
        """Do ``work``. False when it was ended, because the project was deleted or the server stops.

        Raises Conflict when too many are open, Unavailable when the server stops.
        """
        self._check(project)
        visit = _Visit(project)
        self._open.add(visit)
        try:
            with visit.scope:
                await work()
            return not visit.scope.cancelled_caught
        finally:
            self._open.discard(visit)
            visit.over.set()

    async def end(self, project: ProjectId) -> None:
        """Return when those of the project have ended."""
        await self._end({each for each in self._open if each.project == project})

    async def stop(self) -> None:
        """End all, and let none begin."""
        self._stopped = True
        await self._end(set(self._open))

    async def _end(self, ending: set[_Visit]) -> None:
        for each in ending:
            each.scope.cancel()
        for each in ending:
            await each.over.wait()

    def _check(self, project: ProjectId) -> None:
        if self._stopped:
            raise Unavailable("The server is stopping. Try again later.")
        count = Counter(each.project for each in self._open)
        if count[project] >= self._of_project:
            raise Conflict(
                f"{self._of_project} logs and shells are open in this project, which is the most. Close one."
            )
        if count.total() >= self._most:
            raise Conflict(f"{self._most} logs and shells are open, which is the most. Close one.")
