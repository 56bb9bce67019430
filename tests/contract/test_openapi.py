"""Our OpenAPI document against the contract's: a client of the contract can talk to appx."""

import json
from typing import Any, Literal

import pytest

from appx.http.app import openapi_document
from tests.contract.compare import METHODS, Comparison
from tests.contract.schema import contract

OURS: dict[str, Any] = json.loads(openapi_document())

SESSION = "/v1/projects/{projectId}/sessions/{id}"

LIMITS = {
    "POST /v1/projects body.deployment.dev.url: maxLength is 2000, not None",
    f"POST {SESSION}/extension-ui/{{requestId}}/response body.value: maxLength is 200000, not None",
    f"POST {SESSION}/prompt body.text: maxLength is 1e+06, not None",
}
"""Where we take less than the contract does, on purpose: it knows no limits, and memory has some."""

RENAMED = {
    "ToolResultMessageany": "ToolResultMessage",
    "ToolResultMessageany_o1": "ToolResultMessage",
    "CustomMessageunknown": "CustomMessage",
    "CompactionResultunknown": "CompactionResult",
}
"""Names that the contract's generator made out of generic types."""

INLINE = {"Api", "Recordstringany", "Recordstringunknown"}
"""No types of their own with us: a string, and objects with anything in them."""


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return Comparison(OURS, contract())


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, found) for path, each in OURS["paths"].items() for method, found in each.items()]


def test_all_that_the_contract_promises_is_there(comparison: Comparison) -> None:
    assert set(comparison.problems()) - LIMITS == set()


def test_each_limit_of_ours_is_still_one(comparison: Comparison) -> None:
    assert set(comparison.problems()) >= LIMITS


def test_each_type_of_the_contract_has_its_name_with_us() -> None:
    promised = {RENAMED.get(name, name) for name in contract()["components"]["schemas"]} - INLINE
    assert promised - OURS["components"]["schemas"].keys() == set()


@pytest.mark.parametrize("direction", ["request", "response"])
@pytest.mark.parametrize("name", ["WireEvent", "AgentMessage", "ExtensionUiRequest", "AssistantMessageEvent"])
def test_messages_and_events_are_the_same_types_both_ways(
    comparison: Comparison, name: str, direction: Literal["request", "response"]
) -> None:
    """So a client that names each of them compiles against either document."""
    assert comparison.component(name, name, direction) == []


def test_every_reference_leads_somewhere_and_nothing_is_left_over() -> None:
    text = json.dumps(OURS)
    named = {f"#/components/schemas/{name}" for name in OURS["components"]["schemas"]}
    used = {part.split('"')[0] for part in text.split('"$ref": "')[1:]}
    assert used - named == set()
    assert named - used == set()


def test_operations_have_names_of_their_own() -> None:
    names = [found["operationId"] for _, _, found in operations()]
    assert len(set(names)) == len(names)
    assert {method for _, method, _ in operations()} <= set(METHODS)


def test_every_operation_declares_how_to_authenticate_and_that_one_has_to() -> None:
    for path, _, found in operations():
        assert path.startswith("/v1/")
        assert found["security"] == [{"token": []}, {"cookie": []}]
        assert {"401", "429", "503"} <= found["responses"].keys()


def test_every_operation_declares_the_errors_that_its_kind_has() -> None:
    for path, method, found in operations():
        declared = found["responses"].keys()
        assert "422" not in declared
        assert ("404" in declared) == ("{" in path), path
        assert ({"403", "408", "413", "507"} <= declared) == (method != "get"), path
        assert ("414" in declared) == ("parameters" in found), path
        assert "requestBody" not in found or "400" in declared


def test_every_error_is_a_sentence() -> None:
    sentence = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}}
    for path, method, found in operations():
        for status, response in found["responses"].items():
            if not status.startswith("2") and status != "304" and (path, status) != ("/v1/readyz", "503"):
                assert response["content"] == sentence, (method, path, status)
                assert len(response["description"]) > 10
