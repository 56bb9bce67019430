"""An app of several services: what its compose file says, and what is started of it. Pure."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeAlias

from appx.domain.apps import Release, Service
from appx.domain.errors import Invalid
from appx.domain.ids import ProjectId
from appx.podman.apps import ENVIRONMENT, LABEL, LOOPBACK, RELEASE, Limits, Start, secret_of, service_tag, tag_of
from appx.podman.compose import Condition
from appx.podman.parse import MOST_VOLUMES, Image

Json: TypeAlias = dict[str, Any]

RECIPES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
MAX_SERVICES = 10
MOST: Mapping[str, int] = {
    "volumes": MOST_VOLUMES,
    "ports": 100,
    "expose": 100,
    "environment": 1_000,
    "labels": 1_000,
}
"""How many of each a service may have: more than any app has, and each is work for the server."""

MOST_SAID = 512 << 10
"""Characters of what compose makes of its file, with what stands in files of variables. Each release keeps it."""

MOST_NAMED = 100
"""Networks, and volumes with names, of all services together."""

WEB = "web"
IMAGES = "x-images"
"""The ids of a release's images by their names, in what is kept of its file; compose passes over such keys."""

COMPLETED = "service_completed_successfully"
CONDITIONS: Mapping[str, Condition] = {"service_healthy": "healthy", COMPLETED: "completed"}

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
_PORT = re.compile(r"([0-9]{1,6})(?:/tcp)?$")

