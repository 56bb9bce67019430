"""What podman answers. Pure; raises ValueError for what is no answer of podman's."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appx.domain.apps import DEFAULT_PORT
from appx.podman.apps import ENVIRONMENT, RELEASE

_ID = re.compile(r"[0-9a-f]{64}")
_TAG = re.compile(r"r([1-9][0-9]{0,8})(?:-.+)?")
_STEP = re.compile(r"^(?:\[\d+/\d+\] )?STEP (\d+)/(\d+): (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """``id``: 64 hexadecimal digits. ``size`` in bytes. ``port``: where it listens. ``volumes``: directories."""

    id: str
    size: int
    port: int
    volumes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """``environment`` and ``release`` are those of the server's own labels; None for one that the agent runs.

    ``state`` in podman's words: ``running``, ``exited``, ``created``. ``ports``: those of the builder container.
    """

    name: str
    image: str
    state: str
    status: str
    ports: tuple[int, ...]
    environment: str | None = None
    release: int | None = None

    @property
    def runs(self) -> bool:
        return self.state == "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A container from one start to its end. ``started`` in podman's words. ``exit_code``: of the last end."""

    id: str
    started: str
    runs: bool
    exit_code: int

    def same(self, other: "Life") -> bool:
        return (self.id, self.started) == (other.id, other.started)


def life_in(text: str) -> Life | None:
    """From ``podman container inspect``; None when it printed nothing."""
    if not text.strip():
        return None
    found = _json(text)
    try:
        state = found[0]["State"]
        return Life(
            id=found[0]["Id"],
            started=str(state["StartedAt"]),
            runs=state["Status"] in {"running", "paused"},
            exit_code=int(state.get("ExitCode") or 0),
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"no container in {text[:200]!r}") from error


def image_in(text: str) -> Image:
    """From ``podman image inspect``."""
    found = _json(text)
    try:
        config: Mapping[str, Any] = found[0]["Config"] or {}
        if not _ID.fullmatch(found[0]["Id"]):
            raise ValueError(f"no id of an image: {found[0]['Id'][:100]!r}")
        return Image(
            id=found[0]["Id"],
            size=int(found[0]["Size"]),
            port=_listens(config.get("ExposedPorts") or {}),
            volumes=tuple(sorted(config.get("Volumes") or {})),
        )
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"no image in {text[:200]!r}") from error


def config_in(text: str) -> dict[str, Any]:
    """From ``compose config``."""
    found: dict[str, Any] = json.loads(text)
    return found


def containers_in(text: str) -> list[Container]:
    """From ``podman ps --format json``, which may be nothing at all."""
    try:
        return [_container(each) for each in (_json(text) if text.strip() else None) or []]
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"no containers in {text[:200]!r}") from error


def releases_in(text: str) -> set[int]:
    """From tags, a line each: ``r12`` and ``r12-db`` are those of release 12."""
    return {int(found[1]) for line in text.splitlines() if (found := _TAG.fullmatch(line))}


def step_in(output: str) -> tuple[int, int, str] | None:
    """The newest step of a build: which, of how many, what it does."""
    found = _STEP.findall(output)
    return (int(found[-1][0]), int(found[-1][1]), found[-1][2].strip()) if found else None


def port_in(text: str) -> int | None:
    """From ``podman port``: ``127.0.0.1:41234``; None of a container that has ended."""
    return int(text.strip().rpartition(":")[2]) if text.strip() else None


def _json(text: str) -> Any:  # noqa: ANN401  JSON
    """podman's warnings come before it, on the same pipe."""
    start = min((place for place in (text.find("\n["), text.find("\n{")) if place >= 0), default=-1) + 1
    return json.loads(text if text[:1] in {"[", "{"} else text[start:])


def _listens(exposed: Mapping[str, object]) -> int:
    ports = sorted(int(port.partition("/")[0]) for port in exposed if port.endswith("/tcp") or "/" not in port)
    return DEFAULT_PORT if DEFAULT_PORT in ports or not ports else ports[0]


def _container(found: Mapping[str, Any]) -> Container:
    labels: Mapping[str, str] = found.get("Labels") or {}
    release = labels.get(RELEASE, "")
    return Container(
        name=found["Names"][0],
        image=found["ImageID"],
        state=found["State"],
        status=found.get("Status") or "",
        ports=tuple(sorted({each["host_port"] for each in found.get("Ports") or []})),
        environment=labels.get(ENVIRONMENT),
        release=int(release) if release.isdecimal() else None,
    )
