"""The agent of a turn: its model, tools and instructions, from the settings and files as they are now."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from appx.agent.loop import Agent
from appx.agent.prompt import Place, missing_section, system_prompt
from appx.agent.window import Window
from appx.apps.apps import Apps
from appx.apps.rollouts import Rollouts
from appx.domain.errors import NotFound
from appx.domain.events import ModelChosen
from appx.domain.leases import Environment, deployed
from appx.domain.questions import Ask
from appx.kit import clock
from appx.models.choice import choice_of
from appx.models.registry import Models
from appx.projects import leases, rows
from appx.projects.egress import EgressPolicies
from appx.projects.instructions import Instructions
from appx.projects.rows import Project
from appx.projects.skills import skills
from appx.sessions.row import SessionRow
from appx.store.database import Database
from appx.tools.app import app
from appx.tools.ask import ask
from appx.tools.bash import bash
from appx.tools.deploy import deploy
from appx.tools.edit import edit
from appx.tools.find import find
from appx.tools.grep import grep
from appx.tools.ls import ls
from appx.tools.mcp import mcp_tool
from appx.tools.read import read
from appx.tools.tool import Toolbox
from appx.tools.write import write
from appx.workbench.bench import Workbench


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """Opens the agent of a turn.

    ``global_prompt`` is the workspace's ``.pi-global/AGENTS.md``. ``skill_dirs`` have skills for all projects.
    """

    database: Database
    workbench: Workbench
    models: Models
    workspace: Path
    global_prompt: Path
    runtime: str
    ports: str
    max_steps: int
    egress: EgressPolicies
    apps: Apps
    rollouts: Rollouts
    skill_dirs: tuple[Path, ...] = ()

    async def open(self, row: SessionRow, chosen: ModelChosen | None, to_ask: Ask) -> Agent:
        """Raises AppxError when the model is unknown or has no key, or the workbench does not answer."""
        project = await self.database.read(lambda db: rows.by_id(db, row.project))
        if project is None:
            raise NotFound(f"project not registered: {row.project}")
        choice = choice_of(self.models, chosen)
        if choice.model is None:
            raise NotFound("The model of this session is no longer there. Choose another in its settings.")
        tools = (tool(self.workbench, project.id) for tool in (read, write, edit, bash))
        searching = (tool(self.workbench, project.id, project.directory) for tool in (grep, find, ls))
        running = (deploy(self.rollouts, project.id, to_ask), app(self.apps, project.id, to_ask))
        servers = await self.workbench.mcp_servers(project.id)
        foreign = (mcp_tool(self.workbench, project.id, each) for server in servers.servers for each in server.tools)
        return Agent(
            ref=choice.model.ref,
            model=self.models.open(choice.model),
            thinking=choice.thinking,
            toolbox=Toolbox((*tools, *searching, *running, ask(to_ask), *foreign)),
            system=await self.system(project) + missing_section(servers.failures),
            warnings=tuple(f"MCP: {each}" for each in servers.failures),
            window=Window(choice.model.context_window),
            max_steps=self.max_steps,
        )

    async def system(self, project: Project) -> str:
        """The system prompt of ``project`` as its files are now."""
        instructions = Instructions(
            workbench=self.workbench,
            project=project.id,
            workspace=self.workspace,
            global_prompt=self.global_prompt,
        )
        shared = self.global_prompt.with_name("skills")
        leased = await self.database.read(lambda db: leases.of(db, project.id))
        return system_prompt(
            base=await instructions.base(),
            added=await instructions.added(),
            files=await instructions.context(),
            place=Place(
                project=project.id,
                directory=project.directory,
                runtime=self.runtime,
                ports=self.ports if project.account is None else _ports(leased, self.ports),
                deployment=deployed(project.deployment, leased),
                egress=await self.egress.in_force(project.id),
            ),
            skills=await skills(self.workbench, project.id, shared=shared, folders=self.skill_dirs),
            today=clock.now().date(),
        )


def _ports(leased: Mapping[Environment, int], published: str) -> str:
    if leased:
        return ", ".join(str(port) for port in leased.values())
    return f"none. All of {published} are used by other projects: the app runs, and only you can look at it"
