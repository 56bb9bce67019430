"""Puts a staged backup in the place of what is there: all of it, also when that is cut off in the middle.

Before the journal is written nothing has changed. After, every step can be done again, and whoever starts next does.
"""

import errno
import logging
import os
import secrets
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
from anyio import to_thread
from pydantic import BaseModel

from appx.backup import moving
from appx.backup.format import is_id
from appx.backup.reason import reason
from appx.domain.errors import AppxError, Unavailable
from appx.domain.ids import ProjectId
from appx.models.private_file import replace_private
from appx.workbench.accounts import Accounts, account_of, uids_in
from appx.workbench.bench import Command, Workbench

logger = logging.getLogger(__name__)

JOURNAL = "restoring.json"
STAGING = "restore-"
"""How the names of staging directories begin; those of the workspace have a dot before it."""

DATABASE = ("appx.db-wal", "appx.db-shm", "appx.db")
REPLACED = ("AGENTS.md", "models.json")
"""Files of the state that go aside even when the backup has none in their place. Credentials then stay."""

SECONDS = 600.0
DISCARD_SECONDS = 60.0
"""For one account to remove what it unpacked. What is left harms nobody, and the server waits for it to start."""

DISCARD_AT_ONCE = 8
"""Accounts."""

AT_ONCE = 500
"""Names in one command line."""


class Journal(BaseModel):
    """``name``: of the staging directories. ``aside``: of those that get what was there.

    ``files``: of the state. ``old``: projects that the backup does not have. ``accounts``: of these, and of the others;
    None in the journal of an appx that knew none.
    """

    name: str
    aside: str
    files: tuple[str, ...]
    old: tuple[str, ...]
    accounts: dict[str, int | None] | None = None


def left(state: Path) -> bool:
    """Whether a restore was cut off, wherever it was."""
    return begun(state) or bool(_unpacked(state))


def begun(state: Path) -> bool:
    """Whether a restore was cut off after it could be undone."""
    return (state / JOURNAL).exists()


async def begin(state: Path, bench: Workbench, journal: Journal) -> None:
    """From here on it will be done. What was unpacked is on the disk before."""
    await _run(bench, f"if [ -d .{journal.name} ]; then sync -f .{journal.name}; fi")
    await to_thread.run_sync(_sync, state / journal.name)
    await to_thread.run_sync(replace_private, state / JOURNAL, journal.model_dump_json().encode())


async def settle(state: Path, bench: Workbench, accounts: Accounts) -> None:
    """Finish a restore that was cut off after it could be undone; remove what others unpacked."""
    if begun(state):
        await finish(state, bench, accounts)
    for name in _unpacked(state):
        await discard(state, bench, accounts, name)


def open_to_all(directory: Path) -> None:
    """Make a directory of the server's in which each account puts what is its own, and touches nothing else.

    Raises OSError when somebody else made that name, maybe a link to what is to stay closed.
    """
    with suppress(FileExistsError):
        directory.mkdir(0o700)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(descriptor).st_uid != os.getuid():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(directory))
        os.fchmod(descriptor, 0o1777)
    finally:
        os.close(descriptor)


async def finish(state: Path, bench: Workbench, accounts: Accounts) -> Journal:
    """Do what the journal says, each project by its account: nobody else may."""
    journal = Journal.model_validate_json((state / JOURNAL).read_bytes())
    for project, account in (journal.accounts or {}).items():
        accounts.give(ProjectId(project), account)
    staged = state.parent / f".{journal.name}"
    await _rename_strangers(bench, accounts, state.parent, journal)
    new = await to_thread.run_sync(_names, staged)
    if journal.accounts is not None:  # anybody could have put more there
        new = [name for name in new if name in journal.accounts]
    await to_thread.run_sync(_make_aside, state.parent, journal, new)
    token = secrets.token_hex(4)
    for names in _batches(journal.old, accounts):
        await _run(bench, moving.put_aside(f".{journal.aside}", names, token), names[0])
    for names in _batches(new, accounts):
        await _run(bench, moving.put_in_place(f".{journal.name}", f".{journal.aside}", names, token), names[0])
    await to_thread.run_sync(_drop, staged)
    await to_thread.run_sync(_replace_state, state, journal)
    (state / JOURNAL).unlink()
    await to_thread.run_sync(_sync, state)
    return journal


async def discard(state: Path, bench: Workbench, accounts: Accounts, name: str) -> None:
    """Remove what was unpacked: what the server has last, so that after a kill it tells what there is to remove.

    Nothing was begun, so what cannot be removed is no error: it is logged, and who starts next tries again.
    """
    staged, failed = state.parent / f".{name}", list[object]()
    limiter = anyio.CapacityLimiter(DISCARD_AT_ONCE)

    async def remove(account: int | None) -> None:
        async with limiter:
            why = f"it was not done within {DISCARD_SECONDS:g} s"
            with anyio.move_on_after(DISCARD_SECONDS), _owner(accounts, account) as owner:
                why = await _failure(bench, moving.remove_own(f".{name}"), owner)
        if why:
            failed.append(f"account {account}: {reason(why)}")

    owners = await to_thread.run_sync(_owners, staged)
    async with anyio.create_task_group() as tasks:
        for account in owners:
            tasks.start_soon(remove, account)
    try:
        if not failed:
            await to_thread.run_sync(_drop, staged)
            await to_thread.run_sync(_remove, state / name)
    except OSError as error:
        failed.append(error)
    if failed:
        logger.warning("%s could not be removed and takes room; the next start tries again: %s", staged, failed[0])


