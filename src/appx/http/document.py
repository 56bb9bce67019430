"""The OpenAPI document: what FastAPI derives from the routes, and what holds for all of them."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter
from typing_extensions import override

from appx.http.auth import COOKIE, GUARDED
from appx.http.bodies import ErrorResponse
from appx.http.event_shapes import WireEvent
from appx.http.wire import Json

SCHEMAS = "#/components/schemas/"
EVENTS = "text/event-stream"

MEANINGS = {
    400: "The request is malformed, or asks for what cannot be.",
    401: "There is no token, or a wrong one.",
    403: "A change with a login cookie, and not from appx's own pages.",
    404: "Something that the path names does not exist.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    414: "The address of the request is too long.",
    429: "Too many wrong tokens, cookies or login codes came from this address. `Retry-After` says how long to wait.",
    503: "The server is stopping, or a part that it needs does not answer. Try again later.",
    507: "The disk is full. Nothing was changed.",
}

SECURITY: Json = {
    "token": {"type": "http", "scheme": "bearer", "description": "The server's token."},
    "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "What a login link sets."},
}


class DocumentedApp(FastAPI):
    """Declares once, for every operation, how to authenticate and which errors to expect."""

    @override
    def openapi(self) -> Json:
        if self.openapi_schema is None:
            _complete(super().openapi())
        assert self.openapi_schema is not None
        return self.openapi_schema


def _complete(document: Json) -> None:
    components = document["components"]
    components["securitySchemes"] = SECURITY
    for each in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(each, None)
    for shape in (ErrorResponse, WireEvent):
        components["schemas"] |= _schemas(shape)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path.startswith(GUARDED):
                operation["security"] = [{name: []} for name in SECURITY]
            _declare(operation, list(_errors(path, method, operation)))


def _schemas(shape: Any) -> Json:  # noqa: ANN401  a type, or an alias of one
    """The components of ``shape``: itself and what it refers to, each by its name."""
    found: Json = TypeAdapter(shape).json_schema(mode="serialization", ref_template=SCHEMAS + "{model}")
    inner: Json = found.pop("$defs", {})
    return inner if "$ref" in found else inner | {shape.__name__: found}


def _errors(path: str, method: str, operation: Json) -> Iterator[int]:
    """What can go wrong wherever it is asked for; a route declares only what is its own."""
    changes = method != "get"
    if "parameters" in operation or "requestBody" in operation:
        yield 400
    if "parameters" in operation:
        yield 414
    if "{" in path:
        yield 404
    if path.startswith(GUARDED):
        yield from (401, 429, 503)
    if changes:
        yield from (403, 408, 413, 507)


def _declare(operation: Json, errors: list[int]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)  # FastAPI's; ours is a 400
    for status in errors:
        body = {"application/json": {"schema": {"$ref": f"{SCHEMAS}{ErrorResponse.__name__}"}}}
        responses.setdefault(str(status), {"description": MEANINGS[status], "content": body})
    operation["responses"] = dict(sorted(responses.items()))
    stream = responses.get("200", {}).get("content", {}).get(EVENTS)
    if stream is not None and not stream:
        stream["schema"] = {"$ref": f"{SCHEMAS}{WireEvent.__name__}"}
