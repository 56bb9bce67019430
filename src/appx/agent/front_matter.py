"""The front matter of a Markdown file: the few forms of YAML that people write there.

A value is a plain text, a quoted one, or a block (``|``, ``>``) that is read as one paragraph. What else a key may hold
(lists, maps) is passed over, so that only the keys that we ask for must be simple.
"""

import json
import re

FENCE = "---"

_KEY = re.compile(r"([A-Za-z][\w-]*):(?:[ \t]+(.*)|[ \t]*)")
_COMMENT = re.compile(r"[ \t]#.*")
_QUOTED = re.compile(r"'((?:[^']|'')*)'[ \t]*(?:#.*)?")
_SPECIAL = tuple("[]{}&*!%@`,?")


def split(text: str) -> tuple[dict[str, str], str]:
    """The values as they stand there, by key, and the text below. Without a front matter there are no keys.

    Raises ValueError when it does not end, or a line in it is none of ``key: value``.
    """
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != FENCE:
        return {}, text
    end = next((number for number, line in enumerate(lines) if number and line.rstrip() == FENCE), None)
    if end is None:
        raise ValueError(f"its front matter has no end: a line with {FENCE}")
    return _values(lines[1:end]), "\n".join(lines[end + 1 :])


def words(value: str) -> str:
    """The text that a value means, on one line. Raises ValueError when it is no text."""
    if value[:1] in {"|", ">"}:
        return " ".join(value.split("\n", 1)[-1].split()) if "\n" in value else ""
    value = " ".join(value.split())
    if value.startswith('"'):
        return _double_quoted(value)
    if value.startswith("'"):
        found = _QUOTED.fullmatch(value)
        if found is None:
            raise ValueError("a quote does not end")
        return found[1].replace("''", "'")
    if value.startswith(_SPECIAL):
        raise ValueError(f"a text must not begin with {value[0]}: put it into quotes")
    return _COMMENT.sub("", value)


def _values(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    key = ""
    for line in lines:
        if line.startswith("#") or (not line.strip() and not key):
            continue
        if key and (not line.strip() or line[0] in " \t" or line.startswith("- ")):
            found[key] += f"\n{line.strip()}"
            continue
        match = _KEY.fullmatch(line.rstrip())
        if match is None:
            raise ValueError(f"a line of its front matter is not 'key: value': {line[:60]}")
        key = match[1]
        if key in found:
            raise ValueError(f"its front matter has {key} twice")
        found[key] = match[2] or ""
    return found


def _double_quoted(value: str) -> str:
    """JSON's escapes are those that people use."""
    try:
        text, end = json.JSONDecoder().raw_decode(value)
    except ValueError:
        raise ValueError("a quoted text does not end, or has an unknown escape") from None
    if value[end:].strip() and not value[end:].lstrip().startswith("#"):
        raise ValueError("something stands behind a quoted text")
    return " ".join(str(text).split())
