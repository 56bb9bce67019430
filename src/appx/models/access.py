"""What a provider is asked with: its key, or an access token that is renewed before it expires."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import anyio
from pydantic import SecretStr

from appx.domain.errors import AppxError
from appx.kit import clock
from appx.models.credentials import Credentials, Tokens
from appx.models.logins import Login
from appx.models.model import ModelFailed
from appx.models.oauth import LoginFailed, renewed

RENEW_BEFORE_MS = 60_000


@dataclass(slots=True, kw_only=True)
class _Renewal:
    """One that is under way: all who need it wait for it, and share how it ended."""

    done: anyio.Event = field(default_factory=anyio.Event)
    failure: ModelFailed | None = None


class Access:
    """One for the server. Each provider has at most one renewal at a time."""

    def __init__(
        self, credentials: Credentials, logins: Mapping[str, Login], *, now: Callable[[], datetime] = clock.now
    ) -> None:
        self._credentials = credentials
        self._logins = logins
        self._now = now
        self._renewals: dict[str, _Renewal] = {}
        self._unstored: dict[Tokens, Tokens] = {}

    async def secret(self, provider: str) -> SecretStr | None:
        """None when there is none. Raises ModelFailed when a login has expired and cannot be renewed."""
        tokens = self._credentials.tokens(provider)
        if tokens is not None and self._is_due(provider, tokens):
            await self._renew(provider, tokens)
        return self._credentials.get(provider)

    def _is_due(self, provider: str, tokens: Tokens) -> bool:
        if tokens.expires is None:
            return False
        left = tokens.expires - clock.millis(self._now())
        return left < RENEW_BEFORE_MS if self._can_be_renewed(provider, tokens) else left <= 0

    def _can_be_renewed(self, provider: str, tokens: Tokens) -> bool:
        return tokens.refresh is not None and provider in self._logins

    async def _renew(self, provider: str, old: Tokens) -> None:
        renewal = self._renewals.get(provider)
        if renewal is None:
            renewal = self._renewals[provider] = _Renewal()
            # Shielded: a refresh token may be good only once, so its successor must not get lost with a stopped turn.
            with anyio.CancelScope(shield=True):
                try:
                    await self._store(provider, old)
                except ModelFailed as failure:
                    renewal.failure = failure
                finally:
                    del self._renewals[provider]
                    renewal.done.set()
        await renewal.done.wait()
        if renewal.failure is not None:
            raise ModelFailed(str(renewal.failure), again=renewal.failure.again)

    async def _store(self, provider: str, old: Tokens) -> None:
        """The new tokens are on the disk before they are used. A full disk does not cost the login: when there is
        room again, the same tokens are stored.
        """
        if not self._can_be_renewed(provider, old):
            raise ModelFailed(f"The login for {provider} has expired. Log in again.")
        try:
            if old not in self._unstored:
                self._unstored[old] = await renewed(self._logins[provider], old)
            await self._credentials.renew(provider, old, self._unstored[old])
        except LoginFailed as error:
            advice = "Try again later." if error.again else "Log in again."
            text = f"The login for {provider} could not be renewed. {error} {advice}"
            raise ModelFailed(text, again=error.again) from None
        except AppxError as error:
            raise ModelFailed(f"The login for {provider} could not be renewed. {error}") from None
        del self._unstored[old]
