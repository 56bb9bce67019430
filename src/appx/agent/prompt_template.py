"""Prompt templates: ``/name words`` stands for a longer text. Pure."""

import re
from dataclasses import dataclass
from itertools import islice

from appx.agent.front_matter import split
from appx.domain.errors import Invalid

MAX_EXPANSION = 1_000_000
"""Characters; as many as a prompt may have."""

_CALL = re.compile(r"/([A-Za-z0-9][A-Za-z0-9_-]{0,63})(?:\s+(.*))?", re.DOTALL)
_PLACE = re.compile(r"\$(ARGUMENTS|@|[1-9](?!\d))")
_WORD = re.compile(r""""([^"]*)"(?!\S)|'([^']*)'(?!\S)|(\S+)""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """``arguments``: all that stands behind the name."""

    name: str
    arguments: str


def called(prompt: str) -> Call | None:
    """The template that a prompt may mean; most prompts mean none."""
    found = _CALL.fullmatch(prompt)
    return None if found is None else Call(name=found[1], arguments=(found[2] or "").strip())


def expanded(template: str, call: Call) -> str:
    """``$1`` to ``$9`` are single words or quoted texts, ``$@`` and ``$ARGUMENTS`` all of them as they were written.

    A template that names none of them gets the words at its end: nothing that a person wrote is lost. Raises Invalid.
    """
    body = _body(template).strip()
    given = list(islice((found[1] or found[2] or found[3] or "" for found in _WORD.finditer(call.arguments)), 9))
    places = list(_PLACE.finditer(body))
    if not places and call.arguments:
        body = f"{body}\n\n$ARGUMENTS"
        places = list(_PLACE.finditer(body))
    size = len(body) + sum(len(_value(place[1], given, call)) - len(place[0]) for place in places)
    if size > MAX_EXPANSION:
        raise Invalid(f"/{call.name} makes a prompt of {size:,} characters; {MAX_EXPANSION:,} is the most.")
    text = _PLACE.sub(lambda place: _value(place[1], given, call), body)
    if not text.strip():
        raise Invalid(f"The prompt template {call.name}.md is empty.")
    return text


def _value(place: str, given: list[str], call: Call) -> str:
    if not place.isdecimal():
        return call.arguments
    return given[int(place) - 1] if int(place) <= len(given) else ""


def _body(template: str) -> str:
    """Without front matter; what looks like one and is none is text."""
    try:
        return split(template)[1]
    except ValueError:
        return template
