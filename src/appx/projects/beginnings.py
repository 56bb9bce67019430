"""What a new project begins with, and how that comes into its directory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TypeAlias

from appx.domain.errors import Conflict
from appx.domain.ids import ProjectId
from appx.projects import cloning
from appx.projects.checkpoints import Checkpoints
from appx.projects.templates import Template, archive
from appx.workbench.bench import Command, Workbench
from appx.workbench.tree import Look


@dataclass(frozen=True, slots=True, kw_only=True)
class FromTemplate:
    template: Template


@dataclass(frozen=True, slots=True, kw_only=True)
class FromGit:
    """``address``: as ``cloning.checked_address`` lets it through."""

    address: str


Beginning: TypeAlias = FromTemplate | FromGit


@dataclass(frozen=True, slots=True)
class Beginnings:
    """By way of the workbench, with the rights of the project's account."""

    workbench: Workbench
    checkpoints: Checkpoints

    async def check_empty(self, project: ProjectId) -> None:
        """Raises Conflict when somebody's files are there already: without accounts a directory may be."""
        found = await self.workbench.tree.entries(project, Look())
        if any(each.path != ".git" for each in found.entries):
            raise Conflict(
                f"The directory of {project} has files already, and only an empty one is filled. Choose another name, "
                "or make the project without anything to begin with."
            )

    async def fill(self, project: ProjectId, beginning: Beginning) -> None:
        """What came in becomes the first checkpoint. After an error some of it may be there."""
        match beginning:
            case FromTemplate():
                data = await archive(beginning.template)
                await self.workbench.tree.unzip(project, ".", _whole(data), replace=False)
                await self.checkpoints.take(project, f"Begin with the template {beginning.template.name}")
            case FromGit():
                await self._clone(project, beginning.address)
                await self.checkpoints.take(project, f"Begin with {beginning.address}")

    async def _clone(self, project: ProjectId, address: str) -> None:
        """git runs where the agent's commands run, and reaches what they reach."""
        command = Command(line=cloning.clone(address), project=project, time_limit=cloning.SECONDS)
        failed = cloning.refusal(address, await self.workbench.run(command))
        if failed is not None:
            raise failed


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data
