"""Checkpoints: what a project's files were at the end of each turn, as commits of ours in its own repository."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from appx.domain.errors import Invalid, NotFound, Unavailable
from appx.domain.ids import ProjectId
from appx.projects import git
from appx.workbench.bench import Command, Workbench

SECONDS = 60.0
MAX_DIFF = 2 << 20
MAX_LIST = 200

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """``turn`` and ``session`` are empty for one that no turn made."""

    id: str
    tree: str
    created_at: datetime
    message: str
    turn: str
    session: str


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Of all projects. Whatever else uses the repository, its branches, index and hooks are left alone."""

    workbench: Workbench

    async def take(self, project: ProjectId, message: str, *, turn: str = "", session: str = "") -> str:
        """The id of a new checkpoint; empty when nothing changed since the last one. Raises Unavailable, NotFound."""
        line = git.snapshot(_one_line(message), turn=turn, session=session)
        return (await self._git(project, line)).strip()

    async def list(self, project: ProjectId, limit: int = MAX_LIST) -> list[Checkpoint]:
        """Newest first."""
        told = await self._git(project, git.listing(limit))
        return [_checkpoint(line) for line in told.splitlines() if line]

    async def diff(self, project: ProjectId, older: str, newer: str) -> str:
        """A unified diff, at most about ``MAX_DIFF`` bytes of its end. Raises NotFound for an unknown checkpoint."""
        await self._known(project, older, newer)
        return await self._git(project, git.diff(older, newer), keep_bytes=MAX_DIFF)

    async def restore(self, project: ProjectId, checkpoint: str) -> str:
        """Make the files as they were. What is there now becomes a checkpoint first, and the result does, too.

        Answers the id of the result. Raises NotFound for an unknown checkpoint.
        """
        await self._known(project, checkpoint)
        await self.take(project, f"Before going back to {checkpoint[:12]}")
        await self._git(project, git.restore(checkpoint))
        return await self.take(project, f"Back to {checkpoint[:12]}") or await self._newest(project)

    async def _newest(self, project: ProjectId) -> str:
        return (await self.list(project, 1))[0].id

    async def _known(self, project: ProjectId, *checkpoints: str) -> None:
        for each in checkpoints:
            if not _COMMIT.fullmatch(each):
                raise Invalid(f"{each!r} is no id of a checkpoint: it has 40 hexadecimal digits.")
            done = await self._run(project, git.is_checkpoint(each), 1_000)
            if done is None:
                raise NotFound(f"checkpoint not found: {each}")

    async def _git(self, project: ProjectId, line: str, keep_bytes: int = 256 * 1024) -> str:
        found = await self._run(project, line, keep_bytes)
        if found is None:
            raise Unavailable("git could not do this. Look at the project's repository: `git fsck` tells more.")
        return found

    async def _run(self, project: ProjectId, line: str, keep_bytes: int) -> str | None:
        command = Command(line=line, project=project, time_limit=SECONDS, keep_bytes=keep_bytes, keep_lines=1_000_000)
        done = await self.workbench.run(command)
        return done.output if done.code == 0 else None


def _checkpoint(line: str) -> Checkpoint:
    commit, tree, seconds, message, turn, session = line.split("\x1f")
    at = datetime.fromtimestamp(int(seconds), UTC)
    return Checkpoint(id=commit, tree=tree, created_at=at, message=message, turn=turn, session=session)


def _one_line(message: str) -> str:
    """The subject of a commit."""
    line = " ".join(message.split())
    return (line if len(line) <= 72 else f"{line[:71]}…") or "Checkpoint"
