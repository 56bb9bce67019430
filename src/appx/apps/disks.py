"""What projects take of the disk, measured now and then; and the most that one may take."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import anyio

from appx.domain.errors import NoSpace, Unavailable
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.podman.disk import MEASURE, MIB, MOST_LINES, Disk, described, disk_in, mebibytes
from appx.workbench.bench import Command, Workbench

SECONDS = 60.0
GOOD_FOR = timedelta(seconds=60)
"""How long a measurement stands for the present, unless a deploy is refused for it."""

ANSWER_BYTES = 4 << 20
TO_MAKE_ROOM = (
    "Remove files, containers or volumes that are not needed, or images by `podman image prune`, or let the operator "
    "raise the limit; then deploy again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    at: datetime
    disk: Disk


class Disks:
    """``limit``: bytes that a project may take when a build begins; None: as much as there is."""

    def __init__(self, workbench: Workbench, limit: int | None = None) -> None:
        self.limit = limit
        self._workbench = workbench
        self._known: dict[ProjectId, Measured] = {}
        self._measuring: dict[ProjectId, anyio.Lock] = {}

    async def used(self, project: ProjectId, *, good_for: timedelta = GOOD_FOR) -> Measured:
        """Measured within that time, or now. Raises Unavailable."""
        async with self._measuring.setdefault(project, anyio.Lock()):
            known = self._known.get(project)
            if known is None or clock.now() - known.at > good_for:
                known = self._known[project] = Measured(at=clock.now(), disk=await self._measure(project))
            return known

    async def check(self, project: ProjectId) -> None:
        """Raises NoSpace when it takes more than it may, and says what takes how much. Measures anew before."""
        if self.limit is None:
            return
        if (await self.used(project)).disk.total <= self.limit:
            return
        disk = (await self.used(project, good_for=timedelta())).disk
        if disk.total > self.limit:
            raise NoSpace(
                f"This project takes {mebibytes(disk.total)} MiB of the disk, and may take {self.limit // MIB} "
                f"(APPX_PROJECT_DISK): {described(disk)}. {TO_MAKE_ROOM}"
            )

    def forget(self, project: ProjectId) -> None:
        self._known.pop(project, None)
        self._measuring.pop(project, None)

    async def _measure(self, project: ProjectId) -> Disk:
        done = await self._workbench.run(
            Command(line=MEASURE, project=project, time_limit=SECONDS, keep_bytes=ANSWER_BYTES, keep_lines=MOST_LINES)
        )
        if done.ended == "time_limit":
            raise Unavailable(
                f"What this project takes of the disk could not be measured within {SECONDS:g} s: it has too many "
                "files, or the machine is busy. Remove some, or try again."
            )
        try:
            return disk_in(done.output)
        except ValueError as error:
            raise Unavailable(f"What this project takes of the disk could not be measured: {error}.") from error
