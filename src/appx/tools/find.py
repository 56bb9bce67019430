"""``find``: find files and directories of the project by name."""

import shlex
from itertools import islice

from anyio import to_thread
from pydantic import BaseModel, Field

from appx.domain.ids import ProjectId
from appx.domain.messages import ToolResult
from appx.tools.arguments import MAX_PATTERN, Line, Place
from appx.tools.clip import fitting
from appx.tools.searching import SECONDS, Found, Search, search
from appx.tools.tool import Show, Tool
from appx.tools.within import about_names, plain_name, shown, within
from appx.workbench.bench import Workbench

MAX_PATHS = 1_000
FD = ("fd", "fdfind")
"""Debian calls it the other name."""

NOTHING = "Nothing found. What .gitignore names and .git were not looked at; bash: find sees them, too."


class FindArgs(BaseModel):
    pattern: Line = Field(
        max_length=MAX_PATTERN + 2,  # a person's search gets a star before and behind it
        description="A glob: *.ts, src/**/test_*.py. It is matched with the whole name.",
    )
    path: Place = Field(default=".", description="The directory to look in, relative to the project's directory.")


def find(workbench: Workbench, project: ProjectId, root: str) -> Tool[FindArgs]:
    """``root``: the project's directory as the workbench knows it."""

    async def run(args: FindArgs, _show: Show) -> ToolResult:
        wanted = fd(args, root)
        found = await search(workbench, project, wanted)
        return await to_thread.run_sync(result, args.pattern, wanted.path, found, abandon_on_cancel=True)

    return Tool(
        name="find",
        description=(
            f"Find files and directories by a glob, at any depth; the first {MAX_PATHS:,} paths in order. "
            "Hidden ones are found; what .gitignore names is not."
        ),
        args=FindArgs,
        run=run,
    )


def fd(args: FindArgs, root: str) -> Search:
    """Pure. Raises Invalid."""
    words = ["--color=never", "--hidden", "--exclude=.git", "--case-sensitive", "--print0", "--glob", "--show-errors"]
    pattern = _plain(args.pattern)
    if "/" in pattern:
        words.append("--full-path")
        pattern = pattern if pattern.startswith("**/") else f"**/{pattern}"
    path = within(root, args.path)
    return Search(
        programs=FD,
        arguments=f"{shlex.join(words)} -- {shlex.quote(pattern)}",
        path=path,
        enter=True,
        filters=("sort --zero-terminated",),
    )


def names(output: str) -> list[str]:
    """What fd printed; an unfinished last name is left out."""
    return [plain_name(name) for name in output.split("\0")[:-1]]


def result(pattern: str, path: str, done: Found) -> ToolResult:
    """What the model is told. Pure."""
    found = _deep_enough(pattern, path, done)
    if not found and done.words:
        return ToolResult(ok=False, text=complaint(done.words))
    first = [f"{_below(path)}{name}" for name in found[:MAX_PATHS]]
    lines = [shown(name) for name in first]
    count = fitting(lines)
    notes = []
    if count < len(found) or not done.whole:
        among = f"{count:,} of {len(found):,} paths" if done.whole else f"{count:,} paths, there may be more"
        notes.append(f"the first {among}; narrow the pattern or the path")
    if done.code is None:
        notes.append(f"ended after {SECONDS:g} s, its time limit. Give a smaller path")
    elif not found:
        notes.append(NOTHING)
    notes += about_names(first[:count])
    if done.words:
        notes.append(complaint(done.words))
    return ToolResult(ok=done.code is not None, text="\n".join([*lines[:count], *(f"[{note}]" for note in notes)]))


def paths_of(pattern: str, path: str, done: Found) -> list[str]:
    """Relative to the project's directory: the first of them, and one more when there are more. Pure."""
    below = _below(path)
    return [f"{below}{name}" for name in islice(_deep_enough(pattern, path, done), MAX_PATHS + 1)]


def _plain(pattern: str) -> str:
    return pattern.removeprefix("./").strip("/") or "*"


def _below(path: str) -> str:
    return "" if path == "." else f"{path.removeprefix('./')}/"


def _deep_enough(pattern: str, path: str, done: Found) -> list[str]:
    """What was found, relative to ``path``, without what is not as deep as the pattern.

    fd matches a pattern with directories with the absolute path: of the project "web", web/*.ts is no top file.
    """
    found = names(done.output)
    if "{" in pattern:
        return found
    wanted = _plain(pattern)
    depth = wanted.count("/") - wanted.count("**/") - _below(path).count("/")
    return [name for name in found if name.rstrip("/").count("/") >= depth]


def complaint(words: str) -> str:
    return f"fd says: {words.replace('[fd error]: ', '')}"
