"""What a project runs: releases, which of them each environment has, and how it came there."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from appx.domain.ids import ProjectId
from appx.domain.leases import Environment

DEFAULT_PORT = 8080
"""On which an app listens whose image exposes no port."""

Kind: TypeAlias = Literal["deploy", "promote", "rollback"]
Status: TypeAlias = Literal["running", "done", "failed", "interrupted"]
Wanted: TypeAlias = Literal["running", "stopped"]

ENVIRONMENTS: tuple[Environment, ...] = ("dev", "prod")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One container of an app of several. ``lasting``: it runs as long as the app; else it does its work and ends."""

    name: str
    lasting: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Images that were built once and never change: one, or one for each of the ``services``.

    ``image``: the id of the one that answers the web, 64 hexadecimal digits. ``checkpoint``: the sources, empty when
    there is none. ``size`` in bytes, of all layers. ``port``: where the app listens. ``volumes``: the directories that
    outlive a container. ``compose``: what is started where there are services, as ``apps.compose`` makes it.
    """

    project: ProjectId
    number: int
    at: datetime
    image: str
    checkpoint: str
    size: int
    port: int
    volumes: tuple[str, ...] = ()
    services: tuple[Service, ...] = ()
    """That which answers the web is the first."""
    compose: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An environment as it is wanted. ``health``: the path that has to answer; empty: any answer at ``/`` will do."""

    project: ProjectId
    environment: Environment
    release: int
    wanted: Wanted
    health: str = ""

    @property
    def container(self) -> str:
        """The one that answers the web."""
        return container_name(self.project, self.environment)

    def container_of(self, service: str) -> str:
        """Of one that does not answer the web; empty: that which does."""
        return f"{self.container}_{service}" if service else self.container


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A try to bring a release into an environment; the API calls it a deployment.

    ``release`` is None until the image is built. ``reason``: why it failed, a sentence. ``tail``: the last lines of the
    build or of the app. ``steps``: what it did, once it has ended.
    """

    project: ProjectId
    number: int
    environment: Environment
    kind: Kind
    status: Status
    started_at: datetime
    ended_at: datetime | None = None
    release: int | None = None
    reason: str = ""
    tail: str = ""
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """One of the environment of an app. Its value is for the app alone."""

    name: str
    value: str


def container_name(project: ProjectId, environment: Environment) -> str:
    return f"{project}-app-{environment}"
