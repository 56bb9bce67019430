"""A program that searches: a shell line that bounds what it prints, and what came of it."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from appx.domain.errors import Invalid
from appx.domain.ids import ProjectId
from appx.workbench.bench import Command, CommandResult, Workbench

SECONDS = 60.0
MAX_OUTPUT = 512 * 1024
"""Bytes of a program's output that are looked at: ten times of what a result may show."""

MAX_WORDS = 2_000
"""Bytes of its complaints, which are no more characters."""

_ENOUGH_LINES = 1_000_000
_END = "\0\0"
"""Stands between the output and the status. Names are not empty, so nothing else has it."""

_STATUS = re.compile(r"path|outside|file|absent|[0-9]{1,3}")

_LINE = r"""
end() {{ printf '\0\0%s\0%s' "$1" "$2"; exit; }}
real=$(realpath -e -- {path} 2>&1) || end path "${{real##*: }}"
case $real/ in "$(pwd -P)"/*) ;; *) end outside ;; esac
{enter}
program=$({find}) || end absent
{{ words=$({{ {{ "$program" {arguments} {filters}| head -c {most}
  printf '\0\0%s\0' "${{PIPESTATUS[0]}}"; }} 2>&1 >&3; }} | {{ head -c {words}; cat >/dev/null; }}); }} 3>&1
printf %s "$words"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """``programs``: the names under which it may be there. ``arguments``: quoted for the shell.

    ``enter``: whether it runs in ``path``, which then must be a directory. ``filters``: what its output goes through.
    """

    programs: Sequence[str]
    arguments: str
    path: str
    enter: bool = False
    filters: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """``code``: how the program ended, None when its time ran out. ``words``: its complaints.

    ``whole``: ``output`` is all that it printed.
    """

    output: str
    code: int | None
    words: str
    whole: bool


async def search(workbench: Workbench, project: ProjectId, wanted: Search) -> Found:
    """Raises Invalid when the path is not there or leads out of the project, or the program is missing."""
    command = Command(
        line=line(wanted),
        project=project,
        time_limit=SECONDS,
        keep_bytes=MAX_OUTPUT + MAX_WORDS + 1_000,
        keep_lines=_ENOUGH_LINES,
    )
    return found(wanted, await workbench.run(command))


def line(wanted: Search) -> str:
    """The shell line. Pure.

    The program's complaints are kept back until the end: the workbench mixes both streams. ``head`` ends early what
    prints too much.
    """
    path = shlex.quote(wanted.path)
    return _LINE.format(
        path=path,
        enter=f'[ -d "$real" ] || end file\ncd -- {path} || end path' if wanted.enter else "",
        find=" || ".join(f"command -v {name}" for name in wanted.programs),
        arguments=wanted.arguments,
        filters="".join(f"| {each} " for each in wanted.filters),
        most=MAX_OUTPUT,
        words=MAX_WORDS,
    )


def found(wanted: Search, done: CommandResult) -> Found:
    """What the line printed, taken apart. Pure."""
    if done.ended == "time_limit":
        return Found(output=done.output, code=None, words="", whole=False)
    output, end, rest = done.output.rpartition(_END)
    status, _, words = rest.partition("\0")
    words = words.strip()[:MAX_WORDS]
    if not end or not _STATUS.fullmatch(status):
        raise Invalid("The search was ended before it was done. Try again, perhaps with a smaller path.")
    path = wanted.path.removeprefix("./")
    match status:
        case "path":
            raise Invalid(f"{path}: {words or 'it cannot be entered'}. Look with ls or find what there is.")
        case "outside":
            raise Invalid(f"{path}: a symbolic link leads out of the project. Give a path inside of it.")
        case "file":
            raise Invalid(f"{path}: this is a file. Name a directory, or use read.")
        case "absent":
            names = " or ".join(wanted.programs)
            raise Invalid(f"The workbench has no {names}, which this tool needs. Use bash: grep -rnI, find, ls.")
        case _:
            whole = done.total_bytes < MAX_OUTPUT
            return Found(output=output, code=int(status), words=words, whole=whole)
