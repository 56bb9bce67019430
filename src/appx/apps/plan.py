"""What has to be done so that what runs is what is wanted. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from appx.domain.apps import App, Service
from appx.podman.parse import Container

Doing: TypeAlias = Literal["run", "start", "remove"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """``run``: make the container anew; ``start``: it is there and has ended; ``remove``: it is not wanted."""

    doing: Doing
    app: App


def actions(
    wanted: Iterable[App],
    ports: Mapping[str, int | None],
    actual: Iterable[Container],
    services: Mapping[int, Sequence[Service]] = MappingProxyType({}),
) -> list[Action]:
    """``ports``: on which each environment is to be published; None: on any. ``services``: those of each release."""
    by_name = {each.name: each for each in actual}
    found = []
    for app in wanted:
        others = {app.container_of(each.name): each.lasting for each in services.get(app.release, ())[1:]}
        doing = _doing(app, ports.get(app.environment), by_name.get(app.container))
        if doing in {None, "start"} and app.wanted == "running":
            doing = _of_services(app, doing, others, by_name)
        if doing is not None:
            found.append(Action(doing=doing, app=app))
    return found


def unmanaged(wanted: Iterable[App], actual: Iterable[Container]) -> list[Container]:
    """What the agent runs by itself; it has the project's label, so it goes with the project."""
    names = tuple(app.container for app in wanted)
    ours = tuple(f"{each}_" for each in names)
    return [
        each
        for each in actual
        if each.environment is None or (each.name not in names and not each.name.startswith(ours))
    ]


def _doing(app: App, port: int | None, found: Container | None) -> Doing | None:
    """For the container that answers the web."""
    if app.wanted == "stopped":
        return None if found is None or found.environment is None else "remove"
    if found is None or found.release != app.release or (port is not None and port not in found.ports):
        return "run"
    return None if found.runs else "start"


def _of_services(
    app: App, doing: Doing | None, others: Mapping[str, bool], by_name: Mapping[str, Container]
) -> Doing | None:
    for name, lasting in others.items():
        found = by_name.get(name)
        if found is None or found.release != app.release:
            return "run"
        if lasting and not found.runs:
            doing = "start"
    return doing
