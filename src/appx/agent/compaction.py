"""Compaction: the older part of a conversation becomes a summary. Pure; the loop asks the model."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from appx.agent.window import Window, cut, first_sent
from appx.domain.conversation import last_compaction, messages
from appx.domain.events import Event
from appx.domain.ids import Seq
from appx.domain.messages import Message, Reply, ToolCall, ToolMessage, UserMessage

MAX_RESULT = 2_000
"""Characters of a tool's result that the summariser is shown: the rest was for the moment."""

READ, CHANGED = frozenset({"read"}), frozenset({"write", "edit"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``ask``: the one message for the summariser. ``files``: what goes under its answer, or nothing."""

    ask: UserMessage
    files: str
    first_kept: Seq


def plan(events: Sequence[Event], window: Window) -> Plan | None:
    """What to summarise, and from where on the conversation stays; None when nothing can be taken out.

    An older summary is taken up by the new one, so that it can be done again and again.
    """
    place = cut(events, window.keep)
    if place is None:
        return None
    before = last_compaction(events)
    said = messages(events[first_sent(events) : place])
    lines = [] if before is None else [_json({"from": "summary", "text": before.summary})]
    text = "\n".join(["# The conversation", *lines, *map(_line, said), "# Summarise all of this."])
    return Plan(ask=UserMessage(text=_fitting(text, window)), files=_files(said), first_kept=Seq(place + 1))


def instructions() -> str:
    """The system prompt of the summariser."""
    return resources.files("appx.agent").joinpath("summary_prompt.md").read_text(encoding="utf-8")


def _fitting(text: str, window: Window) -> str:
    """At most what the window takes at two characters a token: better a hole in the middle than no summary."""
    most = max(2_000, 2 * (window.size - window.reserve))
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}\n\n[… {len(text) - most} characters were left out here …]\n\n{text[-most // 2 :]}"


def _line(message: Message) -> str:
    """As JSON: nothing in a message can end it and begin one of somebody else."""
    match message:
        case UserMessage(text=text, images=images):
            return _json({"from": "person", "text": text, **({"pictures": len(images)} if images else {})})
        case ToolMessage(tool=tool, result=result):
            return _json({"from": "tool", "tool": tool, "ok": result.ok, "text": _short(result.text)})
        case Reply(text=text, calls=calls):
            short = [[each.name, _short(_json(each.arguments))] for each in calls]
            return _json({"from": "agent", "text": text, **({"calls": short} if short else {})})


def _json(what: Mapping[str, object]) -> str:
    return json.dumps(dict(what), ensure_ascii=False)


def _short(text: str) -> str:
    return text if len(text) <= MAX_RESULT else f"{text[:MAX_RESULT]} […]"


def _files(said: Iterable[Message]) -> str:
    calls = [call for message in said if isinstance(message, Reply) for call in message.calls]
    listed = (("Files read", _paths(calls, READ)), ("Files changed", _paths(calls, CHANGED)))
    return "\n".join(f"{title}: {', '.join(paths)}" for title, paths in listed if paths)


def _paths(calls: Iterable[ToolCall], tools: frozenset[str]) -> list[str]:
    return sorted({str(call.arguments["path"]) for call in calls if call.name in tools and "path" in call.arguments})