async def _rename_strangers(bench: Workbench, accounts: Accounts, workspace: Path, journal: Journal) -> None:
    """What an agent made by the name of another's project, where that has to go: only who made it can rename it."""
    found = await to_thread.run_sync(_strangers, workspace, journal, accounts)
    for account, paths in found.items():
        with _owner(accounts, account) as owner:
            for start in range(0, len(paths), AT_ONCE):
                line = moving.rename(paths[start : start + AT_ONCE], secrets.token_hex(8))
                await _run(bench, line, owner)


def _strangers(workspace: Path, journal: Journal, accounts: Accounts) -> dict[int | None, list[str]]:
    """By the accounts that made them; paths as the workspace has them. What root or the server made, no agent did."""
    found = defaultdict[int | None, list[str]](list)
    known = _names(workspace / f".{journal.name}") if journal.accounts is None else journal.accounts
    for name in sorted({*journal.old, *known}):
        for path in (name, f".{journal.name}/{name}", f".{journal.aside}/{name}"):
            with suppress(FileNotFoundError):
                uid = (workspace / path).lstat().st_uid
                if uid not in {0, os.getuid()} and account_of(uid) != accounts.of(ProjectId(name)):
                    found[account_of(uid)].append(path)
    return found


@contextmanager
def _owner(accounts: Accounts, account: int | None) -> Iterator[ProjectId]:
    """An id by which the workbench of an account is reached without any project of it."""
    owner = ProjectId(f".account-{account}")  # no project can have this id
    accounts.give(owner, account)
    try:
        yield owner
    finally:
        accounts.give(owner, None)


def _make_aside(workspace: Path, journal: Journal, new: Sequence[str]) -> None:
    """When there is something to put there."""
    if any(os.path.lexists(workspace / name) for name in (*journal.old, *new)):
        open_to_all(workspace / f".{journal.aside}")


def _names(directory: Path) -> list[str]:
    """Of projects. Agents may make others there, also such that no command can say."""
    return sorted(path.name for path in directory.iterdir() if is_id(path.name)) if directory.is_dir() else []


def _owners(directory: Path) -> set[int | None]:
    """The accounts that have something there: None for all that is no project's."""
    return {account_of(uid) for uid in uids_in(directory)}


def _drop(directory: Path) -> None:
    """An empty one; what somebody put into it is his own, and stays."""
    with suppress(OSError):
        directory.rmdir()


def _replace_state(state: Path, journal: Journal) -> None:
    """The database goes aside with its log before the new one comes."""
    new, aside = state / journal.name, state / journal.aside
    aside.mkdir(mode=0o700, exist_ok=True)
    for name in REPLACED:
        if name not in journal.files:
            _move(state / name, aside / name)
    for name in journal.files:
        if not (new / name).exists():
            continue
        for old in DATABASE if name == "appx.db" else (name,):
            _move(state / old, aside / old)
        (new / name).rename(state / name)
    if new.exists():
        new.rmdir()
    _sync(aside)
    _sync(state)


def _unpacked(state: Path) -> list[str]:
    return [path.name for path in state.glob(f"{STAGING}*") if path.is_dir()]


def _move(old: Path, new: Path) -> None:
    if old.exists():
        old.rename(new)


def _remove(directory: Path) -> None:
    if directory.exists():
        for path in directory.iterdir():
            path.unlink()
        directory.rmdir()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


async def _run(bench: Workbench, line: str, project: str | None = None) -> None:
    """An agent that runs on may have taken the place of its workbench; with the container it ends."""
    if why := await _failure(bench, line, None if project is None else ProjectId(project)):
        raise Unavailable(
            f"The workbench of {project or 'all'} did not do its part of the restore: {reason(why).rstrip('.')}. "
            "Restart the builder container: that ends all that it runs, and the restore goes on."
        )


async def _failure(bench: Workbench, line: str, project: ProjectId | None) -> str:
    """Empty when all is well."""
    try:
        done = await bench.run(Command(line=line, project=project, at_top=True, time_limit=SECONDS))
    except AppxError as error:
        return str(error) or "it failed."
    return "" if done.code == 0 else done.output or "it failed."


def _batches(names: Sequence[str], accounts: Accounts) -> Iterator[Sequence[str]]:
    """Those of one account."""
    of = defaultdict(list)
    for name in names:
        of[accounts.of(ProjectId(name))].append(name)
    for found in of.values():
        for start in range(0, len(found), AT_ONCE):
            yield found[start : start + AT_ONCE]
