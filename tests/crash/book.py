"""What people were told: acknowledged things, things of which they do not know, and what they were shown."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Json: TypeAlias = dict[str, Any]

State: TypeAlias = Literal["asked", "there", "leaving", "gone"]
"""``asked`` and ``leaving`` had no answer when the server ended: it may be there or not, and a look tells."""

EARLY = {"turn_start", "message_update", "tool_execution_update"}
KEPT_SECONDS = 0.5
"""What was shown for longer than this is kept, whatever happens."""


@dataclass(slots=True)
class Shown:
    """What a reader was shown of a session."""

    facts: list[Json] = field(default_factory=list)
    """The settled events up to the last that had an id."""
    seq: int = 0
    """The last id."""
    newer: list[Json] = field(default_factory=list)
    """Settled events whose id has not come yet."""
    notices: list[str] = field(default_factory=list)
    """What the reader was told that is no fact."""
    text: str = ""
    """Of the reply that is coming in."""
    times: list[tuple[float, str]] = field(default_factory=list)
    """When there was how much text of that reply."""

    def reconnect(self) -> None:
        """Back to the last id: what comes after it is told again."""
        self.newer, self.text, self.times = [], "", []

    def event(self, event: Json, seq: int | None) -> None:
        said = event.get("message", {})
        if event["type"] == "message_start" and said["role"] == "assistant":
            self._more(words(said))
        elif event["type"] == "message_update" and event["assistantMessageEvent"]["type"] == "text_delta":
            self._more(event["assistantMessageEvent"]["delta"])
        elif event["type"] == "message_end" and said["role"] == "assistant":
            self.text, self.times = "", []
        elif event.get("method") == "notify":
            self.notices.append(event["message"])
        self.newer += settled([event])
        if seq is not None:
            self.facts += self.newer
            self.newer, self.seq = [], seq

    def _more(self, text: str) -> None:
        self.text += text
        self.times.append((time.monotonic(), self.text))

    def kept_at(self, end: float) -> str:
        """The text that must have been kept when the server was killed at ``end``."""
        return next((text for at, text in reversed(self.times) if at <= end - KEPT_SECONDS), "")


@dataclass(slots=True)
class SessionNote:
    """``prompts``: each text, and whether it was acknowledged. ``settings``: what may be in force; None: anything."""

    path: str
    state: State = "there"
    prompts: dict[str, bool] = field(default_factory=dict)
    shown: Shown = field(default_factory=Shown)
    settings: list[Json | None] = field(default_factory=lambda: [None])

    @property
    def id(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(slots=True)
class ProjectNote:
    """``deployments``: those that may be in force; one when it was acknowledged."""

    name: str
    state: State = "asked"
    id: str = ""
    deployments: list[Json | None] = field(default_factory=lambda: [None])
    sessions: list[SessionNote] = field(default_factory=list)
    unknown_sessions: int = 0
    """Creates without an answer: so many more may be there."""

    @property
    def is_leaving(self) -> bool:
        return self.state == "leaving"

    def lost_sight(self) -> None:
        """It was deleted and made at the same time. When it is there it was made last, and has no older session."""
        self.state = "asked"
        for session in self.sessions:
            if session.state == "there":
                session.state = "leaving"


@dataclass(slots=True)
class Book:
    """``values``: what may be stored under a name (a key, a provider); one when it was acknowledged."""

    projects: list[ProjectNote] = field(default_factory=list)
    values: dict[str, list[Any]] = field(default_factory=dict)
    acknowledged: int = 0
    """Answers of 200 to requests that change something."""

    def sessions(self) -> list[SessionNote]:
        return [
            session
            for project in self.projects
            for session in project.sessions
            if project.state == "there" and session.state == "there"
        ]


def settled(events: Iterable[Json]) -> list[Json]:
    """What does not depend on when one reads. A reply and its step begin early for who sees it come in.

    A notice, say of a full disk, is no fact of the session.
    """
    return [
        event
        for event in events
        if event["type"] not in EARLY
        and event.get("method") != "notify"
        and not (event["type"] == "message_start" and event["message"]["role"] == "assistant")
    ]


def words(message: Json) -> str:
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")
