"""The audit log: every route that changes something leaves an entry before it does, and nothing is told twice."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from appx.audit import log as audit_log
from appx.http.throttle import FREE
from tests.contract.schema import check
from tests.flows.api import TOKEN, Api, serving

pytestmark = pytest.mark.anyio

NOBODY = {"Authorization": ""}
KEY = "sk-a-key-that-nobody-may-see"


async def entries(api: Api, query: str = "") -> list[dict[str, Any]]:
    found = await api.ok("GET", f"/v1/audit?limit=1000{query}")
    assert isinstance(found["entries"], list)
    return list(found["entries"])


async def changing(api: Api) -> list[tuple[str, str, str]]:
    document = (await api.http.get("/openapi.json")).json()
    return [
        (method.upper(), path, operation["operationId"])
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method != "get"
    ]


async def test_each_route_that_changes_something_leaves_an_entry(api: Api) -> None:
    routes = await changing(api)
    assert len(routes) > 20
    for method, template, name in routes:
        path = re.sub(r"\{(\w+)\}", lambda found: f"an-{found[1].lower()}", template)
        answer = await api.http.request(method, path, json={})
        newest = (await entries(api))[0]
        words = re.sub(r"([A-Z])", r" \1", name).lower()
        assert (newest["action"], newest["path"], newest["who"]) == (words, path, "token"), (method, path)
        assert newest["status"] == answer.status_code
        assert newest["address"] == "127.0.0.1"
        if template.startswith("/v1/projects/"):
            assert newest["project"] == ("an-projectid" if "{projectId}" in template else "an-id")
        if "/sessions/{id}" in template:
            assert newest["session"] == "an-id"
    assert len(await entries(api)) == len(routes)


async def test_what_only_reads_leaves_none(api: Api) -> None:
    for path in ("/v1/projects", "/v1/healthz", "/v1/audit", "/docs", "/v1/nothing"):
        await api.http.get(path)
    assert (await api.http.post("/v1/nothing", json={})).status_code == 404
    assert (await api.http.put("/v1/projects", json={})).status_code == 405
    assert await entries(api) == []


async def test_the_end_of_a_line_behind_a_path_hides_nothing(api: Api) -> None:
    """The router would take it for the path without one."""
    code = (await api.ok("POST", "/v1/login-codes"))["path"].partition("=")[2]
    before = await entries(api)
    routes = await changing(api)
    for method, template, _ in routes:
        path = re.sub(r"\{(\w+)\}", "an-id", template)
        assert (await api.http.request(method, f"{path}%0A", json={})).status_code == 400, (method, path)
    login = await api.http.get(f"/login%0A?code={code}", headers=NOBODY)
    assert (login.status_code, "set-cookie" in login.headers) == (400, False)
    assert "%0A" in login.text
    assert await entries(api) == before


async def test_an_entry_names_what_was_made_and_holds_no_body(api: Api, tmp_path: Path) -> None:
    session = await api.session("Shop")
    await api.prompt(session, f"say: {KEY}")
    await api.ok("PUT", "/v1/auth/providers/openai/api-key", {"key": KEY})
    found = await entries(api)
    assert [each["action"] for each in found] == [
        "set provider api key", "send prompt", "create session", "create project",
    ]  # fmt: skip
    made = session.rpartition("/")[2]
    assert [each.get("project") for each in found] == [None, "shop", "shop", "shop"]
    assert [each.get("session") for each in found] == [None, made, made, None]
    with closing(sqlite3.connect(tmp_path / "workspace/.pi-global/appx.db")) as db:
        written = str(db.execute("SELECT * FROM audit").fetchall())
    assert KEY not in written
    assert TOKEN not in written


async def test_a_login_is_in_it_and_so_is_what_is_done_with_its_cookie(api: Api) -> None:
    path = (await api.ok("POST", "/v1/login-codes"))["path"]
    code = path.partition("=")[2]
    cookie = (await api.http.get(path, headers=NOBODY)).headers["set-cookie"].partition(";")[0]
    api.http.cookies.clear()
    own = str(api.http.base_url).rstrip("/")
    browser = {**NOBODY, "Cookie": cookie, "Origin": own}
    assert (await api.http.post("/v1/projects", json={"name": "x"}, headers=browser)).status_code == 200
    made, login, _ = await entries(api)
    assert (login["action"], login["status"], login["path"]) == ("log in", 303, "/login")
    assert re.fullmatch(r"cookie [0-9a-f]{8}", login["who"])
    assert made["who"] == login["who"]
    assert not any(code in str(each) or cookie.partition("=")[2] in str(each) for each in await entries(api))


async def test_refusals_are_counted_by_address_and_minute(api: Api) -> None:
    for _ in range(FREE + 30):
        await api.http.post("/v1/projects", json={}, headers={"Authorization": "Bearer wrong"})
    await api.http.get("/v1/projects", headers={**NOBODY, "Cookie": "appx_login=wrong"})
    await api.http.get("/login?code=wrong", headers=NOBODY)
    await api.http.get("/v1/projects", headers=NOBODY)
    found = [each for each in await entries(api) if each["who"] == "nobody"]
    told: dict[tuple[str, int], int] = {}
    for each in found:
        told[each["action"], each["status"]] = told.get((each["action"], each["status"]), 0) + each["count"]
    assert told == {
        ("a wrong token", 401): FREE,
        ("a wrong token", 429): 30,
        ("a wrong cookie", 429): 1,
        ("a wrong login code", 429): 1,
    }
    assert len(found) <= 2 * len(told), "a minute may end meanwhile"
    assert all(each["time"].endswith(":00.000Z") for each in found)


async def test_it_comes_in_pages_and_by_action(api: Api) -> None:
    for number in range(5):
        await api.ok("POST", "/v1/projects", {"name": f"p{number}"})
    await api.ok("DELETE", "/v1/projects/p0")
    first = await api.ok("GET", "/v1/audit?limit=4")
    assert (first["entries"][0]["action"], len(first["entries"])) == ("delete project", 4)
    rest = await api.ok("GET", f"/v1/audit?limit=4&before={first['next']}")
    assert (len(rest["entries"]), "next" in rest) == (2, False)
    numbers = [each["id"] for each in (*first["entries"], *rest["entries"])]
    assert numbers == sorted(numbers, reverse=True)
    assert [each["path"] for each in await entries(api, "&action=delete%20project")] == ["/v1/projects/p0"]
    assert len(await entries(api, "&action=create")) == 5
    assert await entries(api, "&action=creat") == []
    for wrong in ("limit=0", "limit=1001", "before=0", "before=x"):
        status, told = await api.call("GET", f"/v1/audit?{wrong}")
        assert status == 400
        check(told, "ErrorResponse")


async def test_it_outlives_the_server_and_what_it_tells_of(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.ok("POST", "/v1/projects", {"name": "Shop"})
        await api.ok("DELETE", "/v1/projects/shop")
    async with serving(tmp_path) as api:
        assert [(each["action"], each["project"], each["status"]) for each in await entries(api)] == [
            ("delete project", "shop", 200), ("create project", "shop", 200),
        ]  # fmt: skip


async def test_what_cannot_be_written_down_is_not_done(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk only what makes room goes on; ``tests/crash/test_full_disk.py`` has a real one."""
    await api.ok("POST", "/v1/projects", {"name": "Shop"})
    with closing(sqlite3.connect(api.server.settings.state_dir / "appx.db", isolation_level=None)) as db:
        db.execute("CREATE TRIGGER sick BEFORE INSERT ON audit BEGIN SELECT * FROM nowhere; END")
        for method, path in (("POST", "/v1/projects"), ("DELETE", "/v1/projects/shop")):
            status, told = await api.call(method, path, {"name": "Other"})
            assert (status, "audit log" in told["error"]) == (503, True), told
        db.execute("DROP TRIGGER sick")
    assert [each["name"] for each in (await api.ok("GET", "/v1/projects"))["projects"]] == ["Shop"]


