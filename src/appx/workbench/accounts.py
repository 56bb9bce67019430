"""Accounts: the uids of the container that work for one project each. Which project has which, what is done to them.

The image makes them (``image/tools/make-users``), the launcher starts their workbenches and wipes them
(``image/rootfs/usr/local/share/appx-builder/account/launch``).
"""

import itertools
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import anyio
from anyio import to_thread

from appx.domain.errors import Conflict, Unavailable
from appx.domain.ids import ProjectId
from appx.kit.unix_socket import connect

logger = logging.getLogger(__name__)

FIRST_UID = 2_000
MOST = 999
FIRST_ID, IDS = 100_000, 65_536
"""Of the ranges of ids that podman gives to containers: first that of builder, then one for each account."""

ASK_SECONDS = 180.0
ANSWER_BYTES = 4_096
ASIDE = (".before-restore-", ".restore-")
"""How directories begin that have directories of projects besides those in use: a restore keeps what was there."""


def uid_of(account: int) -> int:
    return FIRST_UID + account


def account_of(uid: int) -> int | None:
    """None for a uid that is no project's; what the containers of an account made has a uid of its range."""
    number = uid - FIRST_UID if uid < FIRST_ID else (uid - FIRST_ID) // IDS
    return number if 0 < number <= MOST else None


def socket_of(account: int) -> Path:
    """Of its workbench."""
    return Path(f"/run/user/{uid_of(account)}/workbench.sock")


class Accounts(Protocol):
    """The account of each project: a number, or None for the uid that all share."""

    def give(self, project: ProjectId, account: int | None) -> None:
        """Remember what the database has."""
        ...

    def of(self, project: ProjectId) -> int | None: ...

    async def take(self, project: ProjectId) -> int | None:
        """Give ``project`` one that is free and has nothing of anybody; None where all share one uid.

        Raises Conflict when all are used, Unavailable.
        """
        ...

    async def wipe(self, project: ProjectId) -> bool:
        """End all that the account of ``project`` runs, and remove all that it has. False when it has none.

        Raises Unavailable when something stays. ``give`` None lets it go after.
        """
        ...

    async def foreign(self, name: str) -> bool:
        """Whether no new project can have this id: what is there by that name would become part of it."""
        ...


class Shared:
    """All projects have one uid, that of the only workbench."""

    def give(self, project: ProjectId, account: int | None) -> None:
        """Nothing to remember."""

    def of(self, project: ProjectId) -> int | None:  # noqa: ARG002  as the protocol has it
        return None

    async def take(self, project: ProjectId) -> int | None:  # noqa: ARG002
        return None

    async def wipe(self, project: ProjectId) -> bool:  # noqa: ARG002
        return False

    async def foreign(self, name: str) -> bool:  # noqa: ARG002
        return False


