"""The bodies of the routes of files."""

from typing import Annotated, Literal, TypeAlias

from fastapi import Query
from pydantic import Field

from appx.http.bodies import Answer, Body
from appx.kit import clock
from appx.tools.arguments import Line
from appx.workbench import tree

MAX_PATH = 4_000

Path: TypeAlias = Annotated[
    Line, Query(max_length=MAX_PATH, description="Relative to the project's directory; never outside of it.")
]


class FileEntry(Answer):
    path: str
    """Relative to the project's directory."""
    name: str
    kind: Literal["file", "directory", "link", "other"]
    size: Annotated[int, Field(ge=0)]
    """Bytes; 0 for what is no file."""
    modified: str
    etag: str
    """For `If-Match`."""
    exact: bool
    """False when the name has bytes that are not UTF-8: they are shown as U+FFFD, and no path names it."""

    @classmethod
    def of(cls, entry: tree.Entry) -> "FileEntry":
        return cls(
            path=entry.path,
            name=entry.path.rpartition("/")[2],
            kind=entry.kind,
            size=entry.size,
            modified=clock.iso(entry.modified),
            etag=f'"{entry.tag}"',
            exact=entry.exact,
        )


class FileTreeResponse(Answer):
    entries: list[FileEntry]
    next: str | None = None
    """Ask with `?after=` this for the rest. Not there when this is the end."""


class MoveFileRequest(Body):
    path: Annotated[Line, Field(max_length=MAX_PATH)]
    to: Annotated[Line, Field(max_length=MAX_PATH)]
    replace: bool = False
    """Whether a file that is at `to` may be replaced."""


class UploadResponse(Answer):
    files: int
    size: int
    """Bytes of all of them."""
    left_out: Annotated[list[str], Field(alias="leftOut")]
    """Entries that were not taken, the first hundred: links, devices, what belongs to git."""
    left_out_count: Annotated[int, Field(alias="leftOutCount")]


class FoundLine(Answer):
    path: str
    line: int
    column: int
    """The character, from 1, where the first match begins."""
    text: str
    cut: bool
    """Whether the text is only a part of the line, around the match."""


class SearchResponse(Answer):
    matches: list[FoundLine]
    complete: bool
    """False when there may be more: narrow the search."""


class FindResponse(Answer):
    paths: list[str]
    """Those of directories end with `/`."""
    complete: bool
