"""Skills as the system prompt lists them: by name, description and path. Pure.

The format is that of https://agentskills.io/specification.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from appx.agent.front_matter import split, words
from appx.tools.clip import fitting
from appx.tools.within import shown

MAX_HEAD = 16 * 1024
"""Bytes of a skill's file that are looked at for its name and description."""

MAX_SKILLS = 100
MAX_LIST = 32 * 1024
"""Bytes of the list of skills in a prompt."""

MAX_UNUSABLE = 20
MAX_NAME = 64
MAX_DESCRIPTION = 1_024

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

_HOW = """\
# Skills

Instructions for particular tasks. When one fits the task, read its file first: a relative path with read, an absolute
one with bash: cat. The paths that a skill names are relative to its own directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """``path``: of its file, relative to the project's directory, or absolute outside of it."""

    name: str
    description: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A skill, or a directory of skills, that cannot be used, and why."""

    path: str
    reason: str


Found: TypeAlias = Skill | Unusable


def skill(path: str, data: bytes) -> Found:
    """What the beginning of a ``SKILL.md`` says."""
    try:
        values, _ = split(data[:MAX_HEAD].decode(errors="replace"))
        name = words(values.get("name", ""))
        description = words(values.get("description", ""))
    except ValueError as error:
        return Unusable(path=path, reason=str(error))
    if not name or not description:
        return Unusable(path=path, reason=f"its front matter has no {'description' if name else 'name'}")
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        reason = f"its name is not at most {MAX_NAME} small letters, digits and single hyphens"
        return Unusable(path=path, reason=reason)
    if len(description) > MAX_DESCRIPTION:
        return Unusable(path=path, reason=f"its description has more than {MAX_DESCRIPTION:,} characters")
    return Skill(name=name, description=description, path=path)


def skills_section(found: Iterable[Found], *, left_out: int = 0) -> str:
    """The part of the system prompt; empty when there is nothing. Of one name the first counts.

    ``left_out``: how many more files there are that nobody looked at.
    """
    usable: dict[str, Skill] = {}
    unusable = []
    for each in found:
        match each:
            case Skill():
                usable.setdefault(each.name, each)
            case Unusable():
                unusable.append(each)
    lines = [f"- {each.name}: {_printable(each.description)} ({shown(each.path)})" for each in usable.values()]
    count = fitting(lines[:MAX_SKILLS], max_bytes=MAX_LIST)
    missing = len(lines) - count + left_out
    parts = [*lines[:count], *([f"- [{missing:,} more find no room here]"] if missing else []), *_notes(unusable)]
    return "\n".join([_HOW, "", *parts]) if parts else ""


def _notes(unusable: Sequence[Unusable]) -> list[str]:
    lines = [f"- [{shown(each.path)} cannot be used: {_printable(each.reason)[:200]}]" for each in unusable]
    if len(lines) <= MAX_UNUSABLE:
        return lines
    return [*lines[:MAX_UNUSABLE], f"- [{len(lines) - MAX_UNUSABLE:,} more cannot be used]"]


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