class Launcher:
    """A client of the launcher; ``launch`` says what it understands. Raises Unavailable."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def most(self) -> int | str:
        """How many accounts there are, or the reason why there are none."""
        word, _, rest = (await self._ask("status")).partition(" ")
        return int(rest) if word == "accounts" else rest

    async def start(self, account: int) -> None:
        """Its workbench is up soon."""
        await self._ask(f"start {account}")

    async def give(self, account: int) -> None:
        """From now on it has something of a project, until it is wiped."""
        await self._ask(f"give {account}")

    async def given(self, account: int) -> bool:
        return await self._ask(f"given {account}") == "yes"

    async def has_apps(self, account: int) -> bool:
        """Whether there is a container, running or not."""
        return await self._ask(f"apps {account}") == "yes"

    async def wipe(self, account: int) -> None:
        await self._ask(f"wipe {account}")

    async def _ask(self, line: str) -> str:
        """Whoever is cancelled still waits: what was asked for is done anyway."""
        try:
            with anyio.fail_after(ASK_SECONDS, shield=True):
                answer = await self._answer(line)
        except (OSError, TimeoutError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
            raise Unavailable(f"The launcher of workbenches does not answer on {self._socket}: {error!r}.") from error
        if answer.startswith("failed ") or not answer:
            raise Unavailable(f"The launcher of workbenches refused `{line}`: {answer.removeprefix('failed ')}.")
        return answer

    async def _answer(self, line: str) -> str:
        async with await connect(self._socket) as stream:
            await stream.send(f"{line}\n".encode())
            found = b""
            while not found.endswith(b"\n") and len(found) < ANSWER_BYTES:
                found += await stream.receive()
        return found.decode(errors="replace").strip()


class ProjectAccounts:
    """One account for each project.

    ``wanted``: whether new projects get one; those that have one keep it. Makes one ready in advance, see ``spare``.
    """

    def __init__(self, launcher: Launcher, workspace: Path, *, wanted: bool) -> None:
        self.launcher = launcher
        self.spare: int | None = None
        self.taken = anyio.Event()
        """Set when the spare one was taken; a new event takes its place."""
        self._workspace = workspace
        self._wanted = wanted
        self._given: dict[ProjectId, int | None] = {}
        self._choosing = anyio.Lock()
        self._last = 0
        self._wiping: set[int] = set()

    def give(self, project: ProjectId, account: int | None) -> None:
        self._given[project] = account
        self._last = max(self._last, account or 0)

    def of(self, project: ProjectId) -> int | None:
        return self._given.get(project)

    def used(self) -> set[int]:
        return {each for each in self._given.values() if each is not None}

    async def none_because(self) -> str:
        """Why new projects share one uid; empty when each gets its own. Raises Unavailable."""
        if not self._wanted:
            return "APPX_PROJECT_UIDS is off"
        most = await self.launcher.most()
        return most if isinstance(most, str) else ""

    async def take(self, project: ProjectId) -> int | None:
        async with self._choosing:
            if await self.none_because():
                self.give(project, None)
                return None
            account, self.spare = self.spare, None
            if account is None:
                account = await self._clean()
            await self.launcher.give(account)
            self._wiping.discard(account)
            self.give(project, account)
            self.taken.set()
            self.taken = anyio.Event()
            return account

    async def make_spare(self) -> int | None:
        """Start the workbench of one that is free: the next project finds its images loaded. None when all are used."""
        async with self._choosing:
            if await self.none_because():
                return None
            try:
                account = await self._clean()
            except Conflict:
                return None
            self._wiping.discard(account)
            await self.launcher.start(account)
            self.spare = account
            return account

    async def wipe(self, project: ProjectId) -> bool:
        account = self.of(project)
        if account is None:
            return False
        self._wiping.add(account)
        try:
            await self.launcher.wipe(account)
        except Unavailable:
            self._wiping.discard(account)
            raise
        return True

    def working(self, account: int) -> bool:
        """Whether its workbench may run: it is a project's that is not being deleted, or the spare one."""
        return account not in self._wiping and (account in self.used() or account == self.spare)

    async def start(self, account: int) -> None:
        """Raises Unavailable also when its project was deleted: what still waits must not wake what was wiped."""
        if not self.working(account):
            raise Unavailable("The project of this workbench is being deleted.")
        await self.launcher.start(account)

    async def foreign(self, name: str) -> bool:
        """An agent could have made a directory, to own what comes into it."""
        return not await self.none_because() and await to_thread.run_sync(os.path.lexists, self._workspace / name)

    async def _clean(self) -> int:
        """One that has nothing, as late as possible one that had. What a crash or another database left is removed."""
        most = await self.launcher.most()
        assert isinstance(most, int)
        used = self.used() | await to_thread.run_sync(self._owners)
        later, earlier = range(self._last + 1, most + 1), range(1, min(self._last, most) + 1)
        for account in itertools.chain(later, earlier):
            if account in used:
                continue
            if await self.launcher.given(account):
                logger.warning("account %d has something of a project that is no longer there: it is wiped", account)
                await self.launcher.wipe(account)
            self._last = account
            return account
        raise Conflict(
            f"All {most} accounts are used, one for each project. Delete a project that is no longer needed, and what "
            "restores put aside, then try again."
        )

    def _owners(self) -> set[int]:
        """Those that own something which a restore put aside: into directories of the server's own."""
        found = {account_of(uid) for place in self._aside() for uid in uids_in(place)}
        return {account for account in found if account is not None}

    def _aside(self) -> Iterator[Path]:
        """Agents may make as many names in the workspace as they like, and of any kind."""
        with os.scandir(self._workspace) as entries:
            for each in entries:
                if each.name.startswith(ASIDE) and _uid_of(each) == os.getuid() and each.is_dir(follow_symlinks=False):
                    yield Path(each.path)


def uids_in(directory: Path) -> Iterator[int]:
    """The owners of what is there; of a directory that cannot be read, none."""
    with suppress(OSError), os.scandir(directory) as entries:
        yield from (uid for uid in map(_uid_of, entries) if uid is not None)


def _uid_of(entry: os.DirEntry[str]) -> int | None:
    """None when it is gone, or may not be looked at."""
    try:
        return entry.stat(follow_symlinks=False).st_uid
    except OSError:
        return None
