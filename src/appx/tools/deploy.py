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
from appx.tools.prod import refused
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
        what = "what DEV runs now" if args.release is None else f"release {args.release}"
        if no := await refused(person, args.environment, f"Give PROD {what}?"):
            return no
        if args.release is None:
            running = await rollouts.deploy(project, args.environment, args.health)
        else:
            running = await rollouts.roll_back(project, args.environment, args.release)
        await _follow(running, show)
        return ToolResult(ok=running.rollout.status == "done", text=told(running.rollout, running.lines))

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
