"""The comparison of documents can fail: each kind of break is seen, and what only widens an offer is not one."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, TypeAlias

import pytest

from tests.contract.compare import Comparison
from tests.contract.schema import contract

Document: TypeAlias = dict[str, Any]
Change: TypeAlias = Callable[[Document], object]

CONTRACT: Document = {
    "paths": {
        "/things/{id}": {
            "put": {
                "operationId": "putThing",
                "parameters": [{"in": "path", "name": "id", "required": True, "schema": {"type": "string"}}],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                },
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
                    "404": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "Thing": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "size": {"type": "integer", "minimum": 0},
                    "colour": {"type": "string", "enum": ["red", "blue"]},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}},
                    "extra": {"type": "object", "additionalProperties": {"type": "string"}},
                    "shape": {"anyOf": [{"$ref": "#/components/schemas/Round"}, {"type": "null"}]},
                },
                "required": ["name"],
            },
            "Round": {"type": "object", "properties": {"type": {"const": "round"}}, "required": ["type"]},
            "Problem": {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]},
        }
    },
}
OPERATION = ("paths", "/things/{id}", "put")
THING = ("components", "schemas", "Thing")
NAME = (*THING, "properties", "name")


def at(found: Any, *place: str | int) -> Any:  # noqa: ANN401  JSON
    for part in place:
        found = found[part]
    return found


def problems(change: Change) -> list[str]:
    """What is wrong with a copy of the contract once it is changed."""
    ours = deepcopy(CONTRACT)
    change(ours)
    return Comparison(ours, CONTRACT).problems()


def put(*place: str | int, to: object) -> Change:
    return lambda document: at(document, *place[:-1]).__setitem__(place[-1], to)


def drop(*place: str | int) -> Change:
    return lambda document: at(document, *place[:-1]).pop(place[-1])


@pytest.mark.parametrize("document", [CONTRACT, contract()], ids=["small", "real"])
def test_a_document_keeps_its_own_promises(document: Document) -> None:
    assert Comparison(document, document).problems() == []


BREAKS: dict[str, Change] = {
    "PUT /things/{id}: missing": drop(*OPERATION),
    "PUT /things/{id}: is other, not putThing": put(*OPERATION, "operationId", to="other"),
    "PUT /things/{id} path id: missing": put(*OPERATION, "parameters", to=[]),
    "PUT /things/{id} query q: is required": lambda document: at(document, *OPERATION, "parameters").append(
        {"in": "query", "name": "q", "required": True, "schema": {"type": "string"}}
    ),
    "PUT /things/{id} path id: pattern '^x' is not": put(*OPERATION, "parameters", 0, "schema", "pattern", to="^x"),
    "PUT /things/{id}: takes no application/json": put(*OPERATION, "requestBody", "content", to={}),
    "PUT /things/{id} 404: application/json is not declared": drop(*OPERATION, "responses", "404"),
    "PUT /things/{id} 201: a success that": put(*OPERATION, "responses", "201", to={}),
    # Requests: what the contract sends has to be taken.
    "PUT /things/{id} body.size: has to be there always": put(*THING, "required", to=["name", "size"]),
    "PUT /things/{id} body.name: maxLength is 9": put(*NAME, "maxLength", to=9),
    "PUT /things/{id} body.size: minimum is 1": put(*THING, "properties", "size", "minimum", to=1),
    "PUT /things/{id} body.colour: 'blue' is not": put(*THING, "properties", "colour", "enum", to=["red"]),
    "PUT /things/{id} body.extra.(names): string is not": put(
        *THING, "properties", "extra", "propertyNames", to={"enum": ["a"]}
    ),
    "PUT /things/{id} body.extra: takes no other": put(*THING, "properties", "extra", "additionalProperties", to=False),
    # Answers: what we send, the contract has to name.
    "PUT /things/{id} 200.name: has to be there always": drop(*THING, "required"),
    "PUT /things/{id} 404.error: missing": drop("components", "schemas", "Problem", "properties", "error"),
    "PUT /things/{id} 200.name: anything is sent where the type is string": put(*NAME, to={}),
    "PUT /things/{id} 200.size: number is sent where": put(*THING, "properties", "size", "type", to="number"),
    "PUT /things/{id} 200.size: minimum is 0, not -1.0": put(*THING, "properties", "size", "minimum", to=-1),
    "PUT /things/{id} 200.colour: 'green' is not": put(
        *THING, "properties", "colour", "enum", to=["red", "blue", "green"]
    ),
    "PUT /things/{id} 200.parts[]": put(*THING, "properties", "parts", "items", to={"type": "string"}),
    "PUT /things/{id} 200.extra.*: integer is sent where": put(
        *THING, "properties", "extra", "additionalProperties", to={"type": "integer"}
    ),
    "PUT /things/{id} 200.shape: object is sent where": put(
        "components", "schemas", "Round", "properties", "type", to={"enum": ["round", "flat"]}
    ),
    "PUT /things/{id} 200.name: the comparison does not know if": put(*NAME, "if", to={}),
}  # fmt: skip


@pytest.mark.parametrize("problem", BREAKS)
def test_a_break_is_seen(problem: str) -> None:
    found = problems(BREAKS[problem])
    assert any(each.startswith(problem) for each in found), found


WIDER: dict[str, Change] = {
    "one more path": put("paths", "/more", to={"get": {"operationId": "more", "responses": {}}}),
    "one more status": put(*OPERATION, "responses", "503", to={}),
    "one more field": put(*THING, "properties", "more", to={"type": "string"}),
    "a query parameter that may be left out": lambda document: at(document, *OPERATION, "parameters").append(
        {"in": "query", "name": "q", "schema": {"type": "string"}}
    ),
    "a body that may be left out": put(*OPERATION, "requestBody", "required", to=False),
    "words": put(*NAME, "description", to="What it is called."),
    "the same by another way": put(
        *THING, "properties", "colour", to={"allOf": [{"oneOf": [{"const": "red"}, {"const": "blue"}]}, {"title": "C"}]}
    ),
}


@pytest.mark.parametrize("change", WIDER)
def test_what_a_client_does_not_notice_is_no_break(change: str) -> None:
    assert problems(WIDER[change]) == []


def test_the_real_contract_cannot_lose_any_operation_or_required_field_of_an_answer() -> None:
    for path, operations in contract()["paths"].items():
        for method in operations:
            less = deepcopy(contract())
            del less["paths"][path][method]
            assert Comparison(less, contract()).problems() == [f"{method.upper()} {path}: missing"]
    for name, place in (("projectDir", "ProjectInfo"), ("stopReason", "AssistantMessage"), ("createdAt", "SessionRow")):
        less = deepcopy(contract())
        less["components"]["schemas"][place]["required"].remove(name)
        assert any(
            each.endswith(f".{name}: has to be there always") for each in Comparison(less, contract()).problems()
        )
