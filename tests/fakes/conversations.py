"""The conversations that every dialect is asked with: what was said in a session, by name."""

import json
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, cast

from appx.domain.events import (
    Compacted,
    CompactionStarted,
    Event,
    ModelReplied,
    PromptDelivered,
    PromptQueued,
    RetryStarted,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    TurnStarted,
)
from appx.domain.ids import CallId, Seq, TurnId
from appx.domain.messages import Block, Image, ModelRef, Reply, Text, Thinking, ToolCall, ToolResult, UserMessage
from appx.models.catalogue import Api

T1, T2 = TurnId("t1"), TurnId("t2")
ELSEWHERE = ModelRef(provider="elsewhere", id="other", api="openai-completions")
UNICODE = 'naïve Straße 日本語 עברית 👩‍👩‍👧 \u2028 \t "quotes" back\\slash'

SIGNATURES: Mapping[Api, str] = {
    "anthropic-messages": json.dumps({"signature": "signed-by-anthropic"}),
    "openai-responses": json.dumps({"id": "rs_1", "signature": "encrypted-by-openai"}),
    "openai-completions": json.dumps({"id": "reasoning_content"}),
}
"""What each dialect wants back with a thought. Gemini wants nothing back but what it signed of its calls."""

SIGNED_CALL: Mapping[Api, str] = {
    "google-generative-ai": json.dumps({"details": {"thought_signature": "c2lnbmVk"}}),
}

Said: TypeAlias = Callable[[ModelRef], Sequence[Event]]
"""The log of a session whose replies are by this model."""


