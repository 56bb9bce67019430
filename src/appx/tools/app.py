"""``app``: look at what the project runs, and stop or start it."""

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, Field

from appx.apps.apps import Apps, Looks
from appx.domain.ids import ProjectId
from appx.domain.messages import ToolResult
from appx.domain.questions import Ask
from appx.tools.plain import plain
from appx.tools.prod import REFUSED, agrees
from appx.tools.tool import Show, Tool


class AppArgs(BaseModel):
    action: Literal["status", "logs", "restart", "stop", "start"] = Field(description="What to do.")
    environment: Literal["dev", "prod"] = Field(default="dev", description="For all but status.")
    service: str = Field(default="", max_length=60, description="Whose logs, where compose.yaml has several.")
    lines: int = Field(default=100, ge=1, le=1_000, description="How many of the last lines of the logs.")


LOOKS = ("status", "logs")


def app(apps: Apps, project: ProjectId, person: Ask) -> Tool[AppArgs]:
    async def run(args: AppArgs, _show: Show) -> ToolResult:
        changes_prod = args.environment == "prod" and args.action not in LOOKS
        if changes_prod and not await agrees(person, f"PROD: {args.action}?"):
            return REFUSED
        return ToolResult(ok=True, text=await _done(apps, project, args))

    return Tool(
        name="app",
        description="What the project runs: status of both environments, logs, restart, stop, start.",
        args=AppArgs,
        run=run,
    )


async def _done(apps: Apps, project: ProjectId, args: AppArgs) -> str:
    match args.action:
        case "status":
            return told(await apps.look(project))
        case "logs":
            return plain(await apps.logs(project, args.environment, args.lines, args.service)) or "[no output]"
        case "restart":
            await apps.restart(project, args.environment)
            return "It runs again."
        case "stop":
            await apps.stop(project, args.environment)
            return "It is stopped, and stays so until it is started or deployed."
        case "start":
            await apps.start(project, args.environment)
            return "It runs."


def told(looks: Looks) -> str:
    """A line for each environment, and for each container that is not the server's. Pure."""
    return "\n".join(_lines(looks)) or "Nothing of this project runs. Use deploy."


def _lines(looks: Looks) -> Iterator[str]:
    for look in looks.apps:
        state = "no container" if look.container is None else f"{look.container.state} ({look.container.status})"
        place = "" if look.port is None else f", port {look.port}"
        place = f", no published port. {look.no_port}" if look.no_port else place
        yield f"{look.app.environment}: release {look.app.release}, wanted {look.app.wanted}, {state}{place}"
        for each in look.services:
            name = each.name.removeprefix(f"{look.app.container}_")
            yield f"{look.app.environment}: service {name}, {each.state} ({each.status})"
    for each in looks.unmanaged:
        yield f"not deployed by the server: {each.name}, {each.state} ({each.status})"
