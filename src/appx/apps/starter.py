"""What a start of an app needs: its release, its port, its variables; and one at a time in a project."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import anyio

from appx.apps import rows
from appx.apps.containers import Containers
from appx.apps.stacks import Stacks
from appx.domain.apps import App, Release
from appx.domain.errors import NotFound
from appx.domain.ids import ProjectId
from appx.domain.leases import Environment
from appx.podman.apps import Limits, Start
from appx.store.database import Database

Lease: TypeAlias = Callable[[ProjectId, Environment], Awaitable[int | None]]
"""The published port of an environment; None when all are used by others."""

Reason: TypeAlias = Callable[[ProjectId, Environment], Awaitable[str]]
"""Why an environment has no published port, and what to do, as sentences that name no other project."""


class Starter:
    """``limits``: what each app may take."""

    def __init__(
        self, *, database: Database, containers: Containers, limits: Limits, lease: Lease, no_port: Reason
    ) -> None:
        self.database = database
        self.containers = containers
        self.stacks = Stacks(containers)
        self.lease = lease
        self.no_port = no_port
        self._limits = limits
        self._changing: dict[ProjectId, anyio.Lock] = {}

    def alone(self, project: ProjectId) -> anyio.Lock:
        """Who holds it is the only one who changes the apps of the project."""
        return self._changing.setdefault(project, anyio.Lock())

    def forget(self, project: ProjectId) -> None:
        self._changing.pop(project, None)

    async def app(self, project: ProjectId, environment: Environment) -> App:
        """Raises NotFound."""
        found = await self.database.read(lambda db: rows.app(db, project, environment))
        if found is None:
            raise NotFound(f"{environment.upper()} of this project has no app. Deploy it first.")
        return found

    async def of_service(self, project: ProjectId, environment: Environment, service: str) -> tuple[App, str]:
        """The app, and the service as containers are named: empty for that which answers the web. Raises NotFound."""
        app = await self.app(project, environment)
        names = [each.name for each in (await self.release(project, app.release)).services]
        if service and service not in names:
            there = f"It has {', '.join(names)}." if names else "It is one container."
            raise NotFound(f"This app has no service {service[:60]!r}. {there}")
        return app, "" if names and service == names[0] else service

    async def release(self, project: ProjectId, number: int) -> Release:
        """Raises NotFound."""
        found = await self.database.read(lambda db: rows.release(db, project, number))
        if found is None:
            raise NotFound(f"release not found: {number}")
        return found

    async def place(self, what: Start) -> str:
        """Where it runs: the end of a sentence."""
        if what.port is not None:
            return f"on port {what.port}"
        why = await self.no_port(what.app.project, what.app.environment)
        return f"inside of the builder container, and nobody outside reaches it. {why}"

    async def prepare(self, app: App, release: Release) -> Start:
        """With its port and its variables; podman has the values from here on."""
        variables = await self.database.read(lambda db: rows.variables(db, app.project, app.environment))
        await self.containers.keep_secrets(app, variables)
        return Start(
            app=app,
            release=release,
            name=app.container,
            port=await self.lease(app.project, app.environment),
            limits=self._limits,
            secrets=tuple(each.name for each in variables),
        )

    async def start(self, what: Start) -> None:
        """Return when it answers well. Raises Failed."""
        if what.release.services:
            await self.stacks.start(what)
        else:
            await self.containers.start(what)
        await self.answers(what.app, what.release, what.name, what.port)

    async def answers(self, app: App, release: Release, name: str, port: int | None) -> None:
        """Return when the container answers well. Raises Failed."""
        port = port or await self.containers.port(app.project, name, release.port)
        await self.containers.healthy(app.project, name, port, app.health)
