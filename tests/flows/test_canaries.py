"""Keys are configured and stored, every operation is asked in every odd way, and no answer has a key in it."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import httpx2
import pytest

import appx.models.ask  # noqa: F401  loads the providers' libraries now, so that no turn waits for them
from tests.fakes.openai_server import Server, Step
from tests.flows.api import TOKEN, Api, serving

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

CANARY = "sk-canary-0123456789abcdef"
NOWHERE = "http://127.0.0.1:9/v1"
"""Nothing listens there."""

KEYS = {
    name: f"{CANARY}-{name.lower()}"
    for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "LITELLM_API_KEY")
}
WHERE = {"ANTHROPIC_BASE_URL": NOWHERE, "OPENAI_BASE_URL": NOWHERE, "LITELLM_DEFAULT_MODEL": "litellm/openai/gpt-5.5"}
REPEATS_THE_KEY: Step = {
    "status": 401,
    "error": {"error": {"message": f"Incorrect API key: {KEYS['LITELLM_API_KEY']}."}},
}
VALUES = ("../../../etc/passwd", "%00", "anthropic")
"""For what a path has in braces, besides what is there."""

BODIES: tuple[bytes, ...] = (
    b"",
    b"{",
    b"[]",
    b"\xff\xfe",
    json.dumps({"key": {"key": f"{CANARY}-mine"}, "apiKey": [f"{CANARY}-mine"], "text": 5, "name": None}).encode(),
    json.dumps({"key": f"{CANARY}-mine", "surprise": f"{CANARY}-mine", "baseUrl": f"{CANARY}-mine"}).encode(),
)
ENDLESS = "/events"


async def test_no_answer_to_whatever_is_asked_has_a_key(tmp_path: Path) -> None:
    given = {**KEYS, **WHERE}
    with Server([REPEATS_THE_KEY]) as provider:
        async with serving(tmp_path / "workspace", **given, LITELLM_BASE_URL=provider.url) as api:
            await asks_everything(api)
    for file in (tmp_path / "workspace").rglob("*"):
        if file.is_file() and file.name != "credentials.json":
            assert CANARY.encode() not in file.read_bytes(), file


async def asks_everything(api: Api) -> None:
    stored = {"key": f"{CANARY}-stored"}
    await api.ok("PUT", "/v1/auth/providers/anthropic/api-key", stored)
    there = await a_failed_turn(api)
    seen: set[int] = set()
    document = (await api.http.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        first, *others = places(path, there)
        asked = [*product(operations, [first], BODIES), *product(operations, others, BODIES[-1:])]
        for method, place, body in asked:
            if method != "get" or body == BODIES[-1]:
                answer = await ask(api, method, place, body)
                seen.add(answer.status_code)
                assert_no_key(answer, f"{method} {place}")
    assert {200, 400, 404} <= seen


async def a_failed_turn(api: Api) -> dict[str, str]:
    """Of a provider that refuses the key and repeats it: what is told about it is stored and shown."""
    session = await api.session()
    ended = await api.turn(session, "hello")
    assert CANARY not in json.dumps(ended)
    _, _, _, project, _, session_id = session.split("/")
    return {"projectId": project, "id": session_id}


def places(path: str, there: dict[str, str]) -> list[str]:
    """The path with what is there, and with each of ``VALUES``."""
    if "{" not in path:
        return [path]
    return [filled(path, there, "x"), *(filled(path, {}, value) for value in VALUES)]


def filled(path: str, names: dict[str, str], other: str) -> str:
    parts = path.split("/")
    return "/".join(names.get(part[1:-1], other) if part.startswith("{") else part for part in parts)


async def ask(api: Api, method: str, place: str, body: bytes) -> httpx2.Response:
    """DELETE is asked of nothing that is there: the others go on with it. Streams without an end are left at once."""
    headers = {"Content-Type": "application/json"}
    if method == "delete":
        place = place.replace("/demo", "/gone")
    if place.endswith(ENDLESS):
        async with api.http.stream(method, place, headers=headers) as answer:
            if answer.status_code != 200:
                await answer.aread()
            return answer
    return await api.http.request(method, place, content=body, headers=headers)


def assert_no_key(answer: httpx2.Response, asked: str) -> None:
    told: list[Any] = [dict(answer.headers)]
    if answer.is_stream_consumed:
        told.append(answer.content.decode(errors="replace"))
    assert CANARY not in str(told), asked
    assert TOKEN not in str(told), asked
