"""What a container takes now, as ``podman stats`` tells it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from appx.podman.reading import lines_in, understood

UNSUPPORTED = "stats is not supported"
"""In podman's words: without cgroup v2 it cannot know."""

MOST_LINES = 1_000
"""Of warnings, before the one that is read."""

_OBJECT = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """Each is None when podman cannot tell. Bytes; ``cpu_seconds`` since the start, of all processors together.

    ``memory_limit``: what there is at all, where the container has no limit.
    """

    memory: int | None = None
    memory_limit: int | None = None
    cpu_seconds: float | None = None
    processes: int | None = None
    received: int | None = None
    sent: int | None = None


def stats_in(text: str) -> Stats:
    """From a line of JSON, behind podman's warnings. Raises ValueError for what is none.

    A zero is no answer where something that runs cannot have none: so podman says that a controller is missing.
    """
    lines = [line for line in lines_in(text, MOST_LINES) if line.startswith("{")]
    if not lines:
        raise ValueError(f"no stats in {text[:200]!r}")
    found = understood(_OBJECT, lines[-1])
    nanoseconds = _number(found, "CPUNano")
    received, sent = _network(found)
    return Stats(
        memory=_number(found, "MemUsage"),
        memory_limit=_number(found, "MemLimit"),
        cpu_seconds=None if nanoseconds is None else nanoseconds / 1e9,
        processes=_number(found, "PIDs"),
        received=received,
        sent=sent,
    )


def _network(found: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Of all interfaces together. Older podmans have the sums alone."""
    interfaces = found.get("Network")
    if isinstance(interfaces, dict) and interfaces:
        told = [each for each in interfaces.values() if isinstance(each, dict)]
        return (
            sum(_number(each, "RxBytes") or 0 for each in told),
            sum(_number(each, "TxBytes") or 0 for each in told),
        )
    return _number(found, "NetInput"), _number(found, "NetOutput")


def _number(found: Mapping[str, Any], name: str) -> int | None:
    value = found.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63 else None
