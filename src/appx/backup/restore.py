"""Restores a workspace from a backup: refuse, unpack beside, verify, put in place. All or nothing."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import anyio
from anyio import to_thread

from appx.backup import place
from appx.backup.format import About
from appx.backup.make import OnStep
from appx.backup.place import Journal
from appx.backup.stage import Bench, stage
from appx.domain.errors import Conflict
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.store.snapshot import projects_of
from appx.workbench.accounts import Accounts
from appx.workbench.bench import Workbench

ASIDE = "before-restore-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """``aside``: the name of the directories that hold what was there before.

    ``incomplete``: projects of which not all was unpacked, each with the reason.
    """

    about: About
    projects: tuple[str, ...]
    aside: str
    incomplete: tuple[tuple[str, str], ...]


async def restore(  # noqa: PLR0913  each by its name
    state: Path,
    bench: Workbench,
    accounts: Accounts,
    file: IO[bytes],
    *,
    force: bool,
    on_step: OnStep,
    incomplete: Collection[str] = (),
) -> Restored:
    """Put the backup ``file`` in the place of the server's directory ``state`` and of the projects of ``bench``.

    Of the projects ``incomplete`` is taken what can be unpacked; for the others it is all or nothing.
    A project that is there keeps its account, since its containers and images are that account's.
    The caller holds the workspace: no server runs. Raises Conflict when there are projects and not ``force``;
    what ``stage`` raises, and then nothing was changed.
    """
    await place.settle(state, bench, accounts)
    old = await to_thread.run_sync(projects_of, state / "appx.db")
    if old != [] and not force:
        what = "a database that cannot be read" if old is None else f"{len(old)} projects"
        raise Conflict(f"The workspace has {what}. With --force they are put aside and the backup takes their place.")
    # Nobody can make these names before us, and who sees the one does not know the other.
    name, aside = (f"{kind}{clock.now():%Y%m%d-%H%M%S}-{secrets.token_hex(8)}" for kind in (place.STAGING, ASIDE))
    try:
        known = frozenset(old or [])
        there = Bench(bench=bench, accounts=accounts, known=known, into=f".{name}", incomplete=incomplete)
        staged = await stage(file, state / name, there, on_step=on_step)
        lost = tuple(sorted(set(old or []) - set(staged.projects)))
        accounts_of = {each: accounts.of(ProjectId(each)) for each in (*lost, *staged.projects)}
        journal = Journal(name=name, aside=aside, files=staged.files, old=lost, accounts=accounts_of)
        await place.begin(state, bench, journal)
    except BaseException:
        if not place.begun(state):
            with anyio.CancelScope(shield=True):
                await place.discard(state, bench, accounts, name)
        raise
    await place.finish(state, bench, accounts)
    return Restored(about=staged.about, projects=staged.projects, aside=aside, incomplete=staged.incomplete)
