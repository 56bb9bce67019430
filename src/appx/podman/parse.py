"""What podman answers. Pure; raises ValueError for what is no answer of podman's."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, NotRequired, TypeAlias, TypeVar

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from appx.domain.apps import DEFAULT_PORT
from appx.domain.errors import Invalid
from appx.podman.apps import ENVIRONMENT
from appx.podman.reading import ExitCode, Size, Text, lines_in, release_of, understood

T = TypeVar("T")

MOST_VOLUMES = 100
"""Of an image, and of a service: each is a directory that outlives containers, and few images have more than two."""

MOST_TAGS = 10_000
"""A workbench that is none of ours says as many as it likes. Ours tells the last 2,000."""

STEP_PLACE = 64 << 10
"""Characters at the end of a build's output in which its newest step is looked for."""

_TAG = re.compile(r"r([1-9][0-9]{0,8})(?:-.+)?")
_STEP = re.compile(r"^(?:\[\d+/\d+\] )?STEP (\d{1,6})/(\d{1,6}): (.{0,300})", re.MULTILINE)
_PORT = re.compile(r"[0-9]{1,5}")


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


_Name: TypeAlias = Annotated[str, Field(pattern="^[a-zA-Z0-9][a-zA-Z0-9_.-]*$")]


class _State(TypedDict):
    StartedAt: Text
    Status: Text
    ExitCode: NotRequired[ExitCode | None]


class _Inspected(TypedDict):
    Id: Annotated[str, Field(pattern="^[0-9a-z]{1,64}$")]
    State: _State


class _Config(TypedDict, total=False):
    ExposedPorts: dict[str, object] | None
    Volumes: dict[Text, object] | None


class _Image(TypedDict):
    Id: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    Size: Size
    Config: _Config | None


class _Published(TypedDict):
    host_port: Annotated[int, Field(ge=0, lt=1 << 16)]


class _Listed(TypedDict):
    Names: Annotated[list[_Name], Field(min_length=1, fail_fast=True)]
    ImageID: Text
    State: Text
    Status: NotRequired[Text | None]
    Labels: NotRequired[dict[str, str] | None]
    Ports: NotRequired[Annotated[list[_Published], Field(fail_fast=True)] | None]


_LIVES = TypeAdapter(Annotated[list[_Inspected], Field(min_length=1, fail_fast=True)])
_IMAGES = TypeAdapter(Annotated[list[_Image], Field(min_length=1, fail_fast=True)])
_CONTAINERS = TypeAdapter(Annotated[list[_Listed], Field(fail_fast=True)] | None)


def life_in(text: str) -> Life | None:
    """From ``podman container inspect``; None when it printed nothing."""
    if not text.strip():
        return None
    found = _answer(_LIVES, text)[0]
    state = found["State"]
    return Life(
        id=found["Id"],
        started=state["StartedAt"],
        runs=state["Status"] in {"running", "paused"},
        exit_code=state.get("ExitCode") or 0,
    )


def image_in(text: str) -> Image:
    """From ``podman image inspect``. Raises Invalid for one with more than ``MOST_VOLUMES``."""
    found = _answer(_IMAGES, text)[0]
    config = found["Config"] or {}
    volumes = config.get("Volumes") or {}
    if len(volumes) > MOST_VOLUMES:
        raise Invalid(f"The image has {len(volumes):,} volumes; {MOST_VOLUMES} is the most. Remove `VOLUME` lines.")
    return Image(
        id=found["Id"],
        size=found["Size"],
        port=_listens(config.get("ExposedPorts") or ()),
        volumes=tuple(sorted(volumes)),
    )


def containers_in(text: str) -> list[Container]:
    """From ``podman ps --format json``, which may be nothing at all."""
    return [_container(each) for each in (_answer(_CONTAINERS, text) if text.strip() else None) or ()]


def releases_in(text: str) -> set[int]:
    """From tags, a line each: ``r12`` and ``r12-db`` are those of release 12."""
    return {int(found[1]) for line in lines_in(text, MOST_TAGS) if (found := _TAG.fullmatch(line))}


def step_in(output: str) -> tuple[int, int, str] | None:
    """The newest step of a build: which, of how many, what it does."""
    found = _STEP.findall(output[-STEP_PLACE:])
    return (int(found[-1][0]), int(found[-1][1]), found[-1][2].strip()) if found else None


def port_in(text: str) -> int | None:
    """From ``podman port``: ``127.0.0.1:41234``; None of a container that has ended."""
    return _port(text.strip().rpartition(":")[2]) if text.strip() else None


def _answer(kind: TypeAdapter[T], text: str) -> T:
    """podman's warnings come before it, on the same pipe."""
    start = min((place for place in (text.find("\n["), text.find("\n{")) if place >= 0), default=-1) + 1
    try:
        return understood(kind, text if text[:1] in {"[", "{"} else text[start:])
    except ValueError as error:
        raise ValueError(f"{error}, in {text[:200]!r}") from None


def _listens(exposed: Iterable[str]) -> int:
    ports = sorted(_port(port.partition("/")[0]) for port in exposed if port.endswith("/tcp") or "/" not in port)
    return DEFAULT_PORT if DEFAULT_PORT in ports or not ports else ports[0]


def _port(text: str) -> int:
    found = int(text) if _PORT.fullmatch(text) else 0
    if not 0 < found < 1 << 16:
        raise ValueError(f"{text[:100]!r} is no port")
    return found


def _container(found: _Listed) -> Container:
    labels = found.get("Labels") or {}
    return Container(
        name=found["Names"][0],
        image=found["ImageID"],
        state=found["State"],
        status=found.get("Status") or "",
        ports=tuple(sorted({each["host_port"] for each in found.get("Ports") or ()})),
        environment=labels.get(ENVIRONMENT),
        release=release_of(labels),
    )
