"""Shells for people: in a project's directory, and in an app."""

import secrets

from appx.apps.containers import Containers
from appx.domain.apps import App
from appx.domain.errors import Conflict
from appx.domain.ids import ProjectId
from appx.podman import shells as lines
from appx.workbench.bench import Command

SECONDS = 12 * 3600.0
"""After so long a shell ends, whoever is at it."""


def in_project(project: ProjectId) -> Command:
    return Command(line=lines.in_project(), project=project, time_limit=SECONDS)


async def in_app(containers: Containers, app: App) -> Command:
    """Raises Conflict when it does not run."""
    life = await containers.life(app)
    if life is None or not life.runs:
        raise Conflict(f"{app.environment.upper()} does not run. Start it first.")
    return Command(line=lines.in_app(life.id, secrets.token_hex(8)), project=app.project, time_limit=SECONDS)
