"""``grep``: search the texts of the project."""

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from fnmatch import translate

from anyio import to_thread
from pydantic import BaseModel, ConfigDict, Field

from appx.domain.errors import Invalid
from appx.domain.ids import ProjectId
from appx.domain.messages import ToolResult
from appx.tools.arguments import Pattern, Place
from appx.tools.matches import MAX_LINE, MAX_MATCHES, Matches, matches, told
from appx.tools.searching import SECONDS, Found, Search, search
from appx.tools.tool import Show, Tool
from appx.tools.within import within
from appx.workbench.bench import Workbench

MAX_CONTEXT = 20
RAW_LINE = 8_000
"""Bytes of a line that we take: a path of 4,096, and MAX_LINE characters of four."""

NOTHING = (
    "No matches. What .gitignore names, .git and binary files were not searched; "
    "bash: rg --no-ignore --hidden searches them, too."
)


class GrepArgs(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    pattern: Pattern = Field(description="A regular expression as of Rust or RE2: no look-around, no back-references.")
    path: Place = Field(default=".", description="A directory or file, relative to the project's directory.")
    glob: Pattern | None = Field(
        default=None,
        description="Only files with such a name, for example *.ts, src/**/*.py; with ! before it, not those.",
    )
    ignore_case: bool = Field(default=False, alias="ignoreCase")
    literal: bool = Field(default=False, description="The pattern is a text, no regular expression.")
    context: int = Field(default=0, ge=0, le=MAX_CONTEXT, description="How many lines to show around each match.")


def grep(workbench: Workbench, project: ProjectId, root: str) -> Tool[GrepArgs]:
    """``root``: the project's directory as the workbench knows it."""

    async def run(args: GrepArgs, _show: Show) -> ToolResult:
        wanted = ripgrep(args, root)
        found = await search(workbench, project, wanted)
        return await to_thread.run_sync(result, args, wanted.path, found, abandon_on_cancel=True)

    return Tool(
        name="grep",
        description=(
            f"Search the contents of files. The first {MAX_MATCHES} matches, each line cut at {MAX_LINE} characters. "
            "Hidden files are searched; what .gitignore names and binary files are not."
        ),
        args=GrepArgs,
        run=run,
    )


def ripgrep(args: GrepArgs, root: str) -> Search:
    """Pure. Raises Invalid."""
    if "\n" in args.pattern:
        raise Invalid("pattern: it is matched line by line. For more lines use bash: rg --multiline")
    path = within(root, args.path)
    words = [
        "--no-config", "--color=never", "--no-heading", "--with-filename", "--line-number", "--column", "--null",
        "--hidden", "--crlf", "--no-context-separator", "--sort=path", f"--context={args.context}", "--glob=!.git",
    ]  # fmt: skip
    words += ["--ignore-case"] if args.ignore_case else ["--case-sensitive"]
    words += ["--fixed-strings"] if args.literal else []
    arguments = " ".join(
        [shlex.join(words), *_glob(args.glob), shlex.quote(f"--regexp={args.pattern}"), "--", shlex.quote(path)]
    )
    return Search(programs=("rg",), arguments=arguments, path=path, filters=(f"cut -b -{RAW_LINE}",))


def result(args: GrepArgs, path: str, done: Found) -> ToolResult:
    """What the model is told. Pure."""
    found = lines_of(args, done)
    if not found.rows and (problem := problem_of(done)):
        return ToolResult(ok=False, text=problem)
    count = shlex.join(["rg", "--count", "--regexp", args.pattern, "--", path])
    text, notes = told(found, whole=done.whole, more=f"narrow pattern, path or glob, or count them with bash: {count}")
    if done.code is None:
        notes.append(f"ended after {SECONDS:g} s, its time limit. Give a smaller path or a glob")
    elif done.words:
        notes.append(f"ripgrep says: {done.words}")
    if not found.rows:
        notes = [NOTHING, *notes] if done.code is not None else notes
    lines = [*([text] if text else []), *(f"[{note}]" for note in notes)]
    return ToolResult(ok=done.code is not None, text="\n".join(lines))


def lines_of(args: GrepArgs, done: Found) -> Matches:
    """What was found, where the glob means it. Pure."""
    found = matches(done.output)
    fits = _filter(args.glob)
    return found if fits is None else replace(found, rows=[row for row in found.rows if fits(row.path)])


def problem_of(done: Found) -> str:
    """Why it did not even begin."""
    if "error parsing glob" in done.words:
        return f"The glob cannot be used: {done.words.removeprefix('rg: ')}"
    if done.code == 2:
        how = "\n[mend the pattern, or set literal to search for it as it stands]" if "regex" in done.words else ""
        return f"ripgrep says: {done.words.removeprefix('rg: ')}{how}"
    return ""


def _glob(glob: str | None) -> list[str]:
    """ripgrep's own ``--glob`` goes before .gitignore, so it can only exclude here.

    The last part of a glob becomes a type of files; a glob with directories also a list of what to leave out, which
    has less weight than .gitignore: what that takes in again by "!" is left to ``_filter``.
    """
    if glob is None:
        return []
    glob = glob.removeprefix("./")
    if "\n" in glob:
        raise Invalid("glob: it is one line.")
    if glob.startswith("!"):
        return [shlex.quote(f"--glob=!{_anywhere(glob[1:])}")]
    glob = f"{glob}**" if glob.endswith("/") else glob
    _, slash, name = glob.rpartition("/")
    kind = "*" if name == "**" else name.replace(":", "?")
    only = [shlex.quote(f"--type-add=wanted:{kind}"), "--type=wanted"]
    if not slash:
        return only
    rules = shlex.join(["*", "!*/", f"!{_anywhere(glob)}"])
    return [*only, f"--ignore-file=<(printf '%s\\n' {rules})"]


def _filter(glob: str | None) -> Callable[[str], bool] | None:
    """Whether a glob with directories may mean a path. It is read generously, where * also stands for directories."""
    if glob is None or glob.startswith("!") or "/" not in glob or "\\" in glob or "[^" in glob:
        return None
    glob = glob.removeprefix("./")
    wider = _without_choices(_anywhere(f"{glob}*" if glob.endswith("/") else glob).replace("**/", "*"))
    pattern = re.compile(translate(wider))
    return lambda path: pattern.match(f"/{path}") is not None


def _without_choices(glob: str) -> str:
    """With * in the place of {a,b}."""
    kept: list[str] = []
    depth = 0
    for part in re.split(r"([{}])", glob):
        if part == "{":
            kept += ["*"] * (depth == 0)
            depth += 1
        elif depth == 0:
            kept.append(part)
        elif part == "}":
            depth -= 1
    return "".join(kept) if depth == 0 else "*"


def _anywhere(glob: str) -> str:
    """A glob with directories counts at any depth, as one without does."""
    return glob if glob.startswith(("/", "**/")) or "/" not in glob else f"**/{glob}"
