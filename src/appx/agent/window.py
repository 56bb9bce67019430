"""The context window: how full it is, and where a conversation can be cut. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from appx.domain.conversation import last_compaction
from appx.domain.events import Event, ModelReplied, PromptDelivered, ToolFinished, TurnStarted
from appx.domain.messages import Image, Message, Reply, Thinking, ToolCall, ToolMessage, UserMessage

CHARACTERS_PER_TOKEN = 4
IMAGE_TOKENS = 1_500
MESSAGE_TOKENS = 4
RESERVE_TOKENS = 16_384
"""Room for the next reply."""
KEEP_TOKENS = 20_000
"""About what stays word for word when the rest is summarised."""


@dataclass(frozen=True, slots=True)
class Window:
    """``size``: what the model takes in all, in tokens. A small one keeps and reserves less."""

    size: int

    @property
    def reserve(self) -> int:
        return min(RESERVE_TOKENS, self.size // 4)

    @property
    def keep(self) -> int:
        return min(KEEP_TOKENS, self.size // 4)

    def is_full(self, tokens: int) -> bool:
        return tokens > self.size - self.reserve


def tokens_of(system: str, conversation: Sequence[Message]) -> int:
    """About how many tokens the next request has: what the provider counted at the last reply, and what came since.

    Before the first reply all of it is estimated.
    """
    for index in range(len(conversation) - 1, -1, -1):
        message = conversation[index]
        if isinstance(message, Reply) and message.usage.total:
            return message.usage.total + sum(map(estimate, conversation[index + 1 :]))
    return len(system) // CHARACTERS_PER_TOKEN + sum(map(estimate, conversation))


def estimate(message: Message) -> int:
    """About how many tokens a message has: four characters each, rather too many than too few."""
    match message:
        case UserMessage(text=text, images=images):
            return _estimate(len(text), images)
        case ToolMessage(result=result):
            return _estimate(len(result.text), result.images)
        case Reply(blocks=blocks):
            return _estimate(sum(map(_length, blocks)), ())


def _estimate(characters: int, images: tuple[Image, ...]) -> int:
    return MESSAGE_TOKENS + -(-characters // CHARACTERS_PER_TOKEN) + IMAGE_TOKENS * len(images)


def _length(block: object) -> int:
    match block:
        case ToolCall(name=name, arguments=arguments):
            return len(name) + len(str(dict(arguments)))
        case Thinking(text=text, signature=signature):
            return len(text) + len(signature or "")
        case _:
            return len(getattr(block, "text", ""))


def cut(events: Sequence[Event], keep: int) -> int | None:
    """The index from which on events are kept, so that they are about ``keep`` tokens; None when there is no place.

    Never between a call and its result: a cut is before a prompt or a reply. At least the newest of these is kept, and
    something new is left to summarise.
    """
    start = first_sent(events)
    place, tokens = None, 0
    for index in range(len(events) - 1, start, -1):
        message = _message(events[index])
        if message is None:
            continue
        tokens += estimate(message)
        if tokens > keep and place is not None:
            break
        if not isinstance(message, ToolMessage):
            place = index
    return place if place is not None and any(_message(event) for event in events[start:place]) else None


def first_sent(events: Sequence[Event]) -> int:
    """The index from which on the model is sent events; what is before was summarised."""
    compacted = last_compaction(events)
    return 0 if compacted is None else compacted.first_kept - 1


def _message(event: Event) -> Message | None:
    match event:
        case TurnStarted(prompt=prompt) | PromptDelivered(prompt=prompt):
            return prompt
        case ModelReplied(reply=reply) if reply.stop != "error":  # a failed one is not sent
            return reply
        case ToolFinished(call_id=call_id, tool=tool, result=result):
            return ToolMessage(call_id=call_id, tool=tool, result=result)
        case _:
            return None
