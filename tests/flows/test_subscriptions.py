"""Logging in at a provider in place of setting a key, over HTTP: an OAuth server that checks, a model that listens."""

import json
import logging
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import anyio
import anyio.to_thread
import pytest

from appx.domain.errors import Misconfigured
from tests.contract.schema import check
from tests.fakes import oauth_server, openai_server
from tests.fakes.oauth_server import Rules, visit
from tests.flows.api import Api, serving
from tests.flows.test_choices import provider

pytestmark = pytest.mark.anyio

START = "/v1/auth/providers/litellm/subscription/start"
KEY = "key-of-the-environment"


@asynccontextmanager
async def serving_with_login(folder: Path, rules: Rules | None = None, **more: str) -> AsyncIterator["Desk"]:
    """A server with the provider ``litellm``, at which people log in."""
    with oauth_server.Server(rules) as oauth, openai_server.Server([{"text": "Hello."}]) as model:
        logins = folder / "logins.json"
        logins.write_text(json.dumps({"litellm": {**oauth.login, "name": "The gateway"}, "later": oauth.login}))
        variables = {"LITELLM_BASE_URL": model.url, "LITELLM_DEFAULT_MODEL": "gpt-5.5"}
        async with serving(folder / "workspace", APPX_LOGINS_PATH=str(logins), **variables, **more) as api:
            yield Desk(api, oauth, model, folder / "workspace/.pi-global/credentials.json")