def png(shade: int) -> Image:
    """A picture of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes((0, shade)), 0)) + chunk(b"IEND", b"")
    return Image(data=b64encode(b"\x89PNG\r\n\x1a\n" + data).decode(), media_type="image/png")


def asks(text: str, *images: Image, turn: TurnId = T1) -> Event:
    return TurnStarted(turn=turn, prompt=UserMessage(text=text, images=images))


def says(ref: ModelRef, *blocks: Block, turn: TurnId = T1) -> Event:
    calls = any(isinstance(block, ToolCall) for block in blocks)
    return ModelReplied(turn=turn, reply=Reply(model=ref, blocks=blocks, stop="toolUse" if calls else "stop"))


def call(number: int, name: str = "bash", **arguments: object) -> ToolCall:
    return ToolCall(id=CallId(f"call_{number}"), name=name, arguments=arguments or {"command": "ls"})


def ran(made: ToolCall, text: str, *images: Image, ok: bool = True, turn: TurnId = T1) -> tuple[Event, Event]:
    result = ToolResult(ok=ok, text=text, images=images)
    return (
        ToolStarted(turn=turn, call=made),
        ToolFinished(turn=turn, call_id=made.id, tool=made.name, result=result),
    )


def text(ref: ModelRef) -> Sequence[Event]:
    return [
        asks("What is appx?"), says(ref, Text(text="A builder of apps.")), TurnEnded(turn=T1, outcome="done"),
        asks("And a workbench?", turn=T2),
    ]  # fmt: skip


def thinking(ref: ModelRef) -> Sequence[Event]:
    thought = Thinking(text="They want the files.", signature=SIGNATURES.get(cast(Api, ref.api)))
    look = replace(call(1), signature=SIGNED_CALL.get(cast(Api, ref.api)))
    return [asks("What is here?"), says(ref, thought, Text(text="I look."), look), *ran(look, "index.html")]


def tools(ref: ModelRef) -> Sequence[Event]:
    good, bad = call(1), call(2, "read", path="nothing.txt")
    return [
        asks("What is here?"), says(ref, good), *ran(good, "index.html\n"),
        says(ref, Text(text="I read it."), bad), *ran(bad, "nothing.txt: there is no such file", ok=False),
    ]  # fmt: skip


def parallel(ref: ModelRef) -> Sequence[Event]:
    calls = (call(1), call(2, "read", path="index.html"), call(3, "read", path="a.txt"))
    results = [event for each in calls for event in ran(each, f"result of {each.id}")]
    late = UserMessage(text="And hurry.")
    return [
        asks("Look at all."), says(ref, *calls), *results,
        PromptQueued(prompt=late), PromptDelivered(turn=T1, prompt=late),
    ]  # fmt: skip


def failed(ref: ModelRef) -> Sequence[Event]:
    """An attempt that broke, one that was stopped in its text, and one that was stopped while a tool ran."""
    open_call = call(1)
    return [
        asks("Write a story."),
        ModelReplied(turn=T1, reply=Reply(model=ref, blocks=(Text(text="Once"),), stop="error", error="overloaded")),
        RetryStarted(turn=T1, attempt=1, max_attempts=3, delay_ms=2000, error="overloaded"),
        ModelReplied(turn=T1, reply=Reply(model=ref, blocks=(Text(text="Once upon a"),), stop="aborted")),
        TurnEnded(turn=T1, outcome="stopped", detail="Stopped."),
        asks("Look at the files first.", turn=T2), says(ref, open_call, turn=T2), ToolStarted(turn=T2, call=open_call),
        TurnEnded(turn=T2, outcome="interrupted"), asks("Go on.", turn=TurnId("t3")),
    ]  # fmt: skip


def pictures(ref: ModelRef) -> Sequence[Event]:
    shot = call(1, "read", path="shot.png")
    return [
        asks("Make it look like these.", png(1), png(2)), says(ref, shot),
        *ran(shot, "shot.png: image/png, 1x1 pixels", png(3)),
    ]  # fmt: skip


def unicode(ref: ModelRef) -> Sequence[Event]:
    made = call(1, "write", path="größe.txt", content=UNICODE)
    return [asks(UNICODE), says(ref, Text(text=UNICODE), made), *ran(made, UNICODE)]


def summary(ref: ModelRef) -> Sequence[Event]:
    kept = call(2)
    return [
        asks("Make a page."), says(ref, Text(text="Done.")), TurnEnded(turn=T1, outcome="done"),
        asks("Make it blue.", turn=T2), says(ref, kept, turn=T2), *ran(kept, "index.html", turn=T2),
        CompactionStarted(turn=T2, reason="threshold"),
        Compacted(turn=T2, reason="threshold", summary="They have a page.", first_kept=Seq(4), tokens_before=9),
    ]  # fmt: skip


def empty(ref: ModelRef) -> Sequence[Event]:
    """Prompts and replies without a word, a call without arguments, results without output."""
    bare, blank = ToolCall(id=CallId("call_1"), name="ls"), call(2)
    return [
        asks(" \n"), says(ref), says(ref, Text(text=" \n"), Thinking(text="")), TurnEnded(turn=T1, outcome="done"),
        asks("Still there?", turn=T2), says(ref, Text(text=""), bare, blank, turn=T2), *ran(bare, "", turn=T2),
        *ran(blank, " \n", turn=T2),
    ]  # fmt: skip


def switched(ref: ModelRef) -> Sequence[Event]:
    """Another provider began: its thoughts and signatures are not for this one; its ids and names may not fit."""
    odd = ToolCall(id=CallId("functions.bash:0"), name="no such tool!", arguments={}, signature='{"details": {"x": 1}}')
    thought = Thinking(text="A secret of theirs.", signature=json.dumps({"id": "foreign", "signature": "foreign"}))
    words = Text(text="I begin.", signature=json.dumps({"details": {"phase": "foreign"}}))
    mine = call(2)
    return [
        asks("Begin."), says(ELSEWHERE, thought, words, odd), *ran(odd, "There is no tool.", ok=False),
        says(ref, mine), *ran(mine, "index.html"),
    ]  # fmt: skip


CONVERSATIONS: Mapping[str, Said] = {
    made.__name__: made
    for made in (text, thinking, tools, parallel, failed, pictures, unicode, summary, empty, switched)
}
