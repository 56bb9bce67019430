"""What each project may reach: stored, in force, and what was refused."""

import json
import logging
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import anyio

from appx.domain.egress import Egress, Policy, checked_hosts, shared
from appx.domain.errors import Conflict, NotFound, Unavailable
from appx.domain.ids import ProjectId
from appx.egress import policies as policy_file
from appx.egress import refused as refused_names
from appx.egress.addresses import own_addresses
from appx.egress.refused import Refusal
from appx.egress.rules import Rules
from appx.projects import rows
from appx.store.database import Database
from appx.workbench.accounts import uid_of

logger = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How often addresses of the container are looked at, and what failed is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of the container. ``SHARED`` works for all projects without one of their own."""

    name: str
    uid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is in force for an account. Another project in it is reason enough to set it anew: it was wiped between."""

    policy: Policy
    ports: tuple[int, ...]
    projects: frozenset[ProjectId]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What could not be set for an account, and why."""

    setup: Setup
    why: str


SHARED = Account(name="builder", uid=1_000)


def account(number: int | None) -> Account:
    return SHARED if number is None else Account(name=f"p{number:03d}", uid=uid_of(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """``own``: whether the policy is the project's own. ``account``: for whom it is set."""

    project: ProjectId
    egress: Egress
    own: bool
    account: Account


class EgressPolicies:
    """``rules``: None where nothing can be refused. ``policies``: the file for the resolver; ``refused``: its log."""

    def __init__(
        self,
        *,
        database: Database,
        default: Egress,
        rules: Rules | None,
        policies: Path,
        refused: Path,
        published: range,
    ) -> None:
        self.published = published
        self._database = database
        self._default = default
        self._rules = rules
        self._policies = policies
        self._refused = refused
        self._deciding = anyio.Lock()
        self._setting: defaultdict[Account, anyio.Lock] = defaultdict(anyio.Lock)
        """One for each: a network that does not come up is waited for by its own account alone."""
        self._wanted: dict[Account, Setup] = {}
        self._applied: dict[Account, Setup] = {}
        self._failed: dict[Account, Failure] = {}
        self._problem: str | None = None

    @property
    def enforced(self) -> bool:
        return self._rules is not None

    @property
    def problems(self) -> tuple[str, ...]:
        """Why what is wanted is not in force for all; older rules are, or none of them lets anything out."""
        of_all = self._failed.get(SHARED)
        return tuple(each for each in (self._problem, of_all and of_all.why) if each)

    @property
    def notes(self) -> tuple[str, ...]:
        """The same of accounts of one project. Its agent may be the reason, so the server is ready all the same."""
        return tuple(f"For {each.name}: {failure.why}" for each, failure in self._failed.items() if each != SHARED)

    async def run(self) -> None:
        """Keep in force what is wanted. Until cancelled."""
        if self._rules is None:
            return
        seen = None
        while True:
            if seen != (seen := own_addresses()):
                self._applied.clear()  # the rules know the addresses
            try:
                await self._decide()
                await self._set_up(sorted(self._wanted, key=self._failed.__contains__))  # what failed comes last
            except Unavailable as error:
                logger.warning("%s", error)
            await anyio.sleep(LOOK_SECONDS)

    async def get(self, project: ProjectId) -> Wanted:
        """Raises NotFound."""
        found = await self._database.read(lambda db: _row(db, project))
        if found is None:
            raise NotFound("project not found")
        return _wanted(found, self._default)

    async def changed(self) -> None:
        """Projects came or went, or their ports changed. What fails, or has failed, is tried again by ``run``."""
        if self._rules is not None:
            try:
                await self._decide()
                await self._set_up([each for each in self._wanted if not self._has_failed(each)])
            except Unavailable as error:
                logger.warning("%s", error)

    async def in_force(self, project: ProjectId) -> Egress | None:
        """With what others ask for who share the account; None where nothing is refused. Raises NotFound."""
        if self._rules is None:
            return None
        mine = (await self.get(project)).account
        return _by_account(await self._every(), self._default)[mine]

    async def set(self, project: ProjectId, policy: Policy | None, hosts: Iterable[str] | None) -> Wanted:
        """From now on. None: what the settings say. Raises NotFound, Invalid, Conflict, Unavailable."""
        if self._rules is None:
            raise Conflict("Nothing can be refused here: this server runs without the builder container.")
        checked = None if hosts is None else checked_hosts(hosts)
        mine = (await self.get(project)).account
        await self._database.write(lambda db: _set(db, project, policy, checked))
        await self._decide()
        await self._set_up([mine])
        return await self.get(project)

    async def refusals(self, project: ProjectId) -> list[Refusal]:
        """Of the last day, the newest first; of all who share the account, and not of who had it before.

        Raises NotFound, Unavailable.
        """
        mine = (await self.get(project)).account
        if self._rules is None:
            return []
        made = await self._database.read(lambda db: rows.by_id(db, project))
        own = 0.0 if made is None or made.account is None else made.created_at.timestamp()
        names = [each for each in refused_names.read(self._refused, mine.uid) if each.last >= own]
        return sorted([*await self._rules.refusals(mine.name), *names], key=lambda each: each.last, reverse=True)

    async def _decide(self) -> None:
        """What each account is to have, and the file for the resolver. Raises Unavailable."""
        async with self._deciding:
            every = await self._every()
            wanted = _by_account(every, self._default)
            try:
                policy_file.write(self._policies, {each.uid: egress for each, egress in wanted.items()})
            except OSError as error:
                self._problem = f"{self._policies} cannot be written: {error.strerror}."
                raise Unavailable(self._problem) from error
            self._problem = None
            self._wanted = await self._setups(wanted, every)
            self._applied = {each: setup for each, setup in self._applied.items() if each in self._wanted}
            self._failed = {each: failure for each, failure in self._failed.items() if each in self._wanted}

    async def _set_up(self, accounts: Iterable[Account]) -> None:
        """All of them, also when one fails: its agent may be the reason. Raises the first Unavailable at the end."""
        first = None
        for each in accounts:
            try:
                await self._set_one(each)
            except Unavailable as error:
                first = first or error
        if first is not None:
            raise first

    async def _set_one(self, each: Account) -> None:
        """Raises Unavailable."""
        assert self._rules is not None
        async with self._setting[each]:
            setup = self._wanted.get(each)
            if setup is None or self._applied.get(each) == setup:
                return
            self._applied.pop(each, None)
            try:
                await self._rules.lease(each.name, setup.ports)
                await self._rules.apply(each.name, setup.policy)
            except Unavailable as error:
                self._failed[each] = Failure(setup=setup, why=str(error))
                raise
            self._failed.pop(each, None)
            if self._wanted.get(each) == setup:  # else its project went meanwhile, or wants something else
                self._applied[each] = setup

    def _has_failed(self, each: Account) -> bool:
        """For the projects that it has now. Others do not wait for it again; ``run`` does, and who sets its policy."""
        failure, setup = self._failed.get(each), self._wanted.get(each)
        return failure is not None and setup is not None and failure.setup.projects == setup.projects

    async def _setups(self, wanted: dict[Account, Egress], every: list[Wanted]) -> dict[Account, "Setup"]:
        """The shared account comes first: what it no longer has can be another's."""
        found = await self._database.read(lambda db: db.execute("SELECT project_id, port FROM port_leases").fetchall())
        leased: dict[str, list[int]] = {}
        for each in found:
            leased.setdefault(each["project_id"], []).append(each["port"])
        taken = {port for each in every if each.account != SHARED for port in leased.get(each.project, ())}
        setups = {}
        for account, egress in wanted.items():
            projects = frozenset(each.project for each in every if each.account == account)
            ports = sorted(port for project in projects for port in leased.get(project, ()))
            if account == SHARED:
                ports = [port for port in self.published if port not in taken]
            setups[account] = Setup(policy=egress.policy, ports=tuple(ports), projects=projects)
        return setups

    async def _every(self) -> list[Wanted]:
        found = await self._database.read(lambda db: db.execute(_EVERY, (rows.FILLING,)).fetchall())
        return [_wanted(each, self._default) for each in found]