class Desk:
    def __init__(self, api: Api, oauth: oauth_server.Server, model: openai_server.Server, file: Path) -> None:
        self.api = api
        self.oauth = oauth
        self.model = model
        self.file = file

    async def flow(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        found = await self.api.ok(method, path, body)
        check(found, "OAuthFlowState")
        assert isinstance(found, dict)
        return found

    async def start(self) -> str:
        """The path of a new login."""
        return f"/v1/auth/subscription/{(await self.flow('POST', START))['id']}"

    async def back(self, flow: str) -> str:
        return visit((await self.flow("GET", flow))["authUrl"])

    async def log_in(self) -> None:
        flow = await self.start()
        done = await self.flow("POST", f"{flow}/continue", {"value": await self.back(flow)})
        assert done["status"] == "complete", done

    @property
    def sent(self) -> list[str]:
        """How the model was asked, each time."""
        return [asked.headers["authorization"] for asked in self.model.asked]


async def test_a_person_logs_in_and_the_model_is_asked_with_the_token(tmp_path: Path) -> None:
    async with serving_with_login(tmp_path) as desk:
        row = await provider(desk.api, "litellm")
        assert (row["configured"], row["supportsSubscription"], "credentialType" in row) == (False, True, False)
        begun = await desk.flow("POST", START)
        assert {"id", "expiresAt"} <= begun.keys()
        assert begun["status"] == "auth"
        assert begun["providerName"] == "The gateway"
        assert begun["authUrl"].startswith(f"{desk.oauth.url}/authorize?audience=models&")
        assert begun["prompt"]["placeholder"].startswith("http://localhost:1/callback?")
        assert "log in" in begun["instructions"]

        flow = f"/v1/auth/subscription/{begun['id']}"
        done = await desk.flow("POST", f"{flow}/continue", {"value": f" {await desk.back(flow)}\n"})
        assert (done["status"], done["progress"][-1]) == ("complete", "You are logged in.")
        assert {"authUrl", "prompt", "instructions", "error"} & done.keys() == set()
        assert await desk.flow("GET", flow) == done

        row = await provider(desk.api, "litellm")
        assert (row["configured"], row["credentialType"], row["source"]) == (True, "oauth", "stored")
        assert stat.S_IMODE(desk.file.stat().st_mode) == 0o600
        assert json.loads(desk.file.read_bytes())["litellm"].keys() == {"type", "access", "refresh", "expires"}

        told = await desk.api.turn(await desk.api.session(), "hello")
        assert told[-1]["outcome"] == "done"
        assert desk.sent == [f"Bearer {desk.oauth.access[0]}"]


async def test_a_bare_code_will_do_too(tmp_path: Path) -> None:
    async with serving_with_login(tmp_path) as desk:
        flow = await desk.start()
        code = dict(parse_qsl((await desk.back(flow)).partition("?")[2]))["code"]
        assert (await desk.flow("POST", f"{flow}/continue", {"value": code}))["status"] == "complete"


async def test_a_login_outlives_the_server_and_is_forgotten_on_demand(tmp_path: Path) -> None:
    async with serving_with_login(tmp_path, LITELLM_API_KEY=KEY) as desk:
        row = await provider(desk.api, "litellm")
        assert (row["credentialType"], row["source"]) == ("api_key", "environment")
        await desk.log_in()
    async with serving_with_login(tmp_path, LITELLM_API_KEY=KEY) as desk:
        assert (await provider(desk.api, "litellm"))["credentialType"] == "oauth"
        await desk.api.turn(await desk.api.session(), "hello")
        assert await desk.api.ok("DELETE", "/v1/auth/providers/litellm") == {"ok": True}
        assert "oauth" not in desk.file.read_text()
        row = await provider(desk.api, "litellm")
        assert (row["credentialType"], row["source"]) == ("api_key", "environment")
        await desk.api.turn(await desk.api.session("other"), "hello")
        assert desk.sent[-1] == f"Bearer {KEY}"
        assert desk.sent[0] != desk.sent[-1]


async def test_a_token_is_renewed_before_it_expires(tmp_path: Path) -> None:
    async with serving_with_login(tmp_path, Rules(lifetime=30)) as desk:
        await desk.log_in()
        session = await desk.api.session()
        for _ in range(3):
            assert (await desk.api.turn(session, "hello"))[-1]["outcome"] == "done"
        assert desk.sent == [f"Bearer {token}" for token in desk.oauth.access[1:]]
        assert len({*desk.sent}) == 3


async def test_many_sessions_at_once_share_one_renewal(tmp_path: Path) -> None:
    async with serving_with_login(tmp_path, Rules(lifetime=0)) as desk:
        await desk.log_in()
        desk.oauth.rules.lifetime, desk.oauth.rules.delay = 3_600, 0.5
        sessions = [await desk.api.session(f"project {number}") for number in range(8)]
        async with anyio.create_task_group() as tasks:
            for session in sessions:
                tasks.start_soon(desk.api.turn, session, "hello")
        assert desk.sent == [f"Bearer {desk.oauth.access[1]}"] * 8
        assert len(desk.oauth.asked) == 2


async def test_a_login_that_is_no_longer_accepted_ends_the_turn_with_a_sentence(tmp_path: Path) -> None:
    async with serving_with_login(tmp_path, Rules(lifetime=0)) as desk:
        await desk.log_in()
        desk.oauth.state.refresh.clear()
        told = await desk.api.turn(await desk.api.session(), "hello")
        assert told[-1]["outcome"] == "failed"
        assert "Log in again" in told[-1]["detail"]
        assert "auto_retry_start" not in [event["type"] for event in told]
        assert desk.model.asked == []
        desk.oauth.rules.lifetime = 3_600
        await desk.log_in()
        assert (await desk.api.turn(await desk.api.session("other"), "hello"))[-1]["outcome"] == "done"


async def test_wrong_input_is_a_400_and_the_login_still_waits(tmp_path: Path) -> None:
    async with serving_with_login(tmp_path) as desk:
        flow = await desk.start()
        back = await desk.back(flow)
        wrong: list[object] = [
            {"value": ""}, {"value": "two words"}, {"value": back.replace("state=", "state=x")}, {"value": 7}, {}, [],
        ]  # fmt: skip
        for body in wrong:
            status, found = await desk.api.call("POST", f"{flow}/continue", body)
            assert status == 400, found
            check(found, "ErrorResponse")
            assert (await desk.flow("GET", flow))["status"] == "auth"
        assert (await desk.flow("POST", f"{flow}/continue", {"value": back}))["status"] == "complete"
        assert (await desk.api.call("POST", f"{flow}/continue", {"value": back}))[0] == 400


async def test_what_the_oauth_server_refuses_is_told(tmp_path: Path) -> None:
    async with serving_with_login(tmp_path) as desk:
        flow = await desk.start()
        ended = await desk.flow("POST", f"{flow}/continue", {"value": "no-such-code"})
        assert (ended["status"], "invalid_grant" in ended["error"]) == ("error", True)
        assert not (await provider(desk.api, "litellm"))["configured"]


async def test_a_login_can_be_cancelled_also_while_the_oauth_server_is_asked(tmp_path: Path) -> None:
    async with serving_with_login(tmp_path, Rules(delay=30)) as desk:
        flow = await desk.start()
        body = {"value": await desk.back(flow)}
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(desk.flow, "POST", f"{flow}/continue", body)
            assert await anyio.to_thread.run_sync(desk.oauth.wait_asked)
            assert (await desk.flow("GET", flow))["status"] == "waiting"
            assert (await desk.flow("DELETE", flow))["status"] == "cancelled"
        assert (await desk.flow("DELETE", flow))["status"] == "cancelled"
        assert not (await provider(desk.api, "litellm"))["configured"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "none"), ("DELETE", "none"), ("POST", "none/continue"), ("GET", "a%2Fb")]
)
async def test_an_unknown_login_is_a_404(api: Api, method: str, path: str) -> None:
    status, found = await api.call(method, f"/v1/auth/subscription/{path}", {"value": "code"})
    assert status == 404
    check(found, "ErrorResponse")


