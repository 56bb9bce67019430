"""The parts that keep the apps of projects running."""

from dataclasses import dataclass

import anyio
from anyio.abc import TaskStatus

from appx.apps.apps import Apps
from appx.apps.containers import Containers
from appx.apps.disks import Disks
from appx.apps.garbage import Garbage, Rule
from appx.apps.rollouts import Rollouts
from appx.apps.starter import Starter
from appx.apps.variables import Variables
from appx.apps.visits import Visits
from appx.domain.ids import ProjectId
from appx.podman.apps import Limits
from appx.projects.checkpoints import Checkpoints
from appx.projects.egress import EgressPolicies
from appx.projects.leases import Leases
from appx.settings.settings import Settings
from appx.store.database import Database
from appx.workbench.bench import Workbench


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    apps: Apps
    rollouts: Rollouts
    variables: Variables
    visits: Visits
    disks: Disks
    garbage: Garbage

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled; ``task_status`` is told when deployments can begin."""
        async with anyio.create_task_group() as tasks:
            await tasks.start(self.apps.run)
            tasks.start_soon(self.garbage.run)
            task_status.started()

    async def end(self, project: ProjectId) -> None:
        """Of a project that is deleted: what is being deployed, followed, or open as a shell."""
        await self.rollouts.end(project)
        await self.visits.end(project)
        self.disks.forget(project)


def running(
    settings: Settings,
    *,
    database: Database,
    workbench: Workbench,
    egress: EgressPolicies,
    checkpoints: Checkpoints,
) -> Running:
    limits = Limits(memory=settings.app_memory << 20, processes=settings.app_processes, cpus=settings.app_cpus)
    leases = Leases(database=database, workbench=workbench, egress=egress)
    disks = Disks(workbench, None if settings.project_disk is None else settings.project_disk << 20)
    starter = Starter(
        database=database,
        containers=Containers(
            workbench, reserve=settings.disk_reserve, disks=disks, health_seconds=settings.health_seconds
        ),
        limits=limits,
        lease=leases.lease,
        no_port=leases.reason,
    )
    garbage = Garbage(starter, disks, Rule(days=settings.image_days, room=settings.image_room << 20))
    rollouts = Rollouts(starter, checkpoints.keep, garbage.collect)
    return Running(
        apps=Apps(starter, rollouts),
        rollouts=rollouts,
        variables=Variables(database),
        visits=Visits(),
        disks=disks,
        garbage=garbage,
    )
