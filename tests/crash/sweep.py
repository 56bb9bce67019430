"""An event at the n-th call of a system call that changes files: exactly, not by chance.

``strace`` counts for each thread by itself, and a server has several. So what a run hit is read from its trace.
``write`` also fills pipes and sockets, in no fixed order; so it is counted for each file by itself.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Event: TypeAlias = Literal["KILL", "ENOSPC", "EIO"]

CALLS = (
    "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "openat",
    "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir",
)  # fmt: skip

_OPENED = re.compile(r"^\d+<(?P<path>/[^>]*)>")
_LINE = re.compile(r"^(?P<thread>\d+) +(?P<call>\w+)\((?P<rest>.*)$")


def watching(*calls: str) -> list[str]:
    return ["-s", "200", "-e", f"trace={','.join(calls)}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The ``number``-th call of ``call`` in a thread, of those that go to ``path`` if given; what happens there."""

    event: Event
    call: str
    number: int
    path: str = ""

    @property
    def options(self) -> list[str]:
        what = "signal=SIGKILL" if self.event == "KILL" else f"error={self.event}"
        where = ["-P", self.path] if self.path else []
        return [*where, *watching(self.call), "-e", f"inject={self.call}:{what}:when={self.number}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A line of a trace. ``place`` counts the calls of that name in the whole trace, ``number`` in the thread."""

    thread: str
    call: str
    rest: str
    place: int
    number: int

    @property
    def path(self) -> str:
        """Of the open file that it goes to."""
        opened = _OPENED.match(self.rest)
        return opened["path"] if opened else ""

    def changes_files_of(self, workspace: Path) -> bool:
        """A write to a file of the workspace, not to a socket or the log; an open that may make a file."""
        if self.call == "openat" and "O_CREAT" not in self.rest:
            return False
        return str(workspace) in self.rest or ("</" not in self.rest and self.call not in {"write", "openat"})


def calls(trace: Path) -> list[Call]:
    """What a trace holds, in order. A call that others interrupted is read at its beginning."""
    found: list[Call] = []
    places: dict[str, int] = {}
    numbers: dict[tuple[str, str], int] = {}
    for line in trace.read_text(errors="replace").splitlines():
        told = _LINE.match(line)
        if told is None:
            continue
        thread, call = told["thread"], told["call"]
        places[call] = places.get(call, 0) + 1
        numbers[thread, call] = numbers.get((thread, call), 0) + 1
        number = numbers[thread, call]
        found.append(Call(thread=thread, call=call, rest=told["rest"], place=places[call], number=number))
    return found


def hit(trace: Path, point: Point) -> Call | None:
    """The call at which the event happened; None when the run had no such call."""
    for each in calls(trace):
        if point.event == "KILL":
            if each.call == point.call and each.number == point.number:
                return each
        elif "(INJECTED)" in each.rest:
            return each
    return None


def points(baseline: list[Call], workspace: Path, event: Event, call: str) -> list[Point]:
    """Where a run that was only watched changed files by ``call``."""
    found = [each for each in baseline if each.call == call and each.changes_files_of(workspace)]
    if call == "write":
        times = Counter(each.path for each in found)
        return [
            Point(event=event, call=call, number=number, path=path)
            for path, most in times.items()
            for number in range(1, most + 1)
        ]
    return [Point(event=event, call=call, number=number) for number in sorted({each.number for each in found})]


def sample(found: list[Point], most: int) -> list[Point]:
    """At most so many, spread evenly; all for 0."""
    if most == 0 or len(found) <= most:
        return found
    return [found[place * len(found) // most] for place in range(most)]
