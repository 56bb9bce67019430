"""Apps of several services: their images and their containers, by way of compose."""

from collections.abc import Callable
from dataclasses import dataclass

from appx.apps import compose
from appx.apps.containers import Containers, Failed, last_lines
from appx.domain.apps import Service
from appx.domain.errors import Invalid, NotFound
from appx.domain.ids import ProjectId
from appx.podman import compose as lines
from appx.podman.apps import Start
from appx.podman.config import config_in
from appx.podman.parse import Image

UP_SECONDS = 180.0

PATIENCE = 4
"""A service that others wait for has so many times as long as an app: it may have data to put in order first."""
"""For all services, with those that others wait for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """``image``: that of the service that answers the web. ``size``: of all, in bytes."""

    image: Image
    size: int
    port: int
    services: tuple[Service, ...]
    compose: str


@dataclass(frozen=True, slots=True)
class Stacks:
    """Of all projects. Methods raise Unavailable when podman or the workbench cannot do it."""

    containers: Containers

    async def recipe(self, project: ProjectId) -> str | None:
        """The compose file; None when the project has none."""
        for name in compose.RECIPES:
            try:
                await self.containers.workbench.read(project, name, limit=1)
            except NotFound:
                continue
            return name
        return None

    async def build(self, project: ProjectId, number: int, recipe: str, tell: Callable[[str], None]) -> Built:
        """As ``Containers.build``. Raises Invalid for a file that asks for what is not possible here."""
        containers = self.containers
        await containers.check_space(project)
        said = await containers.ask(project, lines.config(recipe))
        if said.code != 0:
            raise Failed(f"{recipe} cannot be read.", last_lines(said.output))
        if len(said.output) > compose.MOST_SAID:
            most = f"{compose.MOST_SAID >> 10} KiB are the most"
            raise Invalid(f"{recipe} says too much: {most}, with its files of variables. Leave some out.")
        try:
            plan = compose.planned(config_in(said.output), project, number)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise Invalid(f"{recipe} has another form than compose files have: {error}.") from error
        line = lines.build(
            [(each.service, each.context) for each in plan.sources if each.context],
            [(each.image, each.tag) for each in plan.sources if each.image],
        )
        await containers.carry_out_build(project, recipe, line, tell, compose.written(plan.file))
        images = {each.service: await containers.image(project, each.tag) for each in plan.sources}
        web = images[plan.web]
        return Built(
            image=web,
            size=sum(each.size for each in images.values()),
            port=plan.port or web.port,
            services=plan.services,
            compose=compose.kept(plan, images),
        )

    async def start(self, what: Start) -> None:
        """Raises Failed with what did not start."""
        project, containers = what.app.project, self.containers
        names = compose.containers(what)
        await containers.remove(project, what.app.container)
        line = lines.create(f"{what.app.container}-r{what.release.number}")
        said = await containers.ask(project, line, UP_SECONDS, given=compose.started(what))
        there = {each.name for each in await containers.list(project)}
        missing = [service for service, name in names.items() if name not in there]
        if missing:
            await containers.remove(project, what.app.container)
            raise Failed(f"podman could not make {', '.join(missing)}.", last_lines(said.output))
        patience = PATIENCE * containers.health_seconds
        said = await containers.ask(project, lines.start(compose.order(what), patience), patience + UP_SECONDS)
        if said.code != 0:
            tail = last_lines(f"{await containers.logs_of_all(what.app)}\n{said.output}")
            runs = {each.name for each in await containers.list(project) if each.runs}
            stopped = [service for service, name in names.items() if name not in runs]
            await containers.remove(project, what.app.container)
            await containers.refuse_taken_port(what, said.output)
            raise Failed(f"Not every service runs: {', '.join(stopped)} ended, or did not start.", tail)
