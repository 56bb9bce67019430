"""Which schemas of tools are handed on: a provider refuses the whole request for one that it does not like. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

MAX_SCHEMA = 16 * 1024
"""Bytes, as JSON."""

MAX_PARTS = 4_000
MAX_DEPTH = 40
PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
NOT_AT_THE_TOP = {"oneOf", "anyOf", "allOf", "not", "if", "then", "else", "enum", "const"}
"""What a provider does not take there. The server of the tool checks the arguments all the same."""

NOT_ANYWHERE = {"$ref", "$defs", "definitions", "$schema", "$id", "$anchor", "$dynamicRef", "$dynamicAnchor"}
"""References are replaced by what they refer to."""

NAMED = {"properties", "patternProperties", "dependentSchemas"}
"""Below these, a key is a name of somebody's own and no keyword."""


class Unusable(Exception):
    """Why, in words that follow the name of the tool."""


def usable(given: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as the model is told it, complete in itself. Raises Unusable."""
    if given.get("type", "object") != "object":
        raise Unusable("its arguments are no object")
    top = {key: value for key, value in given.items() if key not in NOT_AT_THE_TOP}
    schema: dict[str, Any] = {"properties": {}} | _Inlining(given).part(top, depth=0) | {"type": "object"}
    try:
        size = len(json.dumps(schema, ensure_ascii=False, allow_nan=False).encode())
    except ValueError:
        raise Unusable("the schema of its arguments is no text") from None
    if size > MAX_SCHEMA:
        raise Unusable(f"the schema of its arguments has {size:,} bytes, {MAX_SCHEMA:,} is the most")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise Unusable(f"the schema of its arguments is not valid at {error.json_path[:80]}") from None
    for name in schema["properties"]:
        if not PROPERTY.fullmatch(name):
            raise Unusable(f"it has an argument {name[:80]!r}, a name that providers refuse")
    return schema


class _Inlining:
    """Puts in the place of each reference what it refers to; where one comes back to itself, anything goes."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._parts = 0
        self._inside: list[str] = []

    def part(self, found: Any, *, depth: int, named: bool = False) -> Any:  # noqa: ANN401  JSON
        self._parts += 1
        if self._parts > MAX_PARTS or depth > MAX_DEPTH:
            raise Unusable("the schema of its arguments is too large or too deep")
        if isinstance(found, list):
            return [self.part(each, depth=depth + 1) for each in found]
        if not isinstance(found, dict):
            return found
        if named:
            return {key: self.part(each, depth=depth + 1) for key, each in found.items()}
        own = {
            key: self.part(each, depth=depth + 1, named=key in NAMED)
            for key, each in found.items()
            if key not in NOT_ANYWHERE
        }
        reference = found.get("$ref")
        return self._referred(reference, depth) | own if isinstance(reference, str) else own

    def _referred(self, reference: str, depth: int) -> dict[str, Any]:
        if reference in self._inside:
            return {}
        target = self._target(reference)
        self._inside.append(reference)
        found = self.part(target, depth=depth + 1)
        self._inside.pop()
        return found if isinstance(found, dict) else {}

    def _target(self, reference: str) -> object:
        target: Any = self._root
        for part in reference.removeprefix("#").split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            target = target.get(key) if isinstance(target, dict) else None
        if target is None or not reference.startswith("#"):
            raise Unusable(f"the schema of its arguments refers to {reference[:80]!r}, which is not in it")
        return target
