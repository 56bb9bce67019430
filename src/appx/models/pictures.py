"""Which pictures of a conversation are sent: the newest, as many as every provider takes. Pure."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from appx.domain.messages import Image, Message, Reply, UserMessage

MAX_PICTURES = 20
"""Anthropic refuses a request with more of them when one has a side of more than 2,000 pixels."""

MAX_SIZE = 14 * 1024 * 1024
"""Characters of base64. Gemini takes 20 MB in one request, Anthropic 32 MB; the rest is for words."""

LEFT_OUT = "[{} of the pictures here were left out, since newer ones came. Look again if you need them.]"


def without_old_pictures(messages: Sequence[Message]) -> list[Message]:
    """What is too much is left out, oldest first, down to the half, with a text in its place.

    So the next pictures leave the beginning of the conversation as it was, and the provider's cache of it holds.
    """
    kept: deque[tuple[int, Image]] = deque()
    for index, message in enumerate(messages):
        kept.extend((index, image) for image in _images(message))
        if _is_too_much(kept, 1):
            while kept[0][0] < index and _is_too_much(kept, 2):
                kept.popleft()
            while _is_too_much(kept, 1):
                kept.popleft()
    counts = [0] * len(messages)
    for index, _ in kept:
        counts[index] += 1
    return [_with_last(message, count) for message, count in zip(messages, counts, strict=True)]


def _is_too_much(kept: deque[tuple[int, Image]], share: int) -> bool:
    return len(kept) > MAX_PICTURES // share or sum(len(image.data) for _, image in kept) > MAX_SIZE // share


def _images(message: Message) -> tuple[Image, ...]:
    match message:
        case UserMessage(images=images):
            return images
        case Reply():
            return ()
        case _:
            return message.result.images


def _with_last(message: Message, count: int) -> Message:
    """With its last ``count`` pictures."""
    images = _images(message)
    gone = len(images) - count
    if not gone or isinstance(message, Reply):
        return message
    note = LEFT_OUT.format(gone)
    if isinstance(message, UserMessage):
        return replace(message, text=_noted(message.text, note), images=images[gone:])
    result = message.result
    return replace(message, result=replace(result, text=_noted(result.text, note), images=images[gone:]))


def _noted(text: str, note: str) -> str:
    return f"{text}\n{note}" if text.strip() else note
