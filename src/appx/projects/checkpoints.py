"""Checkpoints: what a project's files were at the end of each turn, as commits of ours in its own repository."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime

import anyio

from appx.domain.errors import Invalid, NotFound, Unavailable
from appx.domain.events import TurnStarted
from appx.domain.ids import ProjectId, SessionId, TurnId
from appx.projects import git
from appx.sessions.row import SessionRow
from appx.workbench.bench import Command, CommandResult, Workbench
from appx.workbench.tree import Take

SECONDS = 120.0
MAX_DIFF = 2 << 20
MAX_FILES = 1_000
"""Of a diff: more are not shown."""

MAX_LIST = 200
MAX_LINE = 4 << 10
"""Bytes of a checkpoint in a list, on average: ours take some hundred."""

MAX_ANSWER = 64 << 10
"""Bytes of an answer that is an id, or git's last words."""

MAX_CHANGES = MAX_DIFF + 1 + (MAX_FILES + 1) * MAX_LINE + 1
"""Bytes. No path is longer than 4,096."""

MAX_WORDS = 1_000
"""Characters of what git says when it fails."""

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_CHANGED = re.compile(r"([0-9]{1,15}|-)\t([0-9]{1,15}|-)\t(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """``turn`` and ``session`` are empty for one that no turn made."""

    id: str
    tree: str
    created_at: datetime
    message: str
    turn: str
    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """Lines that were added and removed; None for a binary file."""

    path: str
    added: int | None
    removed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """``diff`` is a unified diff; ``cut`` when it is only the beginning, of ``MAX_DIFF`` bytes, or ``MAX_FILES``."""

    files: tuple[ChangedFile, ...]
    diff: str
    cut: bool


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Of all projects. Whatever else uses the repository, its branches, index and hooks are left alone.

    All methods raise Unavailable when git or the workbench cannot do it, NotFound without such a project.
    """

    workbench: Workbench
    _changing: defaultdict[ProjectId, anyio.Lock] = field(default_factory=lambda: defaultdict(anyio.Lock), repr=False)

    async def take(
        self, project: ProjectId, message: str, *, turn: TurnId | None = None, session: SessionId | None = None
    ) -> str:
        """The id of a new checkpoint; empty when nothing changed since the last one."""
        async with self._changing[project]:
            return await self._take(project, message, turn=turn or "", session=session or "")

    async def of_turn(self, row: SessionRow, turn: TurnStarted) -> str:
        """As ``take``, after a turn of a session. It is called what the person asked for."""
        return await self.take(row.project, turn.prompt.text[:200], turn=turn.turn, session=row.id)

    async def keep(self, project: ProjectId, message: str) -> str:
        """As ``take``, and when nothing changed the id of the newest one."""
        return await self.take(project, message) or await self.newest(project)

    async def list(self, project: ProjectId, *, limit: int = MAX_LIST, before: str = "") -> list[Checkpoint]:
        """Newest first: at most ``limit``, of those before ``before``. Raises NotFound for an unknown one."""
        if before:
            await self._known(project, before)
        told = await self._git(project, git.listing(limit, before=before), keep_bytes=limit * MAX_LINE)
        return [found for line in told.split("\n", limit)[:limit] if (found := _checkpoint(line)) is not None]

    async def changes(self, project: ProjectId, newer: str, older: str = "") -> Changes:
        """How ``newer`` differs from ``older``, or from the one before it. Raises NotFound for an unknown one."""
        await self._known(project, newer, *([older] if older else []))
        script = git.changes(newer, older, keep_files=MAX_FILES, keep_bytes=MAX_DIFF)
        told = await self._git(project, script, keep_bytes=MAX_CHANGES)
        stats, _, diff = told.partition("\0\0") if not told.startswith("\0") else ("", "", told[1:])
        lines = stats.split("\0", MAX_FILES)
        files = tuple(_changed_file(line) for line in lines[:MAX_FILES] if line)
        kept = diff.encode()[:MAX_DIFF].decode(errors="ignore")
        return Changes(files=files, diff=kept, cut=len(kept) < len(diff) or len(lines) > MAX_FILES)

    async def restore(self, project: ProjectId, checkpoint: str) -> str:
        """Make the files as they were. What is there now becomes a checkpoint first, and the result does, too.

        Answers the id of the result. Raises NotFound for an unknown checkpoint.
        """
        await self._known(project, checkpoint)
        async with self._changing[project]:
            await self._take(project, f"Before going back to {checkpoint[:12]}")
            await self._git(project, git.restore(checkpoint))
            back = await self._take(project, f"Back to {checkpoint[:12]}")
        return back or await self.newest(project)

    async def bundle(self, project: ProjectId, take: Take) -> None:
        """Hand the repository to ``take`` as a git bundle, with the files as they are now as the newest checkpoint.

        Raises Conflict when there is nothing in it.
        """
        await self.take(project, "Take the project out as a bundle")
        await self.workbench.tree.bundle(project, take)

    async def newest(self, project: ProjectId) -> str:
        """Its id; empty when there is none."""
        return next((each.id for each in await self.list(project, limit=1)), "")

    async def _take(self, project: ProjectId, message: str, *, turn: str = "", session: str = "") -> str:
        told = (await self._git(project, git.snapshot(_one_line(message), turn=turn, session=session))).strip()
        if told and not _COMMIT.fullmatch(told):
            raise _odd(told)
        return told

    async def _known(self, project: ProjectId, *checkpoints: str) -> None:
        for each in checkpoints:
            if not _COMMIT.fullmatch(each):
                raise Invalid(f"{each!r} is no id of a checkpoint: it has 40 hexadecimal digits.")
            if (await self._run(project, git.is_checkpoint(each))).code != 0:
                raise NotFound(f"checkpoint not found: {each}")

    async def _git(self, project: ProjectId, script: str, keep_bytes: int = MAX_ANSWER) -> str:
        done = await self._run(project, script, keep_bytes)
        if done.code != 0:
            silent = f"it took more than {SECONDS:.0f} s" if done.code is None else f"it ended with code {done.code}"
            why = done.output.strip()[-MAX_WORDS:] or silent
            raise Unavailable(f"git could not do this in the project's repository: {why}.")
        return done.output

    async def _run(self, project: ProjectId, script: str, keep_bytes: int = MAX_ANSWER) -> CommandResult:
        return await self.workbench.run(
            Command(line=script, project=project, time_limit=SECONDS, keep_bytes=keep_bytes, keep_lines=1_000_000)
        )


def _checkpoint(line: str) -> Checkpoint | None:
    """None for what is no commit of ours: the agent can put one there, too."""
    try:
        commit, tree, seconds, message, turn, session = line.split("\x1f", 6)
        at = datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    if not _COMMIT.fullmatch(commit):
        return None
    return Checkpoint(id=commit, tree=tree, created_at=at, message=message, turn=turn, session=session)


def _changed_file(line: str) -> ChangedFile:
    found = _CHANGED.fullmatch(line)
    if found is None:
        raise _odd(line)
    return ChangedFile(path=found[3], added=_count(found[1]), removed=_count(found[2]))


def _count(told: str) -> int | None:
    return None if told == "-" else int(told)


def _odd(told: str) -> Unavailable:
    return Unavailable(f"git answered something odd: {told[:100]!r}. A command of the project may have replaced it.")


def _one_line(message: str) -> str:
    """The subject of a commit."""
    line = " ".join(message.split())
    return (line if len(line) <= 72 else f"{line[:71]}…") or "Checkpoint"
