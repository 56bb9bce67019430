"""Models, providers, keys and the settings of a session, over HTTP."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.contract.schema import check
from tests.flows.api import Api, serving

pytestmark = pytest.mark.anyio

KEY = "sk-canary-0123456789"
CUSTOM = {
    "provider": "my-server",
    "name": "My server",
    "baseUrl": "http://127.0.0.1:9/v1",
    "api": "openai-completions",
    "apiKey": KEY,
    "models": [
        {"id": "small", "contextWindow": 8_000},
        {"id": "clever", "reasoning": True, "input": ["text", "image"]},
    ],
}


async def models(api: Api) -> list[dict[str, Any]]:
    found = await api.ok("GET", "/v1/sessions/models")
    check(found, "ListModelsResponse")
    rows: list[dict[str, Any]] = found["models"]
    return rows


async def provider(api: Api, name: str) -> dict[str, Any]:
    found = await api.ok("GET", "/v1/auth/providers")
    check(found, "ListAuthProvidersResponse")
    row: dict[str, Any] = next(row for row in found["providers"] if row["provider"] == name)
    return row


async def settings(api: Api, session: str) -> dict[str, Any]:
    found = await api.ok("GET", f"{session}/settings")
    check(found, "SessionModelSettingsResponse")
    assert isinstance(found, dict)
    return found


async def test_without_a_key_only_the_demo_is_available(api: Api) -> None:
    rows = await models(api)
    assert [row["id"] for row in rows if row["available"]] == ["demo"]
    assert {"anthropic", "openai", "google", "scripted"} <= {row["provider"] for row in rows}
    assert (await settings(api, await api.session()))["model"]["id"] == "demo"


async def test_a_key_makes_models_available_at_once_and_is_never_shown(api: Api, tmp_path: Path) -> None:
    assert await provider(api, "anthropic") | {"modelCount": 0} == {
        "provider": "anthropic", "name": "Anthropic", "configured": False,
        "supportsApiKey": True, "supportsSubscription": False, "modelCount": 0, "availableModelCount": 0,
    }  # fmt: skip
    assert await api.ok("PUT", "/v1/auth/providers/anthropic/api-key", {"key": f"  {KEY}\n"}) == {"ok": True}
    row = await provider(api, "anthropic")
    assert (row["configured"], row["source"], row["availableModelCount"]) == (True, "stored", row["modelCount"])
    assert (await settings(api, await api.session()))["model"]["provider"] == "anthropic", "a new default"

    file = tmp_path / "workspace/.pi-global/credentials.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text())["anthropic"]["key"] == KEY
    for path in ("/v1/auth/providers", "/v1/sessions/models", "/v1/custom/providers"):
        assert KEY not in (await api.http.get(path)).text

    assert await api.ok("DELETE", "/v1/auth/providers/anthropic") == {"ok": True}
    assert await api.ok("DELETE", "/v1/auth/providers/anthropic") == {"ok": True}
    assert not (await provider(api, "anthropic"))["configured"]


async def test_a_key_of_the_environment_is_told_as_such(tmp_path: Path) -> None:
    async with serving(tmp_path, GEMINI_API_KEY=KEY) as api:
        assert (await provider(api, "google"))["source"] == "environment"
        await api.ok("PUT", "/v1/auth/providers/google/api-key", {"key": "another-key-0123"})
        assert (await provider(api, "google"))["source"] == "stored"
        await api.ok("DELETE", "/v1/auth/providers/google")
        assert (await provider(api, "google"))["source"] == "environment"


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("nobody", {"key": KEY}),
        ("scripted", {"key": KEY}),
        ("anthropic", {"key": ""}),
        ("anthropic", {"key": "two words"}),
        ("anthropic", {"key": "ünïcode"}),
        ("anthropic", {"key": "x" * 9_000}),
        ("anthropic", {"key": 7}),
        ("anthropic", {}),
        ("a b", {"key": KEY}),
    ],
)
async def test_what_cannot_be_a_key_is_refused_without_repeating_it(api: Api, name: str, body: dict[str, Any]) -> None:
    status, answer = await api.call("PUT", f"/v1/auth/providers/{name}/api-key", body)
    assert status == 400
    check(answer, "ErrorResponse")
    assert str(body.get("key") or "no key") not in answer["error"]


async def test_a_provider_can_be_added_changed_and_removed(api: Api) -> None:
    row = await api.ok("PUT", "/v1/custom/providers", CUSTOM)
    check(row, "CustomProviderRow")
    assert (row["apiKeyConfigured"], row["modelCount"], row["name"]) == (True, 2, "My server")
    listed = await api.ok("GET", "/v1/custom/providers")
    check(listed, "ListCustomProvidersResponse")
    assert listed == {"providers": [row]}
    mine = [each for each in await models(api) if each["provider"] == "my-server"]
    assert [(each["id"], each["available"]) for each in mine] == [("small", True), ("clever", True)]

    changed = await api.ok(
        "PUT", "/v1/custom/providers", {k: v for k, v in CUSTOM.items() if k != "apiKey"} | {"name": "M"}
    )
    assert (changed["apiKeyConfigured"], changed["name"]) == (True, "M")
    assert await api.ok("DELETE", "/v1/custom/providers/my-server") == {"ok": True}
    assert await api.ok("GET", "/v1/custom/providers") == {"providers": []}
    assert [each for each in await models(api) if each["provider"] == "my-server"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "a b"}, {"provider": ""}, {"baseUrl": "nowhere"}, {"baseUrl": "file:///etc/passwd"},
        {"api": "telepathy"},
        {"models": []}, {"models": [{}]}, {"models": [{"id": "x"}, {"id": "x"}]}, {"apiKey": "two words"},
        {"models": [{"id": "x", "contextWindow": 0}]},
    ],
)  # fmt: skip
async def test_a_provider_that_cannot_be_is_refused_and_nothing_is_stored(api: Api, change: dict[str, Any]) -> None:
    status, answer = await api.call("PUT", "/v1/custom/providers", CUSTOM | change)
    assert status == 400, answer
    check(answer, "ErrorResponse")
    assert KEY not in answer["error"]
    assert await api.ok("GET", "/v1/custom/providers") == {"providers": []}


async def test_a_provider_of_ours_cannot_be_replaced(api: Api) -> None:
    status, answer = await api.call("PUT", "/v1/custom/providers", CUSTOM | {"provider": "anthropic"})
    assert (status, "anthropic" in answer["error"]) == (400, True)


async def test_a_session_keeps_its_model_and_level(tmp_path: Path) -> None:
    async with serving(tmp_path, ANTHROPIC_API_KEY=KEY) as api:
        session = await api.session()
        chosen = {"provider": "anthropic", "modelId": "claude-haiku-4-5", "thinkingLevel": "xhigh"}
        found = await api.ok("PATCH", f"{session}/settings", chosen)
        check(found, "SessionModelSettingsResponse")
        assert (found["model"]["id"], found["thinkingLevel"]) == ("claude-haiku-4-5", "high"), "clamped"
        assert found["thinkingLevel"] in found["availableThinkingLevels"]
    async with serving(tmp_path, ANTHROPIC_API_KEY=KEY) as api:
        assert await settings(api, session) == found
        off = await api.ok("PATCH", f"{session}/settings", {"thinkingLevel": "off"})
        assert (off["model"]["id"], off["thinkingLevel"]) == ("claude-haiku-4-5", "off")
        demo = await api.ok("PATCH", f"{session}/settings", {"provider": "scripted", "modelId": "demo"})
        assert (demo["supportsThinking"], demo["availableThinkingLevels"]) == (False, ["off"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"provider": "anthropic"}, 400),
        ({"modelId": "demo"}, 400),
        ({"thinkingLevel": "enormous"}, 400),
        ({"provider": "anthropic", "modelId": "none"}, 404),
        ({"provider": "none", "modelId": "demo"}, 404),
        ({}, 200),
    ],
)
async def test_settings_come_together_or_not_at_all(api: Api, body: dict[str, str], status: int) -> None:
    session = await api.session()
    before = await settings(api, session)
    assert (await api.call("PATCH", f"{session}/settings", body))[0] == status
    assert await settings(api, session) == before


async def test_settings_cannot_change_while_a_turn_runs(api: Api) -> None:
    session = await api.session()
    async with api.events(session) as reader:
        await api.prompt(session, "ask: wait?")
        await reader.until("extension_ui_request")
        assert (await settings(api, session))["isStreaming"]
        status, answer = await api.call("PATCH", f"{session}/settings", {"thinkingLevel": "off"})
        assert (status, "running" in answer["error"]) == (409, True)
        await api.ok("POST", f"{session}/abort")
    assert not (await settings(api, session))["isStreaming"]


async def test_a_model_that_is_gone_is_said_and_another_can_be_chosen(api: Api) -> None:
    await api.ok("PUT", "/v1/custom/providers", CUSTOM)
    session = await api.session()
    await api.ok("PATCH", f"{session}/settings", {"provider": "my-server", "modelId": "small"})
    await api.ok("DELETE", "/v1/custom/providers/my-server")
    assert (await settings(api, session))["model"] is None
    told = await api.turn(session, "say: hi")
    assert (told[-1]["outcome"], "no longer there" in told[-1]["detail"]) == ("failed", True)
    await api.ok("PATCH", f"{session}/settings", {"provider": "scripted", "modelId": "demo"})
    assert (await api.turn(session, "say: hi"))[-1]["outcome"] == "done"
