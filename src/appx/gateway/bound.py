"""The most that a request may take, before it is asked, and what is booked for it afterwards. Pure."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from appx.domain.messages import Block, Cost, Image, Message, Reply, Text, Thinking, Usage, UserMessage
from appx.models.catalogue import ModelInfo
from appx.models.model import Request

End: TypeAlias = Literal["whole", "free", "cut"]
"""How it ended: with a reply; without one, for nothing; or in the middle, so that nobody knows what it took."""

OVERHEAD = 1_024
"""Tokens that a provider adds by itself, for tools and for JSON. Anthropic's for tools are about 500."""

PER_MESSAGE = 32
PER_PICTURE = 10_000
"""Tokens. The largest that we know of are Anthropic's: 4,784."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Tokens of input and output, and US dollars."""

    input: int
    output: int
    cost: float

    @property
    def tokens(self) -> int:
        return self.input + self.output


def bound_of(info: ModelInfo, request: Request) -> Bound:
    """A token is at least one byte of UTF-8, in every dialect; so there are no more of them than bytes."""
    texts = (request.system, *(text for message in request.messages for text in _texts(message)))
    tools = [[tool.name, tool.description, tool.schema] for tool in request.tools]
    output = request.form.output
    schemas = json.dumps([tools, None if output is None else [output.name, output.description, output.schema]])
    pictures = sum(len(_images(message)) for message in request.messages)
    input_ = (
        OVERHEAD
        + sum(len(text.encode(errors="replace")) for text in (*texts, schemas))
        + PER_MESSAGE * (len(request.messages) + len(request.tools))
        + PER_PICTURE * pictures
    )
    most = min(request.form.max_tokens or info.max_tokens, info.max_tokens)
    return Bound(input=input_, output=most, cost=info.most(input=input_, output=most))


def booked(info: ModelInfo, bound: Bound, heard: Usage, end: End) -> Usage:
    """What is booked: what the provider counted, else the bound. ``heard``: what it said, before a cut only a part."""
    if end == "free" or (end == "whole" and heard != Usage()):
        return heard
    read = heard.input + heard.cache_read + heard.cache_write
    if not read:
        return whole(bound)
    output = max(heard.output, bound.output)
    cost = info.cost(fresh=heard.input, output=output, cache_read=heard.cache_read, cache_write=heard.cache_write)
    return Usage(
        input=heard.input, output=output, cache_read=heard.cache_read, cache_write=heard.cache_write, cost=cost
    )


def whole(bound: Bound) -> Usage:
    return Usage(input=bound.input, output=bound.output, cost=Cost(output=bound.cost))


def _texts(message: Message) -> Iterable[str]:
    match message:
        case UserMessage(text=text):
            return (text,)
        case Reply(blocks=blocks):
            return [text for block in blocks for text in _of_block(block)]
        case _:
            return (message.tool, message.call_id, message.result.text)


def _of_block(block: Block) -> Iterable[str]:
    match block:
        case Text(text=text) | Thinking(text=text):
            return (text,)
        case _:
            return (block.id, block.name, json.dumps(dict(block.arguments)))


def _images(message: Message) -> tuple[Image, ...]:
    match message:
        case UserMessage(images=images):
            return images
        case Reply():
            return ()
        case _:
            return message.result.images
