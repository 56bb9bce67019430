"""What happened to the containers of a project, as ``podman events`` tells it. Pure."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NotRequired, TypeAlias

from pydantic import TypeAdapter
from typing_extensions import TypedDict

from appx.domain.ids import ProjectId
from appx.podman.apps import ASIDE, ENVIRONMENT, LABEL, TRIAL
from appx.podman.reading import ExitCode, Nanoseconds, release_of, understood

Happened: TypeAlias = Literal["started", "ended", "restarted", "removed"]

MAX_LINE = 64 << 10
"""Bytes of a line. The labels of an image are part of it; what is longer is left out."""

MOST_NAME = 200
TELLS: Mapping[str, Happened] = {"start": "started", "died": "ended", "restart": "restarted", "remove": "removed"}
KILLED = 137


@dataclass(frozen=True, slots=True, kw_only=True)
class AppEvent:
    """``at``: nanoseconds since 1970. ``id``: of the container. ``environment``, ``release``: of the server's own."""

    at: int
    to: Happened
    id: str
    container: str
    environment: str | None = None
    release: int | None = None
    exit_code: int | None = None
    out_of_memory: bool = False


class _Told(TypedDict):
    Name: str
    ID: str
    Status: str
    timeNano: Nanoseconds
    Attributes: NotRequired[dict[str, str] | None]
    ContainerExitCode: NotRequired[ExitCode | None]


_TOLD = TypeAdapter(_Told)


def follow_events(project: ProjectId, since: int) -> str:
    """From that second of the time on, and all that come. Prints a line of JSON for each."""
    words = ["podman", "events", "--format", "json", "--since", str(since), "--filter", "type=container"]
    words += ["--filter", f"label={LABEL}={project}"]
    words += [word for status in TELLS for word in ("--filter", f"event={status}")]
    return f"exec {shlex.join(words)}"


def ran_out_of_memory(container: str) -> str:
    """Prints ``true`` when that is why it ended, as long as it is not started again."""
    return shlex.join(["podman", "container", "inspect", "--format", "{{.State.OOMKilled}}", container])


class Splitter:
    """Takes bytes however they come, and gives the lines that are whole; holds ``MAX_LINE`` of them."""

    def __init__(self) -> None:
        self._begun = bytearray()

    def add(self, data: bytes) -> Iterator[bytes]:
        *whole, rest = data.split(b"\n")
        for each in whole:
            line = bytes(self._begun) + each
            self._begun.clear()
            if len(line) <= MAX_LINE:
                yield line
        self._begun += rest[: MAX_LINE + 1 - len(self._begun)]


def event_in(line: bytes) -> AppEvent | None:
    """None of what is no event of a container, or one of a trial of the server's. The account could write the file."""
    try:
        found = understood(_TOLD, line)
    except ValueError:
        return None
    name, to = found["Name"][:MOST_NAME], TELLS.get(found["Status"])
    if to is None or name.endswith((TRIAL, ASIDE)):
        return None
    labels = found.get("Attributes") or {}
    environment = labels.get(ENVIRONMENT)
    return AppEvent(
        at=found["timeNano"],
        to=to,
        id=found["ID"][:64],
        container=name,
        environment=environment if environment in {"dev", "prod"} else None,
        release=release_of(labels),
        exit_code=found.get("ContainerExitCode") if to == "ended" else None,
    )
