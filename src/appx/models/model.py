"""Asking a model: the seam between the agent and the providers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from appx.domain.deltas import Delta
from appx.domain.errors import AppxError
from appx.domain.messages import Message, Reply, ThinkingLevel, ToolSpec, Usage

OnDelta: TypeAlias = Callable[[Delta], None]


def _unheard(_: Usage) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one reply is made from. ``session`` keys a provider's prompt cache.

    ``on_usage`` is told once what the provider counted, also when the reply fails or is cut off: that costs, too.
    """

    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec]
    thinking: ThinkingLevel
    session: str
    on_usage: Callable[[Usage], None] = _unheard


class ModelFailed(AppxError):
    """The provider did not give a whole reply. The text is safe to show: it holds no key.

    ``again``: asking again may help (overload, 429, 5xx, network, a stream that ended early).
    ``retry_after``: seconds that the provider asked us to wait. ``overflow``: the conversation is too long.
    """

    def __init__(
        self, text: str, *, again: bool = False, retry_after: float | None = None, overflow: bool = False
    ) -> None:
        super().__init__(text)
        self.again = again
        self.retry_after = retry_after
        self.overflow = overflow


class Model(Protocol):
    """One model of one provider. Cancelling ``reply`` closes the connection."""

    async def reply(self, request: Request, on_delta: OnDelta) -> Reply:
        """Ask once, without retry. Deltas come while the reply comes in; their sum is the reply's blocks.

        Raises ModelFailed.
        """
        ...
