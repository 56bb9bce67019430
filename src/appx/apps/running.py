"""A rollout that is under way: what it says of itself, for all who wait for it."""

import json
from dataclasses import dataclass, field

import anyio

from appx.domain.apps import Rollout

MAX_LINE = 500
"""Characters: a step of a build is what its author wrote, or printed."""

MAX_STEPS, MAX_BYTES = 1_000, 48 << 10
"""Of the steps of a build, in JSON. With the few lines of the server's own a rollout keeps less than 64 KiB."""

LEFT_OUT = "further steps of the build are not shown"


@dataclass(slots=True)
class Running:
    """``lines``: what it did so far, in order. ``over`` when it has ended and ``rollout`` says how."""

    rollout: Rollout
    lines: list[str] = field(default_factory=list)
    over: bool = False
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    """Of the work: to cancel it ends the rollout."""
    _changed: anyio.Event = field(default_factory=anyio.Event)
    _steps: int = 0
    _room: int = MAX_BYTES

    def tell(self, line: str) -> None:
        """What the server does, a few lines in all: how it ends is always among them."""
        self.lines.append(line[:MAX_LINE])
        self._wake()

    def tell_step(self, step: str) -> None:
        """What a build does. It may print any number of steps: the first are shown, and that there are more."""
        if self._room <= 0:
            return
        self._steps += 1
        self._room -= _stored(step[:MAX_LINE])
        if self._steps > MAX_STEPS or self._room <= 0:
            self._room, step = 0, LEFT_OUT
        self.tell(step)

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


def _stored(line: str) -> int:
    """Bytes, in a list of JSON."""
    return len(json.dumps(line, ensure_ascii=False).encode()) + len(", ")
