"""The contract's schemas, as validators."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

DATA = Path(__file__).parent / "data"


@cache
def _document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / name).read_text())
    return found


def contract() -> dict[str, Any]:
    """The contract's OpenAPI document."""
    return _document("openapi.json")


@cache
def validator(schema: str) -> Draft202012Validator:
    """For a schema below ``components``."""
    components = _document("event-schema.json" if schema == "WireEvent" else "openapi.json")["components"]
    return Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": components})


def check(value: object, schema: str) -> None:
    """Raises jsonschema's ValidationError."""
    validator(schema).validate(value)


def recorded_turn() -> list[dict[str, Any]]:
    """The events of a turn as the original gave them."""
    return [json.loads(line) for line in (DATA / "turn.jsonl").read_text().splitlines()]
