"""Whether one OpenAPI document keeps what another promises: a client of the one can talk to the other."""

from collections.abc import Iterator
from typing import Any, Literal

from tests.contract.inclusion import Document, Inclusion, resolved

METHODS = ("get", "put", "post", "patch", "delete")


class Comparison:
    """``problems`` names each promise of ``contract`` that ``ours`` does not keep."""

    def __init__(self, ours: Document, contract: Document) -> None:
        self._ours = ours
        self._contract = contract
        self._taken = self._inclusion("request")
        self._sent = self._inclusion("response")

    def problems(self) -> list[str]:
        return list(dict.fromkeys(self._problems()))

    def component(self, our_name: str, their_name: str, direction: Literal["request", "response"]) -> list[str]:
        """The problems of one schema of ours against one of the contract."""
        ours, theirs = ({"$ref": f"#/components/schemas/{name}"} for name in (our_name, their_name))
        return self._inclusion(direction).problems(ours, theirs, our_name)

    def _inclusion(self, direction: Literal["request", "response"]) -> Inclusion:
        return Inclusion(ours=self._ours, contract=self._contract, direction=direction)

    def _problems(self) -> Iterator[str]:
        for path, operations in self._contract["paths"].items():
            for method, promised in operations.items():
                assert method in METHODS, f"the comparison does not know {method}"
                name = f"{method.upper()} {path}"
                offered = self._ours["paths"].get(path, {}).get(method)
                if offered is None:
                    yield f"{name}: missing"
                else:
                    yield from self._operation(offered, promised, name)

    def _operation(self, offered: Document, promised: Document, name: str) -> Iterator[str]:
        if offered["operationId"] != promised["operationId"]:
            yield f"{name}: is {offered['operationId']}, not {promised['operationId']}"
        yield from self._parameters(offered, promised, name)
        yield from self._body(offered.get("requestBody"), promised.get("requestBody"), name)
        yield from self._responses(offered["responses"], promised["responses"], name)

    def _parameters(self, offered: Document, promised: Document, name: str) -> Iterator[str]:
        ours, theirs = _parameters(offered, self._ours), _parameters(promised, self._contract)
        for key, each in theirs.items():
            where = f"{name} {' '.join(key)}"
            if key not in ours:
                yield f"{where}: missing"
            else:
                yield from self._taken.problems(ours[key]["schema"], each["schema"], where)
        for key, each in ours.items():
            if each.get("required") and not theirs.get(key, {}).get("required"):
                yield f"{name} {' '.join(key)}: is required"

    def _body(self, offered: Document | None, promised: Document | None, name: str) -> Iterator[str]:
        if offered is not None and offered.get("required") and not (promised or {}).get("required"):
            yield f"{name}: a body is required"
        if promised is None:
            return
        for kind, content in promised["content"].items():
            if kind not in (offered or {}).get("content", {}):
                yield f"{name}: takes no {kind}"
            else:
                assert offered is not None
                yield from self._taken.problems(offered["content"][kind]["schema"], content["schema"], f"{name} body")

    def _responses(self, offered: Document, promised: Document, name: str) -> Iterator[str]:
        yield from (
            f"{name} {status}: a success that nobody expects"
            for status in offered
            if status.startswith("2") and status not in promised
        )
        for status, response in promised.items():
            contents = offered.get(status, {}).get("content", {})
            for kind, content in response.get("content", {}).items():
                where = f"{name} {status}"
                if "schema" not in contents.get(kind, {}):
                    yield f"{where}: {kind} is not declared"
                else:
                    yield from self._sent.problems(contents[kind]["schema"], content["schema"], where)


def _parameters(operation: Document, document: Document) -> dict[tuple[str, str], Any]:
    found = [resolved(each, document) for each in operation.get("parameters", [])]
    return {(each["in"], each["name"]): each for each in found}
