"""Logins under way: from the URL at which a person logs in, to the tokens."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

import anyio

from appx.domain.errors import AppxError, Invalid, NotFound
from appx.domain.ids import uuid7
from appx.kit import clock
from appx.models.credentials import Tokens
from appx.models.logins import VARIABLE, Login
from appx.models.oauth import authorize_url, code_of, new_secret, tokens_for_code

Status: TypeAlias = Literal["starting", "prompt", "auth", "waiting", "complete", "error", "cancelled"]
"""``auth``: the person is to log in and to enter the code. ``waiting``: the code is being exchanged for tokens.
``starting`` and ``prompt`` are the contract's; no login of ours needs them.
"""

OPEN: frozenset[Status] = frozenset({"auth", "waiting"})
LASTS = timedelta(minutes=10)
MOST = 20
"""More logins than these are not remembered: one that has ended goes first, then the oldest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowState:
    """A login as a person sees it. No secret."""

    id: str
    provider: str
    name: str
    status: Status
    auth_url: str
    redirect_uri: str
    expires_at: datetime
    progress: tuple[str, ...] = ()
    error: str | None = None

    @property
    def open(self) -> bool:
        return self.status in OPEN


@dataclass(slots=True, kw_only=True)
class _Flow:
    """``exchange``: the scope of the request for tokens. ``lock``: held while a code is looked at."""

    shown: FlowState
    login: Login
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    exchange: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    lock: anyio.Lock = field(default_factory=anyio.Lock)

    def show(self, status: Status, line: str, *, error: str | None = None) -> None:
        self.shown = replace(self.shown, status=status, progress=(*self.shown.progress, line), error=error)

    def fail(self, error: str) -> None:
        self.show("error", "The login failed.", error=error)


class Flows:
    """One for the server. In memory: after a restart a login begins anew."""

    def __init__(
        self,
        logins: Mapping[str, Login],
        *,
        store: Callable[[str, Tokens], Awaitable[None]],
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._logins = logins
        self._store = store
        self._now = now
        self._flows: dict[str, _Flow] = {}

    def start(self, provider: str, name: str) -> FlowState:
        """Raises Invalid when there is no login for the provider."""
        login = self._logins.get(provider)
        if login is None:
            raise Invalid(
                f"There is no subscription login for {name}. "
                f"Set an API key instead, or let the operator configure a login for {provider} in {VARIABLE}."
            )
        while len(self._flows) >= MOST:
            del self._flows[min(self._flows, key=lambda each: self._flows[each].shown.open)]
        state, verifier = new_secret(), new_secret()
        shown = FlowState(
            id=uuid7(),
            provider=provider,
            name=login.name or name,
            status="auth",
            auth_url=authorize_url(login, state=state, verifier=verifier),
            redirect_uri=login.redirect_uri,
            expires_at=self._now() + LASTS,
            progress=(f"Waiting for the login at {_host(login.authorize_url)}.",),
        )
        self._flows[shown.id] = _Flow(shown=shown, login=login, state=state, verifier=verifier)
        return shown

    def get(self, flow_id: str) -> FlowState:
        """Raises NotFound."""
        return self._find(flow_id).shown

    async def go_on(self, flow_id: str, entered: str) -> FlowState:
        """Take the code, or the URL with the code, and get the tokens for it.

        Raises NotFound; Invalid for what is no code of this login, which then still waits for one.
        """
        flow = self._find(flow_id)
        async with flow.lock:
            if flow.shown.status != "auth":
                raise Invalid(f"This login has ended: {flow.shown.status}. Start another one if you need it.")
            try:
                await self._exchange(flow, code_of(entered, flow.state))
            except Invalid:
                raise
            except AppxError as error:
                flow.fail(str(error))
            return flow.shown

    async def cancel(self, flow_id: str) -> FlowState:
        """End the login, unless it has ended. Raises NotFound."""
        flow = self._find(flow_id)
        flow.exchange.cancel()
        async with flow.lock:
            if flow.shown.open:
                flow.show("cancelled", "The login was cancelled.")
            return flow.shown

    async def _exchange(self, flow: _Flow, code: str) -> None:
        flow.show("waiting", f"Asking {_host(flow.login.token_url)} for tokens.")
        with flow.exchange:
            tokens = await tokens_for_code(flow.login, code, flow.verifier)
            with anyio.CancelScope(shield=True):
                await self._store(flow.shown.provider, tokens)
            flow.show("complete", "You are logged in.")
        if flow.exchange.cancelled_caught:
            flow.show("cancelled", "The login was cancelled.")

    def _find(self, flow_id: str) -> _Flow:
        flow = self._flows.get(flow_id)
        if flow is None:
            raise NotFound("login not found. Start another one.")
        if flow.shown.open and not flow.lock.locked() and self._now() >= flow.shown.expires_at:
            flow.fail(f"The login was not finished within {LASTS.seconds // 60} minutes. Start another one.")
        return flow


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
