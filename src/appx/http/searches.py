"""The routes that search a project: in the contents of files, and for names."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Query

from appx.domain.errors import Invalid
from appx.http.file_bodies import FindResponse, FoundLine, Path, SearchResponse
from appx.http.parts import Here, ThisProject
from appx.tools import find, grep
from appx.tools.arguments import Line
from appx.tools.matches import MAX_LINE, Row
from appx.tools.searching import search

MAX_FOUND = 1_000
BEFORE = 100
"""Characters that stay before a match when its line is cut."""

Wanted = Annotated[Line, Query(max_length=1_000)]
Limit = Annotated[int, Query(ge=1, le=MAX_FOUND)]

routes = APIRouter(prefix="/v1/projects/{projectId}", tags=["files"])


@routes.get("/search", operation_id="searchFiles")
async def search_files(  # noqa: PLR0913  a query has the parameters that it has
    *,
    parts: Here,
    project: ThisProject,
    q: Wanted,
    path: Path = ".",
    glob: Annotated[Line | None, Query(max_length=1_000, description="Only such files, `*.ts`; `!*.ts`: not.")] = None,
    regex: Annotated[bool, Query(description="Whether `q` is a regular expression, as of Rust.")] = False,
    case: Annotated[bool, Query(description="Whether capitals count.")] = False,
    limit: Limit = 100,
) -> SearchResponse:
    """Lines that match, by path and number. What git ignores, `.git` and binary files are not searched."""
    args = grep.GrepArgs(pattern=q, path=path, glob=glob, ignoreCase=not case, literal=not regex)
    done = await search(parts.workbench, project.id, grep.ripgrep(args, project.directory))
    found = (await to_thread.run_sync(grep.lines_of, args, done)).rows
    if not found and (problem := grep.problem_of(done)):
        raise Invalid(problem)
    return SearchResponse(
        matches=[_line(row) for row in found[:limit]],
        complete=done.whole and done.code is not None and len(found) <= limit,
    )


def _line(row: Row) -> FoundLine:
    """Of a long line the part with the match. ripgrep counts bytes."""
    at = len(row.text.encode()[: row.column - 1].decode(errors="ignore"))
    start = max(0, at - BEFORE) if len(row.text) > MAX_LINE else 0
    text = row.text[start : start + MAX_LINE]
    return FoundLine(path=row.path, line=row.number, column=at + 1, text=text, cut=len(text) < len(row.text))


@routes.get("/find", operation_id="findFiles")
async def find_files(
    parts: Here, project: ThisProject, q: Wanted, path: Path = ".", limit: Limit = 100
) -> FindResponse:
    """Files and directories whose name has `q` in it, or fits it when it is a glob: `*.ts`, `src/**/test_*`."""
    pattern = q if any(each in q for each in "*?[{/") else f"*{q}*"
    args = find.FindArgs(pattern=pattern, path=path)
    wanted = find.fd(args, project.directory)
    done = await search(parts.workbench, project.id, wanted)
    found = await to_thread.run_sync(find.paths_of, pattern, wanted.path, done)
    if not found and done.words:
        raise Invalid(find.complaint(done.words))
    return FindResponse(paths=found[:limit], complete=done.whole and done.code is not None and len(found) <= limit)
