"""The secrets that ``run.sh`` hands over: kept in the state directory, so that they outlive a restart.

They stand for variables of the environment, and not among the keys that people store: a key that is stored goes
before, and only the next ``run.sh`` changes what an earlier one handed over.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import RootModel, SecretStr, ValidationError

from appx.domain.errors import Invalid, Misconfigured
from appx.models.private_file import replace_private
from appx.settings.secret_files import MOST
from appx.settings.settings import SECRETS, Settings

NAME = "handed.json"
WORD = re.compile(rf"[!-~]{{1,{MOST}}}")


class _File(RootModel[dict[str, SecretStr]]):
    """``{"ANTHROPIC_API_KEY": "…"}``"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Names of variables. ``kept``: handed over before, and not this time."""

    new: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]


def read_handed(state: Path) -> dict[str, SecretStr]:
    """By name of the variable. Raises Misconfigured, naming the file."""
    path = state / NAME
    try:
        return _File.model_validate_json(path.read_bytes()).root
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read: {error.strerror}.") from None
    except ValidationError:
        raise Misconfigured(f"{path} is not what appx wrote. Remove it and run run.sh again.") from None


def with_handed(settings: Settings) -> Settings:
    """``settings``, with what was handed over where the environment has nothing. Raises Misconfigured."""
    handed = read_handed(settings.state_dir)
    missing = {
        field: handed[variable]
        for variable, field in SECRETS.items()
        if variable in handed and getattr(settings, field) is None
    }
    return settings.model_copy(update=missing)


def take(state: Path, given: Mapping[str, str], *, only: bool) -> Taken:
    """Keep ``given``, by name of the variable. ``only``: forget what was handed over before and is not in it.

    Raises Invalid for a name or a value that cannot be one, NoSpace or Unavailable when it cannot be kept.
    """
    for name, value in given.items():
        if name not in SECRETS:
            raise Invalid(f"{name} is no secret of appx. There are: {', '.join(SECRETS)}.")
        if not WORD.fullmatch(value):
            raise Invalid(f"{name} is not one word of visible ASCII characters, at most {MOST}. Copy it again.")
    before = {name: value.get_secret_value() for name, value in read_handed(state).items()}
    after = {**({} if only else before), **given}
    if after != before:
        _keep(state / NAME, after)
    return Taken(
        new=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(sorted(name for name in after.keys() & before.keys() if after[name] != before[name])),
        removed=tuple(sorted(before.keys() - after.keys())),
        kept=tuple(sorted(after.keys() - given.keys())),
    )


def _keep(path: Path, secrets: Mapping[str, str]) -> None:
    """The one place where they are written out."""
    replace_private(path, json.dumps(secrets, indent=2, sort_keys=True).encode() + b"\n")
