"""Asking a model: the seam between the agent and the providers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from appx.domain.deltas import Delta
from appx.domain.errors import AppxError
from appx.domain.messages import Message, Reply, ThinkingLevel, ToolSpec, Usage

OnDelta: TypeAlias = Callable[[Delta], None]


def _unheard(_: object) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonOutput:
    """The reply is one JSON value: by ``schema``, or any object without one. ``strict`` as OpenAI means it."""

    schema: Mapping[str, object] | None = None
    name: str = "answer"
    description: str | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the reply shall be made, where that is not left to the model. A provider leaves out what it cannot do.

    ``max_tokens``: no more than these, thoughts included. ``tool``: whether it may, must not or must call a tool, or
    the name of the one that it must. ``parallel``: whether it may call several at once.
    ``goes_on``: more will be asked about this conversation, so that a provider's cache of it is worth its price.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    tool: str | None = None
    parallel: bool | None = None
    output: JsonOutput | None = None
    goes_on: bool = True


AUTO, NONE, REQUIRED = "auto", "none", "required"
"""What ``Form.tool`` is, when it is no name of a tool."""

ANY_FORM = Form()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one reply is made from. ``session`` keys a provider's prompt cache.

    ``on_usage`` is told once what the provider counted, also when the reply fails or is cut off: that costs, too.
    ``on_prepared`` is told once how many seconds of the event loop it took until the question could go out.
    """

    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec]
    thinking: ThinkingLevel
    session: str
    form: Form = ANY_FORM
    on_usage: Callable[[Usage], None] = _unheard
    on_prepared: Callable[[float], None] = _unheard


class ModelFailed(AppxError):
    """The provider did not give a whole reply. The text is safe to show: it holds no key.

    ``again``: asking again may help (overload, 429, 5xx, network, a stream that ended early).
    ``retry_after``: seconds that the provider asked us to wait. ``overflow``: the conversation is too long.
    ``free``: the provider took no money for it: it refused, or was not reached.
    """

    def __init__(
        self,
        text: str,
        *,
        again: bool = False,
        retry_after: float | None = None,
        overflow: bool = False,
        free: bool = False,
    ) -> None:
        super().__init__(text)
        self.again = again
        self.retry_after = retry_after
        self.overflow = overflow
        self.free = free


class Model(Protocol):
    """One model of one provider. Cancelling ``reply`` closes the connection."""

    async def reply(self, request: Request, on_delta: OnDelta) -> Reply:
        """Ask once, without retry. Deltas come while the reply comes in; their sum is the reply's blocks.

        Raises ModelFailed.
        """
        ...
