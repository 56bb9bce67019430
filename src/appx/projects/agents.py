"""The agent of a turn: its model, tools and instructions, from the settings and files as they are now."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread

from appx.agent.loop import Agent
from appx.agent.prompt import ContextFile, Place, base_prompt, system_prompt
from appx.agent.window import Window
from appx.domain.errors import Invalid, NotFound
from appx.domain.events import ModelChosen
from appx.domain.ids import ProjectId
from appx.domain.questions import Ask
from appx.kit import clock
from appx.models.choice import choice_of
from appx.models.registry import Models
from appx.projects import rows
from appx.projects.rows import Project
from appx.sessions.row import SessionRow
from appx.store.database import Database
from appx.tools.ask import ask
from appx.tools.bash import bash
from appx.tools.edit import edit
from appx.tools.read import read
from appx.tools.tool import Toolbox
from appx.tools.write import write
from appx.workbench.bench import Workbench

MAX_CONTEXT_FILE = 256 * 1024
OVERRIDE = ".pi/AGENTS.md"
NAMES = ("AGENTS.md", "CLAUDE.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """Opens the agent of a turn. ``global_prompt`` is the workspace's ``.pi-global/AGENTS.md``."""

    database: Database
    workbench: Workbench
    models: Models
    workspace: Path
    global_prompt: Path
    runtime: str
    ports: str
    max_steps: int

    async def open(self, row: SessionRow, chosen: ModelChosen | None, to_ask: Ask) -> Agent:
        """Raises AppxError when the model is unknown or has no key, or the workbench does not answer."""
        project = await self.database.read(lambda db: rows.by_id(db, row.project))
        if project is None:
            raise NotFound(f"project not registered: {row.project}")
        choice = choice_of(self.models, chosen)
        if choice.model is None:
            raise NotFound("The model of this session is no longer there. Choose another in its settings.")
        tools = (tool(self.workbench, project.id) for tool in (read, write, edit, bash))
        return Agent(
            ref=choice.model.ref,
            model=self.models.open(choice.model),
            thinking=choice.thinking,
            toolbox=Toolbox((*tools, ask(to_ask))),
            system=await self.system(project),
            window=Window(choice.model.context_window),
            max_steps=self.max_steps,
        )

    async def system(self, project: Project) -> str:
        """The system prompt of ``project`` as its files are now."""
        return system_prompt(
            base=base_prompt(),
            files=await self._context(project.id),
            place=Place(
                project=project.id,
                directory=project.directory,
                runtime=self.runtime,
                ports=self.ports,
                deployment=project.deployment,
            ),
            today=clock.now().date(),
        )

    async def _context(self, project: ProjectId) -> list[ContextFile]:
        """From general to particular. A project's own ``.pi/AGENTS.md`` stands in the place of the global one."""
        general = await self._of_project(project, OVERRIDE) or await to_thread.run_sync(_of_server, self.global_prompt)
        found = [general]
        for name in NAMES:
            shared = await to_thread.run_sync(_of_server, self.workspace / name)
            if shared is not None:
                found.append(shared)
                break
        for name in NAMES:
            own = await self._of_project(project, name)
            if own is not None:
                found.append(own)
                break
        return [file for file in found if file is not None]

    async def _of_project(self, project: ProjectId, path: str) -> ContextFile | None:
        try:
            data = await self.workbench.read(project, path, limit=MAX_CONTEXT_FILE)
        except NotFound:
            return None
        except Invalid as error:
            return ContextFile(path=path, text=f"(this file could not be read: {error})")
        return ContextFile(path=path, text=data.decode(errors="replace"))


def _of_server(path: Path) -> ContextFile | None:
    """A file that root or the server owns, else None.

    The workspace's top is open to the agent: it could put a pipe there, or a file with orders for other projects.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in {0, os.getuid()}:
            return None
        return ContextFile(path=str(path), text=file.read(MAX_CONTEXT_FILE).decode(errors="replace"))
