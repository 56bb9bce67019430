"""When a workbench has nothing to do: it then ends, and is started again when it is needed."""

from dataclasses import dataclass, field

import anyio
from starlette.types import ASGIApp, Receive, Scope, Send

LOOKS = 10
"""How often it is looked in the time that makes a rest."""


@dataclass(slots=True)
class Rest:
    """``seconds``: how long nothing must have gone on. ``come``: set when that was so; nothing new is begun after."""

    seconds: float
    come: anyio.Event = field(default_factory=anyio.Event)
    _running: int = 0
    _since: float = field(default_factory=anyio.current_time)

    def begin(self) -> None:
        self._running += 1

    def end(self) -> None:
        self._running -= 1
        self._since = anyio.current_time()

    async def wait(self) -> None:
        """Until there was nothing to do for so long."""
        while self._running or anyio.current_time() - self._since < self.seconds:  # noqa: ASYNC110  time tells nobody
            await anyio.sleep(self.seconds / LOOKS)
        self.come.set()


@dataclass(frozen=True, slots=True)
class Watched:
    """The service, each request of which counts, but those that only wait for its end."""

    app: ASGIApp
    rest: Rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/alive" and b"hold" not in scope["query_string"]:
            await self.app(scope, receive, send)
            return
        self.rest.begin()
        try:
            await self.app(scope, receive, send)
        finally:
            self.rest.end()