_SELECT = "SELECT id, account, egress_policy, egress_hosts FROM projects"
_EVERY = f"{_SELECT} WHERE deleting IN (0, ?)"


def _row(db: sqlite3.Connection, project: ProjectId) -> sqlite3.Row | None:
    found: sqlite3.Row | None = db.execute(f"{_SELECT} WHERE id = ? AND NOT deleting", (project,)).fetchone()
    return found


def _set(db: sqlite3.Connection, project: ProjectId, policy: Policy | None, hosts: tuple[str, ...] | None) -> None:
    text = None if hosts is None else json.dumps(hosts)
    db.execute("UPDATE projects SET egress_policy = ?, egress_hosts = ? WHERE id = ?", (policy, text, project))


def _wanted(found: sqlite3.Row, default: Egress) -> Wanted:
    policy, hosts = found["egress_policy"], found["egress_hosts"]
    egress = Egress(
        policy=default.policy if policy is None else policy,
        hosts=default.hosts if hosts is None else tuple(json.loads(hosts)),
    )
    return Wanted(
        project=ProjectId(found["id"]), egress=egress, own=policy is not None, account=account(found["account"])
    )


def _by_account(every: Iterable[Wanted], default: Egress) -> dict[Account, Egress]:
    """Where nobody asks for anything else, the shared account has the default, too."""
    found: dict[Account, list[Egress]] = {}
    for each in every:
        found.setdefault(each.account, []).append(each.egress)
    return {SHARED: default} | {each: shared(wanted) for each, wanted in found.items()}