@pytest.mark.parametrize("name", ["anthropic", "openai", "google", "scripted", "unheard-of", "a b"])
async def test_without_a_configured_login_there_is_a_400_that_says_what_to_do(api: Api, name: str) -> None:
    status, found = await api.call("POST", f"/v1/auth/providers/{name}/subscription/start")
    assert status == 400
    check(found, "ErrorResponse")
    if name in {"anthropic", "openai", "google"}:
        assert "Set an API key" in found["error"]
        assert "APPX_LOGINS_PATH" in found["error"]


async def test_a_provider_that_somebody_adds_can_have_a_login(tmp_path: Path) -> None:
    async with serving_with_login(tmp_path) as desk:
        start = "/v1/auth/providers/later/subscription/start"
        assert (await desk.api.call("POST", start))[0] == 400
        custom = {"provider": "later", "baseUrl": desk.model.url, "api": "openai-completions", "models": [{"id": "m"}]}
        await desk.api.ok("PUT", "/v1/custom/providers", custom)
        flow = f"/v1/auth/subscription/{(await desk.flow('POST', start))['id']}"
        await desk.flow("POST", f"{flow}/continue", {"value": await desk.back(flow)})
        row = await provider(desk.api, "later")
        assert (row["credentialType"], row["availableModelCount"]) == ("oauth", 1)
        await desk.api.ok("DELETE", "/v1/custom/providers/later")
        assert "later" not in desk.file.read_text()


async def test_a_file_of_logins_that_cannot_work_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "logins.json").write_text("{")
    with pytest.raises(Misconfigured, match="APPX_LOGINS_PATH"):
        async with serving(tmp_path / "workspace", APPX_LOGINS_PATH=str(tmp_path / "logins.json")):
            raise AssertionError("it must not start")


async def test_no_answer_event_or_log_holds_a_token(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Also when the provider and the OAuth server repeat what they were sent, old tokens and new ones."""
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []
    async with serving_with_login(tmp_path, Rules(lifetime=0)) as desk:

        async def see(method: str, path: str, body: object = None) -> str:
            answer = await desk.api.http.request(method, path, json=body)
            seen.append(answer.text + str(answer.headers))
            return str(answer.json().get("id"))

        flow = f"/v1/auth/subscription/{await see('POST', START)}"
        await see("POST", f"{flow}/continue", {"value": await desk.back(flow)})
        session = await desk.api.session()
        seen.append(str(await desk.api.turn(session, "hello")))
        every = " ".join(sorted(said for said in desk.oauth.said if said.startswith(("access", "refresh"))))
        desk.model.state.plan = [{"status": 400, "error": {"error": {"message": f"You sent {every}."}}}]
        seen.append(str(await desk.api.turn(session, "hello")))
        assert "You sent" in seen[-1]
        desk.oauth.rules.answer = (400, {"error": "invalid_grant", "error_description": "You sent {refresh_token}."})
        seen.append(str(await desk.api.turn(session, "hello")))
        assert "You sent" in seen[-1]
        flow = f"/v1/auth/subscription/{await see('POST', START)}"
        desk.oauth.rules.answer = (400, {"error": "{code}", "error_description": "and {code_verifier}"})
        await see("POST", f"{flow}/continue", {"value": await desk.back(flow)})
        for path in (flow, session, "/v1/auth/providers", "/v1/sessions/models", "/v1/custom/providers"):
            await see("GET", path)
        secrets = {secret for secret in desk.oauth.said if len(secret) > 4}
        assert len(secrets) >= 8
    assert "[hidden]" in "".join(seen)
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert not [secret for secret in secrets for text in (*seen, logged) if secret in text]
