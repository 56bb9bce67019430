"""Paths and names of a project, as programs are given them and as the model is shown them."""

import json
from pathlib import PurePosixPath

from appx.domain.errors import Invalid

UNREADABLE = "\N{REPLACEMENT CHARACTER}"


def within(root: str, path: str) -> str:
    """``path`` relative to the project's directory ``root``: "." or "./…", so that none is taken for an option.

    Raises Invalid. What symbolic links on the way do is for the workbench to see.
    """
    place = PurePosixPath(path)
    if ".." in place.parts:
        raise Invalid(f"{path}: leave out '..'. Give a path inside of the project.")
    if place.is_absolute():
        if not place.is_relative_to(root):
            raise Invalid(f"{path}: this leads out of the project. Give a path inside of {root}.")
        place = place.relative_to(root)
    return f"./{place}" if place.parts else "."


def plain_name(found: str) -> str:
    """Without the "./" that programs put before a name."""
    return found.removeprefix("./")


def shown(name: str) -> str:
    """A name on one line: one with newlines or other control characters as a JSON string."""
    return name if name.isprintable() else json.dumps(name, ensure_ascii=False)


def about_names(names: list[str]) -> list[str]:
    """The note that names need which cannot be used as they are shown."""
    if not any(UNREADABLE in name for name in names):
        return []
    return [f"a name with {UNREADABLE} is not UTF-8: only bash can use it, with * in the place of {UNREADABLE}"]
