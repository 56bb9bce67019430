"""A project's files as a person handles them: the seam, and what is said over it."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal, Protocol, TypeAlias

from pydantic import AfterValidator, AwareDatetime, Field

from appx.domain.ids import ProjectId

Take: TypeAlias = Callable[[bytes], Awaitable[object]]
"""Takes the next part of a stream; no more comes before it has returned."""

ANY = "*"
"""The tag that every file has."""


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError("before the year 1, or after 9999") from None


# What a workbench says has to be of these; what is made here is not looked at.
Length: TypeAlias = Annotated[int, Field(ge=0, lt=2**63)]
Tag: TypeAlias = Annotated[str, Field(pattern="^[!#-~]{1,200}$")]
Time: TypeAlias = Annotated[AwareDatetime, AfterValidator(_in_utc)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``size``: bytes of a file, else 0. ``tag``: another one when the content may be another one.

    ``exact``: whether ``path`` is the name as it stands on the disk. Bytes that are not UTF-8 are shown as U+FFFD.
    """

    path: str
    kind: Literal["file", "directory", "link", "other"]
    size: Length
    modified: Time
    tag: Tag
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What is to be listed: ``depth`` levels below the directory ``path``, at most ``limit`` entries after ``after``.

    ``after``: what a listing gave as ``next``. ``hidden``: also names that begin with a dot.
    """

    path: str = "."
    depth: int = 1
    limit: int = 1_000
    after: str | None = None
    hidden: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A directory before what is in it, names in the order of their bytes. ``next``: where the rest begins, if any."""

    entries: tuple[Entry, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Bytes ``first`` to ``last``, both counted; without ``last`` to the end, without ``first`` the ``last`` ones."""

    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file as it was when it was opened. ``chunks`` are the bytes from ``start`` to before ``stop``.

    They are fewer when somebody shortened the file meanwhile. ``start`` is ``stop`` when a span has none of its bytes.
    """

    entry: Entry
    start: int
    stop: int
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """Only when nothing is there (``absent``), or only what has one of ``tags``. Without both, whatever is there."""

    absent: bool = False
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unzipped:
    """``size``: bytes of all files. ``left_out``: entries that were not taken: links, devices, git's own."""

    files: Length
    size: Length
    left_out: tuple[str, ...]


class FileTree(Protocol):
    """Paths, and the errors that they raise, are those of ``Workbench``. What git keeps for itself is not changed."""

    async def entries(self, project: ProjectId, look: Look) -> Listing: ...

    def open(self, project: ProjectId, path: str, span: Span | None = None) -> AbstractAsyncContextManager[Opened]: ...

    async def put(self, project: ProjectId, path: str, data: AsyncIterable[bytes], when: When) -> Entry:
        """Replace a file atomically, making parent directories; an error, or who gives leaving, changes nothing.

        Raises Changed when it is not as ``when`` has it.
        """
        ...

    async def remove(self, project: ProjectId, path: str, *, recursive: bool) -> None:
        """A file, a link (not where it leads) or a directory. Raises Conflict for one that is not empty."""
        ...

    async def move(self, project: ProjectId, path: str, to: str, *, replace: bool) -> Entry:
        """Rename a file, link or directory, making parents. Raises Conflict when something is at ``to``."""
        ...

    async def zip(self, project: ProjectId, path: str, take: Take, *, everything: bool) -> None:
        """A directory or a file as a zip archive; without ``everything`` without .git and what git ignores.

        Links are put in as links. What cannot be read is named in an entry of its own, ``LEFT-OUT.txt``.
        Raises TooLarge for too many files.
        """
        ...

    async def bundle(self, project: ProjectId, take: Take) -> None:
        """The project's repository as a git bundle: its branches, tags and checkpoints.

        Where no branch has a commit, the newest checkpoint is the branch ``main``. Raises Conflict when there is none
        of these, Unavailable when git cannot do it.
        """
        ...

    async def unzip(
        self, project: ProjectId, path: str, data: AsyncIterable[bytes], *, replace: bool, unwrap: bool = False
    ) -> Unzipped:
        """Unpack into a directory, made when it is not there: all or, on an error, nothing.

        ``unwrap``: without the one directory that all of it is in, if there is one.
        Raises Invalid for what is no zip archive or has a name that leads elsewhere, TooLarge for a bomb, Conflict when
        something is in the way.
        """
        ...
