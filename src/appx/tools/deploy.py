"""``deploy``: bring the project's app into an environment."""

from typing import Literal

from pydantic import BaseModel, Field

from appx.apps.rollouts import Rollouts
from appx.apps.running import Running
from appx.domain.apps import Rollout
from appx.domain.ids import ProjectId
from appx.domain.messages import ToolResult
from appx.domain.questions import Ask
from appx.tools.arguments import Line
from appx.tools.plain import plain
from appx.tools.prod import REFUSED, agrees
from appx.tools.tool import Show, Tool


class DeployArgs(BaseModel):
    environment: Literal["dev", "prod"] = Field(
        default="dev",
        description="dev is built from the Containerfile; prod gets the image that dev has; the person is asked.",
    )
    health: Line | None = Field(
        default=None, max_length=200, description="The path that has to answer with 200 to 399, from now on."
    )
    release: int | None = Field(default=None, ge=1, description="Back to this release instead.")


def deploy(rollouts: Rollouts, project: ProjectId, person: Ask) -> Tool[DeployArgs]:
    async def run(args: DeployArgs, show: Show) -> ToolResult:
        running = await (_in_prod(args) if args.environment == "prod" else _in_dev(args))
        if running is None:
            return REFUSED
        await _follow(running, show)
        return ToolResult(ok=running.rollout.status == "done", text=told(running.rollout, running.lines))

    async def _in_dev(args: DeployArgs) -> Running:
        if args.release is None:
            return await rollouts.deploy(project, "dev", args.health)
        return await rollouts.roll_back(project, "dev", args.release)

    async def _in_prod(args: DeployArgs) -> Running | None:
        """None when the person does not agree. What begins is what they were asked about, and nothing newer."""
        if args.release is not None:
            number = (await rollouts.release(project, args.release)).number
            agreed = await agrees(person, f"Give PROD release {number}?")
            return await rollouts.roll_back(project, "prod", number) if agreed else None
        offered = await rollouts.offer(project, args.health)
        check = f" It has to answer at {offered.health}." if offered.health else ""
        agreed = await agrees(person, f"Give PROD release {offered.release}, which DEV runs now?{check}")
        return await rollouts.promote(offered) if agreed else None

    return Tool(
        name="deploy",
        description=(
            "Build the project's image and run it as its app, with its port, restart and health check; or promote, or "
            "go back. The new one is tried beside the old; when it fails, the old one goes on."
        ),
        args=DeployArgs,
        run=run,
    )


async def _follow(running: Running, show: Show) -> None:
    while not running.over:
        show(plain("\n".join(running.lines)))
        await running.news(len(running.lines))


def told(rollout: Rollout, lines: list[str]) -> str:
    """How it ended. Pure."""
    if rollout.status == "done":
        return f"{lines[-1] if lines else 'done'} ({rollout.environment})"
    end = f"{rollout.reason} Nothing was changed."
    return f"{end}\n\n{plain(rollout.tail)}" if rollout.tail else end
