"""Asking a model for an app: who asks, whether it may, what it might take, and what it took."""

import hashlib
import logging
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial

import anyio
from anyio import to_thread

from appx.domain.deltas import Delta
from appx.domain.errors import Invalid, NotFound, Unavailable
from appx.domain.ids import ProjectId
from appx.domain.limits import Limits, Spent
from appx.domain.messages import Reply, Usage
from appx.gateway import rows
from appx.gateway.bound import Bound, End, booked, bound_of
from appx.gateway.budget import Taken, Wish, no_room
from appx.gateway.grant import Grant
from appx.gateway.place import account_of
from appx.gateway.refusals import BudgetSpent, Busy, SwitchedOff, Unidentified
from appx.kit import clock
from appx.kit.peers import Address, Whose, owner
from appx.models.catalogue import ModelInfo
from appx.models.model import ModelFailed, OnDelta, Request
from appx.models.registry import Models
from appx.sessions import ledger
from appx.store.database import Database

logger = logging.getLogger(__name__)

TOKEN_PREFIX = "appx-"  # noqa: S105  what it begins with
DEFAULT = "default"
"""In place of a model's name: the server's default, or else the first that the project may use."""


REST = 4
"""Times what it took to understand a request, and to prepare it for the provider: so the apps of one project take a
fifth of the event loop at most.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtOnce:
    """How many requests may run: of one project, and of all."""

    project: int = 8
    all: int = 64


USUAL = AtOnce()


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What is allowed; what the apps took today and in all; what the requests that run might take."""

    grant: Grant
    today: Spent
    ever: Spent
    reserved: Taken


@dataclass(slots=True, kw_only=True)
class _Heard:
    """What the provider counted, and whether it said anything: then a failure was not for nothing."""

    show: OnDelta
    usage: Usage = field(default_factory=Usage)
    anything: bool = False

    def count(self, usage: Usage) -> None:
        self.usage = usage

    def take(self, delta: Delta) -> None:
        self.anything = True
        self.show(delta)


