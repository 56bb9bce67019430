"""A rollout that is under way: what it says of itself, for all who wait for it."""

from dataclasses import dataclass, field

import anyio

from appx.domain.apps import Rollout

MAX_LINES = 1_000
MAX_LINE = 500
"""Characters: a step of a build is what its author wrote, or printed."""


@dataclass(slots=True)
class Running:
    """``lines``: what it did so far, in order. ``over`` when it has ended and ``rollout`` says how."""

    rollout: Rollout
    lines: list[str] = field(default_factory=list)
    over: bool = False
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    """Of the work: to cancel it ends the rollout."""
    _changed: anyio.Event = field(default_factory=anyio.Event)

    def tell(self, line: str) -> None:
        if len(self.lines) < MAX_LINES:
            self.lines.append(line[:MAX_LINE])
            self._wake()

    def end(self, rollout: Rollout) -> None:
        self.rollout = rollout
        self.over = True
        self._wake()

    async def news(self, after: int) -> None:
        """Return when there are more than ``after`` lines, or it has ended."""
        while len(self.lines) <= after and not self.over:
            await self._changed.wait()

    async def ended(self) -> Rollout:
        while not self.over:
            await self._changed.wait()
        return self.rollout

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
