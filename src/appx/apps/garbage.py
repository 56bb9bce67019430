"""What builds leave behind goes by its age, and sooner where the images of a project take too much."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import anyio

from appx.apps import compose, rows
from appx.apps.containers import last_lines
from appx.apps.disks import Disks
from appx.apps.starter import Starter
from appx.domain.errors import AppxError, Unavailable
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.podman import garbage as lines
from appx.workbench.bench import Command

logger = logging.getLogger(__name__)

SECONDS = 300.0
LOOK_SECONDS = 3_600.0
DAY = timedelta(days=1)
MEASURED_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``days``: what is older goes. ``room``: bytes; when a project's images take more, all goes that may go."""

    days: float = 7.0
    room: int = 4 << 30


@dataclass(slots=True)
class Known:
    """``at``: when it was last collected, or first seen. ``settled``: asleep ever since all of it was too old."""

    at: datetime = field(default_factory=clock.now)
    settled: bool = False


class Garbage:
    """Never what has a name, is used, or belongs to a release that is kept; and nothing while a build runs."""

    def __init__(self, starter: Starter, disks: Disks, rule: Rule) -> None:
        self._starter = starter
        self._database = starter.database
        self._workbench = starter.containers.workbench
        self._disks = disks
        self._rule = rule
        self._known: dict[ProjectId, Known] = {}

    async def collect(self, project: ProjectId) -> None:
        """By the rule. Whoever calls it is the only one who changes the apps of the project. Raises Unavailable."""
        used = await self._disks.used(project, good_for=MEASURED_WITHIN)
        full = used.disk.images > self._rule.room
        releases = await self._database.read(lambda db: rows.releases(db, project))
        kept = {name: image for each in releases for name, image in compose.images_of(each).items()}
        line = lines.collect(project, kept, None if full else max(1, round(self._rule.days * 24)))
        done = await self._workbench.run(Command(line=line, project=project, time_limit=SECONDS))
        if done.code != 0:
            raise Unavailable(f"what builds left was not removed: {last_lines(done.output) or done.ended}")
        self._known[project] = Known()
        if full:
            self._disks.forget(project)

    async def run(self) -> None:
        """Once a day of each project whose workbench is awake; of others when all that they left is too old.

        A workbench that sleeps builds nothing, so it is woken once. Until cancelled.
        """
        while True:
            await anyio.sleep(LOOK_SECONDS)
            projects = await self._database.read(rows.projects_with_releases)
            self._known = {project: known for project, known in self._known.items() if project in projects}
            for project in projects:
                if self.due(project):
                    await self._collect_alone(project)

    def due(self, project: ProjectId) -> bool:
        known = self._known.setdefault(project, Known())
        if self._workbench.awake(project):
            known.settled = False
            return clock.now() - known.at >= DAY
        return not known.settled and clock.now() - known.at >= timedelta(days=self._rule.days) + DAY

    async def _collect_alone(self, project: ProjectId) -> None:
        slept = not self._workbench.awake(project)
        try:
            async with self._starter.alone(project):
                await self.collect(project)
        except AppxError as error:
            logger.warning("%s: %s", project, error)
            self._known[project] = Known()
        except Exception:  # a defect ends no server
            logger.exception("what builds of %s left was not removed", project)
            self._known[project] = Known()
        self._known[project].settled = slept
