"""How many connections apps may hold, and for how long one that does nothing: the API needs descriptors, too."""

import asyncio
from typing import Any

from typing_extensions import override

from appx.domain.errors import Invalid
from appx.gateway.place import account_of
from appx.http.heads import BoundedHead
from appx.http.llm import errors
from appx.kit.peers import owner

MAX_CONNECTIONS, OF_ONE = 512, 64
"""Of all apps, and of those of one project. A project may have eight requests at once."""

LOOK_SECONDS = 30.0


class Watched(BoundedHead):
    """Breaks off one too many, one that asks nothing for ``LOOK_SECONDS``, and one whose reader takes nothing.

    uvicorn has a limit only between two requests.
    """

    _look_again: asyncio.TimerHandle | None = None
    uid: int | None = None
    """Of the account that connected."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if self.client is not None and self.server is not None and self.server[1] is not None:
            self.uid = owner("tcp", self.client, (self.server[0], self.server[1]))
        if len(self.connections) > MAX_CONNECTIONS or self._of_the_same() > OF_ONE:
            transport.abort()
            return
        self._look_again = self.loop.call_later(LOOK_SECONDS, self._look, None, 0)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._look_again is not None:
            self._look_again.cancel()
        super().connection_lost(exc)

    def _of_the_same(self) -> int:
        """Where all projects share one uid, it has them all."""
        if self.uid is None or account_of(self.uid) is None:
            return 0
        return sum(isinstance(each, Watched) and each.uid == self.uid for each in self.connections)

    @override
    def said(self, sentence: str) -> dict[str, Any]:
        return errors.body(Invalid(sentence))

    def _look(self, last: object, waited: int) -> None:
        """``last``, ``waited``: the request and the bytes not taken, as they were at the last look."""
        waiting = self.transport.get_write_buffer_size()
        idle = self.cycle is last and getattr(self.cycle, "response_complete", True)
        if idle or (waiting and waiting == waited):
            self.transport.abort()
            return
        self._look_again = self.loop.call_later(LOOK_SECONDS, self._look, self.cycle, waiting)