NOT_HERE = {
    "extends": "Repeat what it has in common with the other one, or use YAML anchors.",
    "network_mode": "Services find each other by their names in the network that they have anyway.",
    "secrets": "All services get the variables of the app: `appx app set`.",
    "configs": "Copy the file into the image.",
    "pid": "Services do not share processes.",
    "ipc": "Services do not share memory.",
}
"""What a service may not say, and what to do in place of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the image of a service comes from: built in the directory ``context``, or fetched as ``image``."""

    service: str
    tag: str
    context: str = ""
    image: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``file``: for compose, to build with. ``web``: the service that answers the web; ``port``: if it is said."""

    file: Json
    web: str
    port: int | None
    services: tuple[Service, ...]
    sources: tuple[Source, ...]


def planned(config: Json, project: ProjectId, number: int) -> Plan:
    """From what ``compose config`` prints. Raises Invalid with what to change."""
    services: Json = config.get("services") or {}
    if not services:
        raise Invalid("There are no services in the compose file.")
    if len(services) > MAX_SERVICES:
        raise Invalid(f"There are {len(services)} services in the compose file; {MAX_SERVICES} is the most.")
    for name, service in services.items():
        _check(name, service, services)
    _check_lengths(config, services)
    if loop := _loop(services):
        raise Invalid(f"The services wait for each other: {', '.join(loop)}.")
    web = _web(services)
    file = {"services": {}, "networks": config.get("networks") or {}, "volumes": config.get("volumes") or {}}
    sources = []
    for name, service in services.items():
        tag = service_tag(project, number, name)
        build = service.get("build")
        if build is None:
            sources.append(Source(service=name, tag=tag, image=service["image"]))
        else:
            sources.append(Source(service=name, tag=tag, context=build["context"]))
            build["labels"] = {**_mapped(build.get("labels")), LABEL: project}
        file["services"][name] = {**service, "image": tag}
    ends = set(_that_end(services))
    order = sorted(services, key=lambda name: name != web)
    return Plan(
        file=file,
        web=web,
        port=next(_ports(services[web]), None),
        services=tuple(Service(name=name, lasting=name not in ends) for name in order),
        sources=tuple(sources),
    )


def kept(plan: Plan, images: Mapping[str, Image]) -> str:
    """The part of a release: of images that are there. Directories that an image calls volumes outlive containers."""
    file: Json = {**plan.file, "services": {}, "volumes": dict(plan.file["volumes"])}
    file[IMAGES] = {each.tag: images[each.service].id for each in plan.sources}
    for name, given in plan.file["services"].items():
        service = {key: value for key, value in given.items() if key not in {"build", "profiles"}}
        mounts = list(service.get("volumes") or [])
        targets = {_target(each) for each in mounts}
        for path in images[name].volumes:
            if path.rstrip("/") not in targets:
                targets.add(path.rstrip("/"))
                volume = f"{name}{path.rstrip('/').replace('/', '-')}"
                file["volumes"][volume] = None
                mounts.append(f"{volume}:{path}")
        file["services"][name] = {**service, "volumes": mounts}
    return json.dumps(file, ensure_ascii=False)


def images_of(release: Release) -> Mapping[str, str]:
    """The images of a release, ids by their names. Of one with services that an older appx made they are not known."""
    if not release.services:
        return {tag_of(release.project, release.number): release.image}
    found: Mapping[str, str] = json.loads(release.compose).get(IMAGES, {})
    return found


def started(what: Start) -> str:
    """The file for compose, of one environment."""
    file, app = json.loads(what.release.compose), what.app
    secrets = [
        {"source": secret_of(app.project, app.environment, each), "type": "env", "target": each}
        for each in what.secrets
    ]
    names, secret_names = containers(what), frozenset(what.secrets)
    labels = {LABEL: app.project, ENVIRONMENT: app.environment, RELEASE: str(what.release.number)}
    for service in what.release.services:
        is_web = service == what.release.services[0]
        given = file["services"][service.name]
        file["services"][service.name] = {
            **_limited(given, what.limits),
            "container_name": names[service.name],
            "labels": {**_mapped(given.get("labels")), **labels},
            "environment": {**_environment(given, but=secret_names), **_said(what, is_web=is_web)},
            "ports": [_published(what)] if is_web else [],
            "restart": "always" if service.lasting else _restart(given),
            "secrets": secrets,
            "init": given.get("init", True),
        }
    file["secrets"] = {each["source"]: {"external": True} for each in secrets}
    for kind in ("networks", "volumes"):
        found = file[kind] or ({"default": None} if kind == "networks" else {})
        file[kind] = {name: _of(app.container, name, each, app.project) for name, each in found.items()}
    file["networks"] = {name: _isolated(each) for name, each in file["networks"].items()}
    return written(file)


def written(file: Json) -> str:
    """For compose, which would replace what looks like a variable, and has done so already."""
    return json.dumps(_escaped(file), ensure_ascii=False)


def order(what: Start) -> list[tuple[str, list[tuple[str, Condition]]]]:
    """The containers in the order in which they are started, each with those that it waits for."""
    services: Json = json.loads(what.release.compose)["services"]
    names = containers(what)
    return [
        (names[name], [(names[other], CONDITIONS[how]) for other, how in _depends(services[name]) if how in CONDITIONS])
        for name in _sorter(services).static_order()
    ]


def containers(what: Start) -> dict[str, str]:
    """The name of the container of each service; that which answers the web is the first."""
    web, *others = what.release.services
    return {web.name: what.app.container, **{each.name: what.app.container_of(each.name) for each in others}}


def _check(name: str, service: Json, services: Json) -> None:
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name[:60]!r} is no name for a service: small letters, digits, - and _, 41 at the most.")
    for other, _ in _depends(service):
        if other not in services:
            raise Invalid(f"The service {name} waits for {other[:60]}, which is not there.")
    for key, hint in NOT_HERE.items():
        if key in service:
            raise Invalid(f"The service {name} says `{key}`, which is not possible here. {hint}")
    if not service.get("build") and not service.get("image"):
        raise Invalid(f"The service {name} says neither `build` nor `image`.")
    copies = service.get("scale") or (service.get("deploy") or {}).get("replicas") or 1
    if copies != 1:
        raise Invalid(f"The service {name} wants {str(copies)[:60]} containers; each service has one here.")


def _check_lengths(config: Json, services: Json) -> None:
    for kind in ("networks", "volumes"):
        if (count := len(config.get(kind) or ())) > MOST_NAMED:
            raise Invalid(f"There are {count:,} {kind} in the compose file; {MOST_NAMED} is the most.")
    for name, service in services.items():
        for key, most in MOST.items():
            if (count := len(service.get(key) or ())) > most:
                raise Invalid(f"The service {name} has {count:,} `{key}`; {most:,} is the most. Leave some out.")


def _web(services: Json) -> str:
    """The one that answers the web: the only one that publishes a port, or the one of that name."""
    publishing = [name for name, service in services.items() if service.get("ports")]
    if len(publishing) == 1:
        return publishing[0]
    if WEB in services:
        return WEB
    if len(services) == 1:
        return next(iter(services))
    raise Invalid("Which service answers the web? Give `ports` to that one alone, or name it `web`.")


def _that_end(services: Json) -> Iterator[str]:
    """Those that do their work and end: a migration, a seed."""
    for name, service in services.items():
        if _restart(service) in {"no", "on-failure"} and "restart" in service:
            yield name
        yield from (other for other, how in _depends(service) if how == COMPLETED)


def _sorter(services: Json) -> TopologicalSorter[str]:
    return TopologicalSorter({name: [other for other, _ in _depends(each)] for name, each in services.items()})


def _loop(services: Json) -> list[str]:
    try:
        _sorter(services).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _depends(service: Json) -> Iterator[tuple[str, str]]:
    for name, how in (service.get("depends_on") or {}).items():
        yield name, how.get("condition", "")


def _restart(service: Json) -> str:
    """YAML reads `no` as false."""
    return str(service.get("restart") or "no").partition(":")[0]


def _ports(service: Json) -> Iterator[int]:
    for each in [*(service.get("ports") or []), *(service.get("expose") or [])]:
        found = _PORT.search(str(each.get("target") if isinstance(each, dict) else each))
        if found is None:
            continue
        if not 0 < int(found[1]) < 1 << 16:
            raise Invalid(f"{found[1]} is no port: ports are numbers from 1 to 65535.")
        yield int(found[1])


def _target(mount: object) -> str:
    """Where a volume is mounted, of `source:target:options` or of its long form."""
    if isinstance(mount, dict):
        return str(mount.get("target", "")).rstrip("/")
    parts = str(mount).split(":")
    return (parts[1] if len(parts) > 1 else parts[0]).rstrip("/")


def _published(what: Start) -> str:
    return f"{f'{LOOPBACK}:' if what.port is None else what.port}:{what.release.port}"


def _said(what: Start, *, is_web: bool) -> dict[str, str]:
    told: dict[str, str] = {"APPX_ENVIRONMENT": what.app.environment}
    return {**told, "PORT": str(what.release.port)} if is_web else told


def _environment(service: Json, but: Collection[str]) -> dict[str, str]:
    """What the server keeps for the app takes the place of what the file says."""
    found = _mapped(service.get("environment"))
    return {name: str(value) for name, value in found.items() if value is not None and name not in but}


def _limited(service: Json, limits: Limits) -> Json:
    """What the server allows takes the place of what the file wants, where it says anything."""
    found = dict(service)
    if limits != Limits():
        found.pop("deploy", None)
    given = {"mem_limit": limits.memory, "pids_limit": limits.processes, "cpus": limits.cpus}
    return found | {key: str(value) for key, value in given.items() if value is not None}


def _of(container: str, name: str, found: Json | None, project: ProjectId) -> Json:
    """A network or volume of one environment; one that is not the project's stays what it is."""
    found = found or {}
    if found.get("external"):
        return found
    return {**found, "name": f"{container}_{name}", "labels": {**_mapped(found.get("labels")), LABEL: project}}


def _isolated(network: Json) -> Json:
    """Nobody else's network is reached from there: it matters where all projects have one account."""
    if network.get("external"):
        return network
    return {**network, "driver_opts": {"isolate": "true", **(network.get("driver_opts") or {})}}


def _mapped(found: Mapping[str, Any] | Sequence[str] | None) -> dict[str, Any]:
    """Of the two ways in which compose files write pairs."""
    if isinstance(found, Mapping):
        return dict(found)
    return {name: value for name, _, value in (str(each).partition("=") for each in found or ())}


def _escaped(found: Any) -> Any:  # noqa: ANN401  JSON
    match found:
        case str():
            return found.replace("$", "$$")
        case dict():
            return {key: _escaped(value) for key, value in found.items()}
        case list():
            return [_escaped(each) for each in found]
        case _:
            return found
