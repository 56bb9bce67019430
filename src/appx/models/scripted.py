"""A model that follows a plan instead of thinking: for the first run without a key, and for tests."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from json import dumps
from typing import TypeAlias

import anyio

from appx.domain.deltas import CallDelta, Delta, TextDelta, ThinkingDelta
from appx.domain.messages import Block, Message, ModelRef, Reply, Text, Thinking, ToolCall, ToolMessage, Usage
from appx.domain.messages import UserMessage as Prompt
from appx.models.model import ModelFailed, OnDelta, Request

DEMO = ModelRef(provider="scripted", id="demo", api="scripted")
CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A stream that ends early: ``blocks`` are shown, then ``failure`` is raised. ``usage``: what it took."""

    blocks: tuple[Block, ...] = ()
    usage: Usage = field(default_factory=Usage)
    failure: ModelFailed


Step: TypeAlias = Reply | Broken

Plan: TypeAlias = Callable[[Request], Step]
"""What to answer to a request. Pure, so that it goes on after a restart as if there had been none."""


def saying(text: str, *, ref: ModelRef = DEMO) -> Reply:
    """A reply of text alone."""
    return Reply(model=ref, blocks=(Text(text=text),))


def calling(*calls: ToolCall, text: str = "", ref: ModelRef = DEMO) -> Reply:
    """A reply that calls tools, after ``text`` when there is any."""
    before = (Text(text=text),) if text else ()
    return Reply(model=ref, blocks=(*before, *calls), stop="toolUse")


def in_order(*steps: Step) -> Plan:
    """The first step for a conversation without a reply, the second for one with one reply, and so on."""

    def plan(request: Request) -> Step:
        said = sum(isinstance(message, Reply) for message in request.messages)
        return steps[said] if said < len(steps) else saying("The script has ended.")

    return plan


class ScriptedModel:
    """Streams what the plan says in pieces of ``piece`` characters, ``pause`` seconds apart.

    ``asked`` holds the requests, when ``remember`` is set: for tests.
    """

    def __init__(self, plan: Plan, *, piece: int = 24, pause: float = 0.0, remember: bool = False) -> None:
        self.asked: list[Request] = []
        self._plan = plan
        self._piece = piece
        self._pause = pause
        self._remember = remember

    async def reply(self, request: Request, on_delta: OnDelta) -> Reply:
        """Raises ModelFailed when the plan says so."""
        if self._remember:
            self.asked.append(request)
        step = self._plan(request)
        for delta in deltas(step.blocks, self._piece):
            await anyio.sleep(self._pause)
            on_delta(delta)
        if isinstance(step, Broken):
            request.on_usage(step.usage)
            raise step.failure
        reply = step if step.usage != Usage() else replace(step, usage=_usage(request, step))
        request.on_usage(reply.usage)
        return reply


def deltas(blocks: tuple[Block, ...], piece: int) -> Iterator[Delta]:
    """The pieces of a reply. Their sum is the reply."""
    for index, block in enumerate(blocks):
        text = dumps(dict(block.arguments)) if isinstance(block, ToolCall) else block.text
        for start in range(0, len(text) or 1, piece):
            yield _delta(index, block, text[start : start + piece])


def _delta(index: int, block: Block, text: str) -> Delta:
    match block:
        case Text():
            return TextDelta(index=index, text=text)
        case Thinking():
            return ThinkingDelta(index=index, text=text)
        case ToolCall(id=id_, name=name):
            return CallDelta(index=index, id=id_, name=name, text=text)


def _usage(request: Request, reply: Reply) -> Usage:
    """About as many tokens as a language model would have counted; they cost nothing."""
    read = len(request.system) + sum(_size(message) for message in request.messages)
    return Usage(input=read // CHARACTERS_PER_TOKEN, output=_size(reply) // CHARACTERS_PER_TOKEN)


def _size(message: Message) -> int:
    match message:
        case Prompt(text=text):
            return len(text)
        case ToolMessage(result=result):
            return len(result.text)
        case Reply(blocks=blocks):
            return sum(len(delta.text) for delta in deltas(blocks, 1 << 20))
