"""What the API is made of: the parts that its handlers call."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated
from weakref import WeakKeyDictionary

from fastapi import Depends, Path, Request

from appx.apps.apps import Apps
from appx.apps.disks import Disks
from appx.apps.rollouts import Rollouts
from appx.apps.variables import Variables
from appx.apps.visits import Visits
from appx.audit.log import AuditLog
from appx.domain.ids import ProjectId, SessionId
from appx.gateway.gateway import Gateway
from appx.http.auth import Gate
from appx.http.once import Once
from appx.models.registry import Models
from appx.podman.apps import Limits
from appx.projects.checkpoints import Checkpoints
from appx.projects.egress import EgressPolicies
from appx.projects.projects import Projects
from appx.projects.prompt_templates import PromptTemplates
from appx.projects.rows import Project
from appx.projects.templates import Templates
from appx.sessions.log import SessionLog
from appx.sessions.session import Session
from appx.sessions.sessions import Sessions
from appx.workbench.bench import Workbench


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """``readers`` counts the open event streams of each session; ``encoded`` is what those share.

    ``max_upload``: bytes of a file that comes in. ``read_secrets``: reads again what ``run.sh`` handed over.
    ``hosts``: names of the server; ``origins``: whose pages may call it.
    """

    projects: Projects
    apps: Apps
    rollouts: Rollouts
    variables: Variables
    visits: Visits
    disks: Disks
    sessions: Sessions
    models: Models
    templates: Templates
    prompt_templates: PromptTemplates
    checkpoints: Checkpoints
    workbench: Workbench
    gateway: Gateway
    egress: EgressPolicies
    gate: Gate
    audit: AuditLog
    max_upload: int
    read_secrets: Callable[[], Awaitable[None]]
    hosts: Sequence[str] = ()
    origins: Sequence[str] = ()
    project_limits: Limits = field(default_factory=Limits)
    """Of all apps of a project together."""
    readers: Counter[str] = field(default_factory=Counter)
    encoded: WeakKeyDictionary[SessionLog, Once] = field(default_factory=WeakKeyDictionary)


def _parts(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


Here = Annotated[Parts, Depends(_parts)]
"""The parts of the application that answers."""


async def _project(parts: Here, project_id: Annotated[str, Path(alias="projectId")]) -> Project:
    return await parts.projects.registered(ProjectId(project_id))


ThisProject = Annotated[Project, Depends(_project)]
"""The project that the path of a session's route names; 404 when there is none."""


async def _session(parts: Here, project: ThisProject, session_id: Annotated[str, Path(alias="id")]) -> Session:
    return await parts.sessions.get(project.id, SessionId(session_id))


ThisSession = Annotated[Session, Depends(_session)]
"""The session that the path names; 404 when there is none."""
