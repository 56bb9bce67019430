"""Schemas of tools: what is handed on is complete, bounded, and taken by the libraries of all providers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai._json_schema import JsonSchemaTransformer
from pydantic_ai.profiles.google import GoogleJsonSchemaTransformer
from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer

from appx.workbench.mcp.schemas import Unusable, usable

TREE = {
    "type": "object",
    "properties": {"root": {"$ref": "#/$defs/node"}},
    "$defs": {"node": {"type": "object", "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/node"}}}},
}


def test_a_plain_schema_is_handed_on_as_it_is() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "integer", "minimum": 1, "description": "How many."}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert usable(schema) == schema


def test_a_tool_without_arguments_takes_an_empty_object() -> None:
    assert usable({}) == {"type": "object", "properties": {}}


def test_references_are_replaced_and_what_goes_round_ends() -> None:
    given = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"$ref": "#/properties/a", "title": "B"}}}
    assert usable(given)["properties"]["b"] == {"type": "string", "title": "B"}
    node = {"type": "object", "properties": {"name": {"type": "string"}, "next": {}}}
    assert usable(TREE) == {"type": "object", "properties": {"root": node}}


def test_arguments_may_be_called_as_keywords_are() -> None:
    properties = {"$ref": {"type": "string"}, "properties": {"type": "string"}, "definitions": {"type": "string"}}
    found = usable({"type": "object", "properties": {key: properties[key] for key in ("properties", "definitions")}})
    assert set(found["properties"]) == {"properties", "definitions"}
    with pytest.raises(Unusable, match="a name that providers refuse"):
        usable({"type": "object", "properties": properties})


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"type": "array"}, "its arguments are no object"),
        ({"properties": []}, "is not valid at"),
        ({"properties": {"a": {"type": "strnig"}}}, "is not valid at"),
        ({"properties": {"a b": {}}}, "an argument 'a b', a name that providers refuse"),
        ({"properties": {"a": {"$ref": "#/$defs/no"}}}, "refers to '#/$defs/no', which is not in it"),
        ({"properties": {"a": {"$ref": "https://x.example/s"}}}, "refers to 'https://x.example/s'"),
        ({"properties": {"a": {"const": float("nan")}}}, "is no text"),
        ({"properties": {"a": {"const": "\ud800"}}}, "is no text"),
        ({"properties": {"a": {"description": "x" * 20_000}}}, "bytes, 16,384 is the most"),
    ],
)
def test_what_a_provider_would_refuse_is_unusable(given: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unusable) as refused:
        usable(given)
    assert reason in str(refused.value)


def test_references_that_grow_without_end_are_unusable() -> None:
    levels = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 10} for n in range(10)} | {"d10": {}}
    with pytest.raises(Unusable, match="too large or too deep"):
        usable({"properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": levels})
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"items": deep}
    with pytest.raises(Unusable, match="too large or too deep"):
        usable({"properties": {"a": deep}})


part = st.recursive(
    st.sampled_from([{"type": "string"}, {"type": "integer"}, {"$ref": "#/$defs/d"}, {"enum": [1, "a"]}, {}, {"x": 1}]),
    lambda inner: (
        st.builds(lambda each: {"type": "array", "items": each}, inner)
        | st.builds(lambda each: {"anyOf": each}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda each: {"type": "object", "properties": each}, st.dictionaries(st.text("ab"), inner))
    ),
    max_leaves=12,
)


@given(part, part)
def test_the_libraries_of_the_providers_take_what_is_handed_on(first: dict[str, Any], second: dict[str, Any]) -> None:
    given = {"type": "object", "properties": {"a": first}, "$defs": {"d": second}, "anyOf": [{"required": ["a"]}]}
    try:
        schema = usable(given)
    except Unusable:
        return
    assert "$ref" not in str(schema)
    transformers: list[type[JsonSchemaTransformer]] = [GoogleJsonSchemaTransformer, OpenAIJsonSchemaTransformer]
    for transformer in transformers:
        transformer(schema, strict=False).walk()