class Gateway:
    """One for the server. ``start`` before it is asked."""

    def __init__(
        self,
        *,
        database: Database,
        models: Models,
        limits: Limits,
        whose: Whose = owner,
        at_once: AtOnce = USUAL,
    ) -> None:
        self._database = database
        self._models = models
        self._limits = limits
        self._whose = whose
        self._at_once = at_once
        self._running: Counter[ProjectId] = Counter()
        self._turns: dict[ProjectId, anyio.Lock] = {}
        self._rests: dict[ProjectId, float] = {}
        """Until when, by the clock of the event loop."""
        self._asks: set[anyio.CancelScope] = set()
        self._stopping = False

    async def start(self) -> None:
        """Book what the last server left open: a crash must not make a budget larger, nor smaller for ever."""
        left = await self._database.write(rows.settle_left)
        if left:
            logger.warning("%d requests of apps were cut off: what they might have taken is booked", left)

    def stop(self) -> None:
        """Break off what runs, and take no more: each app is told so."""
        self._stopping = True
        for scope in self._asks:
            scope.cancel()

    # --- for people ---------------------------------------------------------------------------------------------------

    async def access(self, project: ProjectId) -> Access:
        """Raises NotFound."""
        today = clock.now().date()

        def look(db: sqlite3.Connection) -> Access:
            return Access(
                grant=_known(rows.by_project(db, project)),
                today=ledger.spent(db, _apps(project, today)),
                ever=ledger.spent(db, ledger.Part(project=project, session=ledger.APPS)),
                reserved=rows.reserved(db, today, project),
            )

        return await self._database.read(look)

    async def allow(self, grant: Grant) -> Access:
        """From the next request on. Raises Invalid for no budget and for an unknown model, NotFound."""
        if grant.enabled and not grant.budget.bounds:
            raise Invalid("budget: give dayCost, dayTokens or both: without a budget, apps could spend all there is.")
        known = {name_of(info) for info, _ in self._models.rows()}
        unknown = [name for name in grant.models or () if name not in known]
        if unknown:
            raise Invalid(f"models: there is no {unknown[0]}. Give provider/model, as `appx model-access` lists them.")
        if not await self._database.write(lambda db: rows.put(db, grant)):
            raise NotFound("project not found")
        return await self.access(grant.project)

    async def new_token(self, project: ProjectId) -> str:
        """It is told once; the one before it is worthless. Raises NotFound."""
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        if not await self._database.write(lambda db: rows.put_token(db, project, _digest(token))):
            raise NotFound("project not found")
        return token

    # --- for apps -----------------------------------------------------------------------------------------------------

    async def caller(self, peer: Address, here: Address, token: str) -> Grant:
        """Whose project is at the other end: by the uid of its socket, else by its token.

        Raises Unidentified, SwitchedOff.
        """
        uid = await to_thread.run_sync(self._whose, "tcp", peer, here)
        account = None if uid is None else account_of(uid)
        digest = _digest(token)

        def look(db: sqlite3.Connection) -> Grant | None:
            own = None if account is None else rows.by_account(db, account)
            return own or rows.by_token(db, digest)

        grant = await self._database.read(look)
        if grant is None:
            raise Unidentified(
                "Which project asks cannot be told. Send its token as the key (OPENAI_API_KEY): a person makes one "
                "with `appx model-access PROJECT --new-token`."
            )
        return _on(grant)

    @contextmanager
    def slot(self, project: ProjectId) -> Iterator[None]:
        """One of the requests that may run at once. Raises Busy."""
        if self._running[project] >= self._at_once.project or self._running.total() >= self._at_once.all:
            running = f"{self._running[project]} of this project's, of {self._at_once.project} that may"
            raise Busy(f"Too many requests run at once ({running}). Try again in a moment.")
        self._running[project] += 1
        try:
            yield
        finally:
            self._running[project] -= 1
            self._running += Counter()  # without those that are at 0

    @asynccontextmanager
    async def reading(self, project: ProjectId) -> AsyncIterator[None]:
        """While what was sent is understood, which stops all else: one of a project's at a time, and then a rest.

        It begins after the rest for what was prepared since.
        """
        turn = self._turns.setdefault(project, anyio.Lock())
        try:
            async with turn:
                await self._rested(project)
                began = time.perf_counter()
                try:
                    yield
                finally:
                    self._took(project, time.perf_counter() - began)
                    await self._rested(project)
        finally:
            if not turn.locked():
                self._turns.pop(project, None)

    def _took(self, project: ProjectId, seconds: float) -> None:
        """So long nothing else could be done: its rest begins now, or becomes longer."""
        self._rests[project] = max(self._rests.get(project, 0.0), anyio.current_time()) + REST * seconds

    async def _rested(self, project: ProjectId) -> None:
        while (until := self._rests.get(project, 0.0)) > anyio.current_time():  # noqa: ASYNC110  it may become longer
            await anyio.sleep_until(until)
        self._rests.pop(project, None)

    def models(self, grant: Grant) -> list[ModelInfo]:
        """Those that the project may use and that can be asked now."""
        return [info for info, usable in self._models.rows() if usable and grant.allows(name_of(info))]

    def model(self, grant: Grant, name: str) -> ModelInfo:
        """By provider/model, by the model alone where that is only one, or ``default``. Raises NotFound."""
        found = self._named(self.models(grant), name)
        if found is None:
            raise NotFound(f"There is no model {name} for this project. GET /v1/models lists those that there are.")
        return found

    def _named(self, infos: Sequence[ModelInfo], name: str) -> ModelInfo | None:
        if name == DEFAULT:
            return next((info for info in infos if info == self._models.default()), infos[0] if infos else None)
        whole = [info for info in infos if name_of(info) == name]
        short = [info for info in infos if info.id == name]
        return next(iter(whole), short[0] if len(short) == 1 else None)

    async def ask(self, grant: Grant, info: ModelInfo, request: Request, on_delta: OnDelta) -> Reply:
        """Reserve what it might take, ask once, book what it took. Raises BudgetSpent, ModelFailed, Unavailable.

        A request whose end nobody knows, because the app left or the provider broke off, is booked with the bound.
        """
        scope = anyio.CancelScope()
        self._asks.add(scope)
        try:
            with scope:
                if not self._stopping:
                    return await self._ask(grant, info, request, on_delta)
            raise Unavailable("The server is stopping. Try again in a moment.")
        finally:
            self._asks.discard(scope)

    async def _ask(self, grant: Grant, info: ModelInfo, request: Request, on_delta: OnDelta) -> Reply:
        began = time.thread_time()
        bound = bound_of(info, request)
        self._took(grant.project, time.thread_time() - began)
        number = await self._reserve(grant.project, info, bound)
        heard = _Heard(show=on_delta)
        asked = replace(request, on_usage=heard.count, on_prepared=partial(self._took, grant.project))
        end: End = "cut"
        try:
            reply = await self._models.open(info).reply(asked, heard.take)
            end = "whole"
        except ModelFailed as failure:
            end = "free" if failure.free and not heard.anything else "cut"
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await self._settle(number, booked(info, bound, heard.usage, end))
        return reply

    async def _reserve(self, project: ProjectId, info: ModelInfo, bound: Bound) -> int:
        """One transaction, so that requests at once see each other's. Raises BudgetSpent, SwitchedOff."""
        day = clock.now().date()

        def work(db: sqlite3.Connection) -> int:
            grant = _on(_known(rows.by_project(db, project)))
            refusal = no_room(
                Wish(project=project, name=name_of(info), bound=bound, priced=info.is_priced),
                budget=grant.budget,
                limits=self._limits,
                apps=Taken.of(ledger.spent(db, _apps(project, day)), rows.reserved(db, day, project)),
                everything=Taken.of(ledger.spent(db, ledger.Part(first=day, last=day)), rows.reserved(db, day)),
            )
            if refusal:
                raise BudgetSpent(refusal)
            return rows.reserve(db, day, project, info.ref, bound)

        return await self._database.write(work)

    async def _settle(self, number: int, usage: Usage) -> None:
        await self._database.write(lambda db: rows.settle(db, number, usage))


def name_of(info: ModelInfo) -> str:
    """What an app calls it."""
    return f"{info.provider}/{info.id}"


def _apps(project: ProjectId, day: date) -> ledger.Part:
    return ledger.Part(first=day, last=day, project=project, session=ledger.APPS)


def _known(grant: Grant | None) -> Grant:
    if grant is None:
        raise NotFound("project not found")
    return grant


def _on(grant: Grant) -> Grant:
    if not grant.enabled:
        raise SwitchedOff(
            f"Model access is off for the project {grant.project}. A person switches it on: "
            f"`appx model-access {grant.project} --on --day-cost 1`."
        )
    return grant


def _digest(token: str) -> str:
    """It has 256 bits by chance, so nobody finds it from this by trying."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
