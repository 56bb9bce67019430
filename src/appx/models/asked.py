"""A model of a provider. The provider's library is loaded when the first one is asked: it takes half a second."""

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import TypeAlias

import anyio.to_thread
from pydantic import SecretStr

from appx.domain.messages import Reply
from appx.models.catalogue import ModelInfo
from appx.models.connections import Connections
from appx.models.model import OnDelta, Request

Ask: TypeAlias = Callable[..., Awaitable[Reply]]


class AskedModel:
    """Asks a provider once per reply, without retry. ``key`` and ``secrets`` are called at each request."""

    def __init__(
        self,
        info: ModelInfo,
        *,
        key: Callable[[], Awaitable[SecretStr | None]],
        secrets: Callable[[], tuple[str, ...]],
        connections: Connections,
    ) -> None:
        self._info = info
        self._key = key
        self._secrets = secrets
        self._connections = connections

    async def reply(self, request: Request, on_delta: OnDelta) -> Reply:
        """Raises ModelFailed."""
        ask = await anyio.to_thread.run_sync(_load)
        key = await self._key()
        return await ask(
            self._info,
            request,
            on_delta,
            key=key,
            secrets=self._secrets(),
            connections=self._connections,
        )


def _load() -> Ask:
    """In a thread, so that nothing else waits for it."""
    ask: Ask = import_module("appx.models.ask").ask
    return ask
