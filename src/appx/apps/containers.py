"""Images and containers of apps: what podman is asked by way of the workbench, and what it answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from appx.apps.disks import Disks
from appx.domain.apps import App, Variable
from appx.domain.errors import Conflict, Invalid, NoSpace, NotFound, Unavailable
from appx.domain.ids import ProjectId
from appx.podman import apps as lines
from appx.podman import parse
from appx.podman.apps import follow_logs
from appx.podman.parse import Container, Image, Life
from appx.podman.stats import UNSUPPORTED, Stats, stats_in
from appx.workbench.bench import Command, CommandResult, TakeOutput, Workbench

Read = TypeVar("Read")

RECIPES = ("Containerfile", "Dockerfile")
BUILD_SECONDS = 1_800.0
SECONDS = 300.0
"""A command of podman that takes longer is stuck, also on a slow machine that is busy."""

HEALTH_SECONDS = 30
FOLLOW_SECONDS = 24 * 3600.0
TAIL_LINES = 40
TAIL_BYTES = 8 << 10
LISTED_BYTES = 4 << 20
MOST_NAME = 100


class Failed(Conflict):
    """A step of a rollout did not work. ``tail``: the last lines that tell why."""

    def __init__(self, reason: str, tail: str = "") -> None:
        super().__init__(reason)
        self.tail = tail


@dataclass(frozen=True, slots=True)
class Containers:
    """Of all projects. Methods raise Unavailable when podman or the workbench cannot do it.

    ``reserve``: how much of the disk has to be free for a build, in MiB. ``disks``: how much of it a project may take.
    ``health_seconds``: how long an app has to answer well for the first time.
    """

    workbench: Workbench
    reserve: int = 0
    disks: Disks | None = None
    health_seconds: int = HEALTH_SECONDS

    async def recipe(self, project: ProjectId) -> str:
        """The file that says how to build it. Raises Invalid when there is none."""
        for name in RECIPES:
            try:
                await self.workbench.read(project, name, limit=1)
            except NotFound:
                continue
            return name
        raise Invalid(
            "There is no Containerfile and no compose.yaml in the project's directory. Write a Containerfile that "
            "begins with a base image, for example `FROM localhost/appx/static`, or ask the agent to."
        )

    async def build(self, project: ProjectId, number: int, recipe: str, tell: Callable[[str], None]) -> Image:
        """``tell`` gets each step as it begins. Raises Failed with the last lines of the build, NoSpace, Invalid."""
        await self.check_space(project)
        await self.carry_out_build(project, recipe, lines.build(project, number, recipe), tell)
        return await self.image(project, lines.tag_of(project, number))

    async def check_space(self, project: ProjectId) -> None:
        """Raises NoSpace when a build is better not begun."""
        free = await self._read(int, project, lines.free_space())
        if free < self.reserve:
            raise NoSpace(
                f"Only {free} MiB of the disk are free, and a build begins with {self.reserve} at least "
                "(APPX_DISK_RESERVE). Delete projects or their old data first."
            )
        if self.disks is not None:
            await self.disks.check(project)

    async def carry_out_build(
        self, project: ProjectId, recipe: str, line: str, tell: Callable[[str], None], given: str = ""
    ) -> None:
        """Raises Failed with its last lines."""
        told = ""

        def show(tail: str) -> None:
            nonlocal told
            step = parse.step_in(tail)
            if step is not None and (now := f"step {step[0]} of {step[1]}: {step[2]}") != told:
                told = now
                tell(now)

        # Its newest step and its last lines are all that is read, ten times a second while it runs.
        keep = parse.STEP_PLACE
        command = Command(line=line, project=project, time_limit=BUILD_SECONDS, keep_bytes=keep, given=given)
        done = await self.workbench.run(command, show)
        if done.code != 0:
            raise Failed(f"The build of {recipe} {_how(done, BUILD_SECONDS)}.", last_lines(done.output))

    async def image(self, project: ProjectId, name: str) -> Image:
        return await self._read(parse.image_in, project, lines.look_at_image(name))

    async def start(self, what: lines.Start) -> None:
        """Raises Failed with podman's words; a port that is taken is named with its holder."""
        project = what.app.project
        if what.release.volumes:
            await self._told(project, lines.make_volumes(what.app, what.release.volumes))
        done = await self.ask(project, lines.run(what))
        if done.code == 0:
            return
        await self.remove(project, what.name)
        await self.refuse_taken_port(what, done.output)
        if "image not known" in done.output:
            raise Failed(f"The image of release {what.release.number} is not here any more. Deploy again.")
        raise Failed("podman could not start the container.", last_lines(done.output))

    async def refuse_taken_port(self, what: lines.Start, output: str) -> None:
        """Raises Failed when that is what podman complains of."""
        if what.port is not None and "address already in use" in output:
            holder = await self._holder(what.app.project, what.port)
            raise Failed(f"Port {what.port} is taken by {holder}. Stop that, then deploy again.")

    async def healthy(self, project: ProjectId, name: str, port: int | None, path: str) -> None:
        """Returns when the app answers well. Raises Failed with the last lines that it logged.

        ``port``: None of one that has ended.
        """
        done = await self.ask(
            project, lines.health(name, port or 0, path, self.health_seconds), self.health_seconds + SECONDS
        )
        if done.code != 0:
            logged = await self.ask(project, lines.logs_of_all(name, TAIL_LINES))
            raise Failed(f"The app is not healthy: {last_lines(done.output) or _how(done)}.", last_lines(logged.output))

    async def port(self, project: ProjectId, name: str, inner: int) -> int | None:
        """On which of the builder container's ports it is published; None of one that has ended."""
        return await self._read(parse.port_in, project, lines.published_port(name, inner))

    async def list(self, project: ProjectId) -> list[Container]:
        return await self._read(parse.containers_in, project, lines.listing(project))

    async def remove(self, project: ProjectId, name: str, suffix: str = "") -> None:
        """With the app's other services, if this is an app."""
        await self._told(project, lines.remove(name, suffix))

    async def set_aside(self, app: App) -> None:
        await self._told(app.project, lines.set_aside(app.container))

    async def put_back(self, app: App) -> None:
        await self._told(app.project, lines.put_back(app.container))

    async def tidy(self, project: ProjectId) -> None:
        """Away with what a rollout left that was cut off."""
        await self._told(project, lines.tidy())

    async def begin(self, app: App) -> None:
        """Start one that is there and does not run."""
        await self._told(app.project, lines.start(app.container))

    async def logs(self, app: App, count: int, service: str = "") -> str:
        """The last ``count`` lines, of the service that answers the web or of another one."""
        return await self._told(app.project, lines.logs(app.container_of(service), count))

    async def logs_of_all(self, app: App) -> str:
        """The last lines of each service; empty when there is none."""
        return (await self.ask(app.project, lines.logs_of_all(app.container, TAIL_LINES))).output

    async def life(self, app: App, service: str = "") -> Life | None:
        """The container as it is; None when there is none."""
        return await self._read(parse.life_in, app.project, lines.look_at_container(app.container_of(service)))

    async def follow_logs(
        self, app: App, container: str, take: TakeOutput, *, lines: int | None = None, since: str = ""
    ) -> None:
        """The last ``lines``, or those after a time, and all that come until it ends."""
        line = follow_logs(container, lines=lines, since=since)
        await self.workbench.stream(Command(line=line, project=app.project, time_limit=FOLLOW_SECONDS), take)

    async def stats(self, app: App) -> Stats | None:
        """None when this podman cannot know."""
        done = await self.ask(app.project, lines.stats(app.container))
        if done.code != 0 and UNSUPPORTED in done.output:
            return None
        if done.code != 0:
            raise Unavailable(f"podman {_how(done)}: {last_lines(done.output)}")
        try:
            return stats_in(done.output)
        except ValueError as error:
            raise Unavailable(f"podman answered something odd: {error}.") from error

    async def keep_secrets(self, app: App, variables: Sequence[Variable]) -> None:
        """Hand over the values, which are on no command line."""
        names = [each.name for each in variables]
        if names:
            values = "".join(f"{each.value}\0" for each in variables)
            await self._told(app.project, lines.keep_secrets(app.project, app.environment, names), values)
        await self._told(app.project, lines.remove_secrets(app.project, app.environment, keep=names))

    async def built(self, project: ProjectId) -> set[int]:
        """The numbers of the releases of which there is an image, kept or not."""
        return await self._read(parse.releases_in, project, lines.list_tags(project))

    async def remove_images(self, project: ProjectId, numbers: Sequence[int]) -> None:
        """Of these releases. What is still used stays."""
        if numbers:
            await self.ask(project, lines.remove_images(project, numbers))

    async def _holder(self, project: ProjectId, port: int) -> str:
        for each in await self.list(project):
            if port in each.ports and each.runs:
                return f"the container {each.name[:MOST_NAME]}"
        return "a process of the builder container that is no container of this project"

    async def _read(self, parsed: Callable[[str], Read], project: ProjectId, line: str) -> Read:
        told = await self._told(project, line)
        try:
            return parsed(told)
        except ValueError as error:
            raise Unavailable(f"podman answered something odd: {error}.") from error

    async def _told(self, project: ProjectId, line: str, given: str = "") -> str:
        done = await self.ask(project, line, given=given)
        if done.code != 0:
            raise Unavailable(f"podman {_how(done)}: {last_lines(done.output) or 'it said nothing'}")
        return done.output

    async def ask(self, project: ProjectId, line: str, seconds: float = SECONDS, given: str = "") -> CommandResult:
        command = Command(line=line, project=project, time_limit=seconds, keep_bytes=LISTED_BYTES, given=given)
        return await self.workbench.run(command)


def last_lines(output: str) -> str:
    """Enough to see why, and not more than a person reads."""
    return "\n".join(output.strip()[-TAIL_BYTES:].splitlines()[-TAIL_LINES:])


def _how(done: CommandResult, seconds: float = SECONDS) -> str:
    return f"took more than {seconds:g} s" if done.code is None else f"ended with exit code {done.code}"
