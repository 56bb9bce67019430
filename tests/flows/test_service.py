"""The server itself over HTTP: who may call, health, docs."""

import stat
from pathlib import Path

import pytest

from appx.domain.errors import Misconfigured
from tests.contract.schema import check
from tests.flows.api import TOKEN, Api, serving

pytestmark = pytest.mark.anyio

NOBODY = {"Authorization": ""}


async def test_the_api_needs_the_token_and_the_docs_do_not(api: Api) -> None:
    for path in ("/v1/healthz", "/v1/projects", "/v1/projects/x/sessions/y/events", "/v1/nothing"):
        refused = await api.http.get(path, headers=NOBODY)
        assert refused.status_code == 401
        check(refused.json(), "ErrorResponse")
        assert (await api.http.get(path, headers={"Authorization": "Bearer wrong"})).status_code == 401
        assert (await api.http.get(path, params={"token": TOKEN}, headers=NOBODY)).status_code == 401
    for path in ("/docs", "/openapi.json", "/swagger/swagger-ui.css"):
        assert (await api.http.get(path, headers=NOBODY)).status_code == 200


async def test_the_docs_ask_no_other_host(api: Api) -> None:
    assert "://" not in (await api.http.get("/docs")).text.replace("http://www.w3.org", "")


async def test_a_login_link_works_once_and_sets_a_cookie_for_this_site_only(api: Api) -> None:
    path = (await api.ok("POST", "/v1/login-codes"))["path"]
    first = await api.http.get(path, headers=NOBODY)
    assert first.status_code == 303
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    api.http.cookies.clear()
    assert (await api.http.get(path, headers=NOBODY)).status_code == 403

    browser = {**NOBODY, "Cookie": cookie.partition(";")[0]}
    for site, status in (("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)):
        asked = await api.http.get("/v1/projects", headers={**browser, "Sec-Fetch-Site": site})
        assert asked.status_code == status, f"{site}: a page of another port would make the server work"
    own = str(api.http.base_url).rstrip("/")
    assert (await api.http.get("/v1/projects", headers=browser)).status_code == 200
    for origin, expected in ((own, 200), ("http://localhost:3000", 403), ("null", 403)):
        answer = await api.http.post("/v1/projects", json={"name": "x"}, headers={**browser, "Origin": origin})
        assert answer.status_code == expected
    assert (await api.http.post("/v1/projects", json={"name": "x"}, headers=browser)).status_code == 403


async def test_health_counts_the_readers(api: Api) -> None:
    session = await api.session()
    async with api.events(session):
        health = await api.ok("GET", "/v1/healthz")
        check(health, "HealthResponse")
        assert health["channels"] == {session.rpartition("/")[2]: 1}


async def test_a_server_without_podman_says_that_it_is_not_ready(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        status, ready = await api.call("GET", "/v1/readyz")
        assert (status == 200) is ready["ready"]
        assert ready["ready"] or "podman" in " ".join(ready["problems"])
        assert set(ready["limits"]) == {"memory", "cpu", "pids"}
        assert ready["projectLimits"] == {}, "without a workbench of its own nobody sets them"


async def test_the_state_can_be_read_by_the_server_only(tmp_path: Path) -> None:
    async with serving(tmp_path, AGENT_SERVER_TOKEN="") as api:
        assert (await api.call("GET", "/v1/projects"))[0] == 401, "another token was made"
        files = [path for path in (tmp_path / ".pi-global").iterdir() if path.is_file()]
        assert {"token", "appx.db"} <= {path.name for path in files}
        assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in files)


async def test_the_builder_prompt_is_installed_unless_the_workspace_has_one(tmp_path: Path) -> None:
    source = tmp_path / "AGENTS.builder.md"
    source.write_text("from the image")
    installed = tmp_path / "workspace/.pi-global/AGENTS.md"
    async with serving(tmp_path / "workspace", APPX_BUILDER_PROMPT=str(source)):
        assert installed.read_text() == "from the image"
    installed.write_text("my own")
    async with serving(tmp_path / "workspace", APPX_BUILDER_PROMPT=str(source)):
        assert installed.read_text() == "my own"


@pytest.mark.parametrize("token", ["short", "with spaces in it, and long", "ünïcode-0123456789abc"])
async def test_a_weak_token_stops_the_start(tmp_path: Path, token: str) -> None:
    with pytest.raises(Misconfigured, match="AGENT_SERVER_TOKEN"):
        async with serving(tmp_path, AGENT_SERVER_TOKEN=token):
            pass


async def test_a_port_that_is_taken_stops_the_start_with_its_name(api: Api, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="AGENT_SERVER_PORT"):
        async with serving(tmp_path / "other", AGENT_SERVER_PORT=str(api.http.base_url.port)):
            pass
