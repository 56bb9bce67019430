"""Projects that begin with a template, over HTTP."""

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import anyio
import pytest

from appx.domain.errors import Unavailable
from appx.domain.ids import ProjectId
from appx.projects import beginnings
from appx.projects.beginnings import Beginning, Beginnings
from tests.flows.api import Api, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """With a template of the operator's besides those of appx."""
    own = tmp_path / "own/shop"
    (own / "files/bin").mkdir(parents=True)
    (own / "template.json").write_text(json.dumps({"description": "A shop.", "health": "/health"}))
    (own / "files/README.md").write_text("# Shop\n")
    (own / "files/bin/run").write_text("#!/bin/sh\n")
    (own / "files/bin/run").chmod(0o755)
    async with serving(tmp_path / "workspace", APPX_TEMPLATE_DIR=str(tmp_path / "own")) as api:
        yield api


async def made(api: Api, name: str, template: str = "shop") -> Path:
    return Path((await api.ok("POST", "/v1/projects", {"name": name, "template": template}))["projectDir"])


async def test_the_templates_are_listed(api: Api) -> None:
    found = (await api.ok("GET", "/v1/templates"))["templates"]
    assert {"python", "shop", "static"} <= {each["name"] for each in found}
    assert {"name": "shop", "description": "A shop.", "health": "/health"} in found


async def test_a_new_project_has_the_files_of_its_template(api: Api) -> None:
    directory = await made(api, "x")
    assert (directory / "README.md").read_text() == "# Shop\n"
    assert (directory / "bin/run").stat().st_mode & 0o100
    assert json.loads((directory / ".pi/deployment.json").read_text()) == {"project": "x"}
    found = (await api.ok("GET", "/v1/projects/x/checkpoints"))["checkpoints"]
    assert [each["message"] for each in found] == ["Begin with the template shop"]
    changes = await api.ok("GET", f"/v1/projects/x/checkpoints/{found[0]['id']}/diff")
    assert {each["path"] for each in changes["files"]} == {"README.md", "bin/run"}


async def test_the_same_post_again_is_the_same_project_and_writes_nothing(api: Api) -> None:
    directory = await made(api, "x")
    (directory / "README.md").write_text("changed\n")
    assert await made(api, "x") == directory
    assert (directory / "README.md").read_text() == "changed\n"


async def test_a_project_that_is_there_stays_as_it_is(api: Api) -> None:
    await api.ok("POST", "/v1/projects", {"name": "x"})
    assert not (await made(api, "x") / "README.md").exists()


async def test_an_unknown_template_is_refused_with_those_that_there_are_and_makes_nothing(api: Api) -> None:
    status, answer = await api.call("POST", "/v1/projects", {"name": "x", "template": "shpo"})
    assert status == 400
    assert all(name in answer["error"] for name in ("python", "shop", "static"))
    assert await api.ok("GET", "/v1/projects") == {"projects": []}


async def test_files_that_are_there_already_are_not_touched(api: Api, tmp_path: Path) -> None:
    """Without accounts a project may take over a directory, for example one that a person put there."""
    mine = tmp_path / "workspace/x"
    mine.mkdir()
    (mine / "mine.txt").write_text("mine")
    status, answer = await api.call("POST", "/v1/projects", {"name": "x", "template": "shop"})
    assert (status, "has files already" in answer["error"]) == (409, True)
    assert sorted(each.name for each in mine.iterdir()) == [".git", "mine.txt"]
    await api.ok("POST", "/v1/projects", {"name": "x"})
    assert (mine / "mine.txt").read_text() == "mine"


class Stage:
    """Lets a test look in while a project is being filled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = anyio.Event()
        self.go_on = anyio.Event()
        self.fails = False
        real = Beginnings.fill

        async def fill(hands: Beginnings, project: ProjectId, beginning: Beginning) -> None:
            await real(hands, project, beginning)
            self.begun.set()
            await self.go_on.wait()
            if self.fails:
                raise Unavailable("The disk is on fire.")

        monkeypatch.setattr(beginnings.Beginnings, "fill", fill)


async def test_while_it_is_being_made_nobody_sees_it_and_others_go_on(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(monkeypatch)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(made, api, "x")
        await stage.begun.wait()
        assert await api.ok("GET", "/v1/projects") == {"projects": []}
        assert (await api.call("POST", "/v1/projects", {"name": "x"}))[0] == 409
        status, answer = await api.call("DELETE", "/v1/projects/x")
        assert (status, "being made" in answer["error"]) == (409, True)
        await api.ok("POST", "/v1/projects", {"name": "y"})
        stage.go_on.set()
    assert [each["id"] for each in (await api.ok("GET", "/v1/projects"))["projects"]] == ["y", "x"]
    await api.ok("DELETE", "/v1/projects/x")


async def test_what_fails_leaves_no_project_and_the_next_try_makes_it(
    api: Api, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stage = Stage(monkeypatch)
    stage.fails = True
    stage.go_on.set()
    assert (await api.call("POST", "/v1/projects", {"name": "x", "template": "shop"}))[0] == 503
    assert await api.ok("GET", "/v1/projects") == {"projects": []}
    assert not (tmp_path / "workspace/x").exists()
    stage.fails = False
    assert (await made(api, "x") / "README.md").exists()


async def test_what_a_stop_of_the_server_cuts_off_is_gone_and_the_next_try_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(monkeypatch)
    workspace = tmp_path / "workspace"
    async with serving(workspace) as api, anyio.create_task_group() as tasks:
        tasks.start_soon(partial(api.http.post, "/v1/projects", json={"name": "x", "template": "static"}))
        await stage.begun.wait()
        assert (workspace / "x/site/index.html").exists()
        tasks.cancel_scope.cancel()
    stage.go_on.set()
    async with serving(workspace) as api:
        with anyio.fail_after(10):
            while (workspace / "x/site").exists():  # noqa: ASYNC110  a test
                await anyio.sleep(0.02)
        assert await api.ok("GET", "/v1/projects") == {"projects": []}
        assert (await made(api, "x", "static") / "site/index.html").exists()
