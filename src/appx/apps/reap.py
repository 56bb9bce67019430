"""Remove what a project ran."""

from appx.domain.errors import Unavailable
from appx.domain.ids import ProjectId
from appx.podman import argv
from appx.workbench.bench import Command, Workbench

TIME_LIMIT = 120.0
NOTHING = {"exit": "nothing", "time_limit": f"nothing within {TIME_LIMIT:g} s"}


async def reap(workbench: Workbench, project: ProjectId) -> None:
    """Containers, pods, networks, volumes and images of ``project``. Raises Unavailable with podman's words."""
    done = await workbench.run(Command(line=argv.reap(project), project=project, at_top=True, time_limit=TIME_LIMIT))
    if done.code != 0:
        raise Unavailable(
            f"Not everything that {project} ran could be removed; delete it again to go on. podman said: "
            f"{done.output[-2_000:].strip() or NOTHING[done.ended]}"
        )
