"""What schemathesis is kept from, and led to. It loads this module by name; see ``test_fuzz``."""

import io
import json
import zipfile
from itertools import cycle
from pathlib import Path
from typing import Any

import schemathesis

NOWHERE = "http://127.0.0.1:9/v1"
"""Nothing listens there: no model is ever asked over the network."""

TARGET: dict[str, str] = json.loads(Path("target.json").read_text())
"""``projectId`` and ``id`` of a session that is there."""


LED = cycle((True, True, False))


@schemathesis.serializer("application/x-ndjson")
def lines(_context: object, value: object) -> bytes:
    return value.encode(errors="replace") if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.serializer("application/zip")
def archive(_context: object, value: object) -> bytes:
    """An archive with the text as a name, unless it is too long for one; else the bytes as they are."""
    data = value if isinstance(value, bytes) else str(value).encode(errors="replace")
    name = data.decode(errors="replace")
    if len(data) % 3 == 0 or len(data) > 60_000:
        return data
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as target:
        target.writestr(name, data)
    return made.getvalue()


@schemathesis.hook
def before_call(_context: object, case: Any, _kwargs: object) -> None:  # noqa: ANN401  it has no public type
    """Two of three cases get a session that is there. It finds out the name of that, too, and shall not delete it."""
    _harmless(case)
    given = case.path_parameters or {}
    if case.method == "DELETE":
        if given.get("id") in TARGET.values():
            case.path_parameters = {**given, "id": "gone"}
    elif "projectId" in given and next(LED):
        case.path_parameters = {**given, **{name: value for name, value in TARGET.items() if name in given}}


def _harmless(case: Any) -> None:  # noqa: ANN401
    """No prompt runs a command, and no added provider is anywhere."""
    body = case.body
    if not isinstance(body, dict):
        return
    text, address = body.get("text"), body.get("baseUrl")
    if isinstance(text, str) and text:
        case.body = {**body, "text": f"say: {text}"}
    if isinstance(address, str) and address.startswith("http"):
        case.body = {**body, "baseUrl": NOWHERE}
