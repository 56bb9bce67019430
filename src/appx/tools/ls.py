"""``ls``: what is in a directory of the project."""

import shlex

from anyio import to_thread
from pydantic import BaseModel, Field

from appx.domain.ids import ProjectId
from appx.domain.messages import ToolResult
from appx.tools.arguments import Place
from appx.tools.clip import fitting
from appx.tools.find import FD, complaint, names
from appx.tools.searching import Found, Search, search
from appx.tools.tool import Show, Tool
from appx.tools.within import about_names, shown, within
from appx.workbench.bench import Workbench

MAX_ENTRIES = 500
MAX_IGNORED = 20
"""Names of ignored entries in a note."""


class LsArgs(BaseModel):
    path: Place = Field(default=".", description="The directory, relative to the project's directory.")


def ls(workbench: Workbench, project: ProjectId, root: str) -> Tool[LsArgs]:
    """``root``: the project's directory as the workbench knows it."""

    async def run(args: LsArgs, _show: Show) -> ToolResult:
        path = within(root, args.path)
        wanted = await search(workbench, project, entries(path))
        every = await search(workbench, project, entries(path, ignored=True))
        return await to_thread.run_sync(result, path, wanted, every, abandon_on_cancel=True)

    return Tool(
        name="ls",
        description=(
            f"List a directory: the first {MAX_ENTRIES} names, directories with / behind them. "
            "Hidden ones are shown; what .gitignore names is only noted."
        ),
        args=LsArgs,
        run=run,
    )


def entries(path: str, *, ignored: bool = False) -> Search:
    """Pure."""
    words = ["--color=never", "--hidden", "--max-depth=1", "--print0", "--glob", "--show-errors"]
    words += ["--no-ignore"] if ignored else ["--exclude=.git"]
    return Search(
        programs=FD,
        arguments=f"{shlex.join(words)} -- '*'",
        path=path,
        enter=True,
        filters=("sort --zero-terminated",),
    )


def result(path: str, done: Found, every: Found) -> ToolResult:
    """What the model is told. Pure."""
    found = names(done.output)
    if not found and done.words:
        return ToolResult(ok=False, text=complaint(done.words))
    lines = [shown(name) for name in found[:MAX_ENTRIES]]
    count = fitting(lines)
    notes = [] if found else ["nothing is here" if not names(every.output) else "nothing else is here"]
    if count < len(found) or not done.whole:
        among = f"{count:,} of {len(found):,} entries" if done.whole else f"{count:,} entries, there may be more"
        where = f" in {path.removeprefix('./')}" if path != "." else ""
        notes.append(f"the first {among}; find with a pattern{where} shows a part, bash: ls all")
    notes += _ignored(found, every) if done.whole else []
    notes += about_names(found[:count])
    notes += [complaint(done.words)] if done.words else []
    return ToolResult(ok=done.code is not None, text="\n".join([*lines[:count], *(f"[{note}]" for note in notes)]))


def _ignored(found: list[str], every: Found) -> list[str]:
    here = set(found)
    left = [name for name in names(every.output) if name not in here]
    if not left:
        return []
    few = ", ".join(map(shown, left[:MAX_IGNORED]))
    rest = f" and {len(left) - MAX_IGNORED:,} more; bash: ls -A" if len(left) > MAX_IGNORED else ""
    return [f"not shown, because git ignores them: {few}{rest}"]