async def test_old_entries_go(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.ok("POST", "/v1/projects", {"name": "Shop"})
        with closing(sqlite3.connect(tmp_path / ".pi-global/appx.db", isolation_level=None)) as db:
            for days in (8, 6):
                db.execute(
                    "INSERT INTO audit (at, who, address, action, path, status) VALUES "
                    "(strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?), 'token', '', ?, '', 200)",
                    (f"-{days} days", f"{days} days old"),
                )
    async with serving(tmp_path, APPX_AUDIT_DAYS="7") as api:
        assert {each["action"] for each in await entries(api)} == {"create project", "6 days old"}


async def test_nobody_changes_an_entry_by_mistake(api: Api) -> None:
    await api.ok("POST", "/v1/projects", {"name": "Shop"})
    assert (await entries(api))[0]["status"] == 200
    with closing(sqlite3.connect(api.server.settings.state_dir / "appx.db", isolation_level=None)) as db:
        for change in ("UPDATE audit SET who = 'x'", "UPDATE audit SET status = 500", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="audit log"):
                db.execute(change)


async def test_a_flood_from_everywhere_takes_a_row_for_few_addresses_in_a_minute(api: Api) -> None:
    found = api.server._audit
    for number in range(1_000):
        found.refuse(f"198.51.100.{number}", "a wrong token", 401)
    told = [each for each in await entries(api) if each["who"] == "nobody"]
    assert len(told) <= 2 * (audit_log.ADDRESSES + 1)
    assert sum(each["count"] for each in told) == 1_000
    assert "others" in {each["address"] for each in told}
