"""Projects over HTTP: created once, listed, deleted."""

import json
from pathlib import Path

import anyio
import pytest

from appx.workbench.accounts import Shared
from tests.contract.schema import check
from tests.flows.api import Api, serving

pytestmark = pytest.mark.anyio


async def test_a_project_created_twice_is_the_same_project(api: Api) -> None:
    first = await api.ok("POST", "/v1/projects", {"name": "  Crème App "})
    check(first, "ProjectInfo")
    assert (first["id"], first["name"]) == ("creme-app", "Crème App")
    assert await api.ok("POST", "/v1/projects", {"name": "Crème App"}) == first
    assert await api.ok("GET", "/v1/projects/creme-app") == first
    listed = await api.ok("GET", "/v1/projects")
    check(listed, "ListProjectsResponse")
    assert listed == {"projects": [first]}
    directory = Path(first["projectDir"])
    assert (directory / ".git").is_dir()
    assert json.loads((directory / ".pi/deployment.json").read_text()) == {"project": "creme-app"}


async def test_a_hundred_posts_of_one_name_make_one_project(api: Api) -> None:
    ids: list[str] = []

    async def create() -> None:
        ids.append((await api.ok("POST", "/v1/projects", {"name": "One"}))["id"])

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(create)
    assert ids == ["one"] * 100
    assert len((await api.ok("GET", "/v1/projects"))["projects"]) == 1


async def test_another_name_with_the_same_slug_gets_an_id_of_its_own(api: Api) -> None:
    first = await api.ok("POST", "/v1/projects", {"name": "My App"})
    second = await api.ok("POST", "/v1/projects", {"name": "my app"})
    assert first["id"] == "my-app"
    assert second["id"].startswith("my-app-")
    assert len(second["id"]) == len("my-app-1a2b")
    newest_first = [each["id"] for each in (await api.ok("GET", "/v1/projects"))["projects"]]
    assert newest_first == [second["id"], first["id"]]


@pytest.mark.parametrize("most", [len("todo-0000"), 1_000])
async def test_names_that_agents_took_in_the_workspace_keep_nobody_from_making_a_project(
    api: Api, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Each of the 65,536 short ones: the search for a free one went on for ever, and nobody could read."""

    async def foreign(_self: Shared, name: str) -> bool:
        return name.startswith("todo") and len(name) <= most

    monkeypatch.setattr(Shared, "foreign", foreign)
    with anyio.fail_after(10):
        status, told = await api.call("POST", "/v1/projects", {"name": "todo"})
    if most == 1_000:
        assert (status, "No id is free" in told["error"]) == (409, True)
    else:
        assert (status, len(told["id"])) == (200, len("todo-0123456789abcdef"))
    await api.ok("POST", "/v1/projects", {"name": "another"})


async def test_a_deployment_is_written_for_the_agent_and_can_be_replaced(api: Api) -> None:
    first = {"dev": {"port": 10007, "url": "https://x.example.com"}}
    made = await api.ok("POST", "/v1/projects", {"name": "x", "deployment": first})
    assert made["deployment"] == first
    file = Path(made["projectDir"]) / ".pi/deployment.json"
    assert json.loads(file.read_text()) == {"project": "x", **first}

    second = {"prod": {"port": 10008}}
    assert (await api.ok("POST", "/v1/projects", {"name": "x", "deployment": second}))["deployment"] == second
    assert json.loads(file.read_text()) == {"project": "x", **second}
    assert (await api.ok("POST", "/v1/projects", {"name": "x"}))["deployment"] == second


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "   "},
        {"name": "漢字"},
        {"name": 7},
        {"name": "x" * 1000},
        {"name": "a\nb"},
        {"name": ".pi-global"},
        {"name": "x", "deployment": {"dev": {"port": 80}}},
        {"name": "x", "deployment": {"dev": {"port": "3000"}}},
        [],
        "x",
        None,
    ],
)
async def test_a_bad_body_gets_a_sentence_and_makes_nothing(api: Api, body: object) -> None:
    status, answer = await api.call("POST", "/v1/projects", body)
    assert status == 400
    check(answer, "ErrorResponse")
    assert len(answer["error"]) > 10
    assert await api.ok("GET", "/v1/projects") == {"projects": []}


async def test_malformed_json_is_a_400(api: Api) -> None:
    answer = await api.http.post("/v1/projects", content=b'{"name": ', headers={"content-type": "application/json"})
    assert (answer.status_code, "JSON" in answer.json()["error"]) == (400, True)


async def test_a_huge_body_is_a_413(api: Api) -> None:
    async def chunks() -> object:
        for _ in range(20):
            yield b"x" * 1_000_000

    for content in (b"x" * 17_000_000, chunks()):
        answer = await api.http.post("/v1/projects", content=content)  # type: ignore[arg-type]
        assert answer.status_code == 413
        assert "larger" in answer.json()["error"]


async def test_what_is_not_there_is_a_404(api: Api) -> None:
    assert await api.call("GET", "/v1/projects/none") == (404, {"error": "project not found"})
    assert await api.call("DELETE", "/v1/projects/none") == (404, {"error": "project not found"})
    sessions = await api.call("GET", "/v1/projects/none/sessions")
    assert sessions == (404, {"error": "project not registered: none"})
    await api.ok("POST", "/v1/projects", {"name": "x"})
    assert await api.call("GET", "/v1/projects/x/sessions/none") == (404, {"error": "session not found"})
    status, answer = await api.call("GET", "/v1/nothing")
    assert (status, "/docs" in answer["error"]) == (404, True)


async def test_a_deleted_project_leaves_nothing_and_its_name_is_free(api: Api) -> None:
    session = await api.session("x")
    await api.turn(session, "run: mkdir -p a/b && chmod 500 a && echo hi > top.txt")
    directory = Path((await api.ok("GET", "/v1/projects/x"))["projectDir"])
    assert (directory / "top.txt").exists()

    assert await api.ok("DELETE", "/v1/projects/x") == {"ok": True}

    assert not await anyio.Path(directory).exists()
    assert (await api.call("GET", session))[0] == 404
    again = await api.session("x")
    assert await api.messages(again) == []


async def test_a_project_is_deleted_while_its_turn_runs(api: Api) -> None:
    session = await api.session("x")
    async with api.events(session) as reader:
        await api.prompt(session, "run: echo started; sleep 60")
        await reader.until("tool_execution_update")
        assert await api.ok("DELETE", "/v1/projects/x") == {"ok": True}
    assert await api.ok("GET", "/v1/projects") == {"projects": []}


async def test_projects_survive_a_restart(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        made = await api.ok("POST", "/v1/projects", {"name": "x", "deployment": {"dev": {"port": 3000}}})
    async with serving(tmp_path) as api:
        assert await api.ok("POST", "/v1/projects", {"name": "x"}) == made
