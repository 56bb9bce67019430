"""A server with an account for each project: who serves whom, through creates, deletes, restarts and restores."""

import io
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
import pytest

from appx.backup.make import make
from appx.backup.restore import restore
from appx.settings.settings import Settings, read_settings
from appx.wiring import benches
from appx.workbench import project_benches
from tests.fakes.workbenches import Place, standing
from tests.flows.api import TOKEN, Api, serving

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(project_benches, "socket_of", lambda account: tmp_path / f"{account}.sock")
    async with standing(tmp_path) as found:
        yield found


def variables(place: Place) -> dict[str, str]:
    return {"APPX_WORKBENCH_SOCKET": str(place.shared_socket), "APPX_LAUNCHER_SOCKET": str(place.launcher_socket)}


def settings(place: Place) -> Settings:
    return read_settings({"WORKSPACE_DIR": str(place.workspace), "AGENT_SERVER_TOKEN": TOKEN, **variables(place)})


@asynccontextmanager
async def served(place: Place) -> AsyncIterator[Api]:
    async with serving(place.workspace, **variables(place)) as api:
        yield api


async def who(api: Api, session: str) -> str:
    """Whose workbench runs a command of this session."""
    told = str(await api.turn(session, "run: echo '<'$WHO'>'"))
    return told[told.index("<account") + 1 :].partition(">")[0]


def accounts(place: Place) -> dict[str, int | None]:
    with closing(sqlite3.connect(place.workspace / ".pi-global/appx.db")) as db:
        return dict(db.execute("SELECT id, account FROM projects"))


async def test_each_project_has_its_own_account_also_after_a_restart(place: Place) -> None:
    async with served(place) as api:
        tea, shop = await api.session("Tea"), await api.session("Shop")
        assert [await who(api, each) for each in (tea, shop)] == ["account 1", "account 2"]
    async with served(place) as api:
        assert [await who(api, each) for each in (shop, tea)] == ["account 2", "account 1"]
    assert accounts(place) == {"tea": 1, "shop": 2}


async def test_a_deleted_project_is_wiped_before_its_account_is_free(place: Place) -> None:
    async with served(place) as api:
        for name in ("Tea", "Shop", "Blog"):
            await api.session(name)
        status, told = await api.call("POST", "/v1/projects", {"name": "Late"})
        assert (status, "All 3 accounts are used" in told["error"]) == (409, True)

        place.launcher.fails = "a process does not end"
        status, told = await api.call("DELETE", "/v1/projects/shop")
        assert (status, "a process does not end" in told["error"]) == (503, True)
        assert accounts(place)["shop"] == 2, "nobody else can get it"

        place.launcher.fails = ""
        assert (await api.call("DELETE", "/v1/projects/shop"))[0] == 200
        assert await who(api, await api.session("Late")) == "account 2"
    asked = place.launcher.asked
    assert asked.index("wipe 2") < len(asked) - asked[::-1].index("give 2") - 1


async def test_one_that_is_wiped_for_minutes_holds_up_nobody_else(place: Place) -> None:
    place.launcher.may_wipe = anyio.Event()
    async with served(place) as api, anyio.create_task_group() as tasks:
        for name in ("Huge", "Shop"):
            await api.session(name)
        answers: dict[str, str] = {}

        async def ask(what: str, method: str, path: str, body: object = None) -> None:
            answers[what] = (await api.ok(method, path, body)).get("id", "done")

        tasks.start_soon(ask, "deleted", "DELETE", "/v1/projects/huge")
        with anyio.fail_after(20):
            while "wipe 1" not in place.launcher.asked:  # noqa: ASYNC110
                await anyio.sleep(0.02)
            tasks.start_soon(ask, "of the same name", "POST", "/v1/projects", {"name": "Huge"})
            assert (await api.ok("POST", "/v1/projects", {"name": "Blog"}))["id"] == "blog"
            tasks.start_soon(ask, "another", "DELETE", "/v1/projects/shop")
            while "wipe 2" not in place.launcher.asked:  # noqa: ASYNC110
                await anyio.sleep(0.02)
        assert answers == {}, "who wants the same name waits"
        place.launcher.may_wipe.set()
    assert answers.pop("of the same name").startswith("huge")
    assert answers == {"deleted": "done", "another": "done"}


async def test_a_project_that_could_not_be_made_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_benches, "START_PATIENCE", 0.3)
    start, place.launcher.start = place.launcher.start, lambda _: None
    async with served(place) as api:
        status, told = await api.call("POST", "/v1/projects", {"name": "Tea"})
        assert (status, "does not answer" in told["error"]) == (503, True)
        assert (await api.ok("GET", "/v1/projects"))["projects"] == []
        assert len(accounts(place)) == 1, "what it has is not forgotten"
        place.launcher.start = start
        monkeypatch.setattr(project_benches, "START_PATIENCE", 10)
        assert (await api.ok("POST", "/v1/projects", {"name": "Tea"}))["id"] == "tea"
    wiped = next(each for each in place.launcher.asked if each.startswith("wipe"))
    assert accounts(place)["tea"] != int(wiped.partition(" ")[2])


async def test_a_directory_in_the_way_stays_what_it_is(place: Place) -> None:
    (place.workspace / "tea").mkdir()
    async with served(place) as api:
        made = await api.ok("POST", "/v1/projects", {"name": "Tea"})
    assert made["id"].startswith("tea-")
    assert list((place.workspace / "tea").iterdir()) == []


async def test_projects_without_an_account_go_on_with_the_shared_workbench(place: Place) -> None:
    place.launcher.most = "the engine gives 65536 ids"
    async with served(place) as api:
        tea = await api.session("Tea")
        await api.turn(tea, "run: echo [$WHO] > who.txt")
        _, ready = await api.call("GET", "/v1/readyz")
        assert "all share one uid, because the engine gives 65536 ids" in ready["notes"][0]
    place.launcher.most = 3
    async with served(place) as api:
        shop = await api.session("Shop")
        await api.turn(tea, "run: echo [$WHO] > who.txt")
        await api.turn(shop, "run: echo [$WHO] > who.txt")
    texts = [(place.workspace / name / "who.txt").read_text() for name in ("tea", "shop")]
    assert texts == ["[shared]\n", "[account 1]\n"]


async def test_restored_projects_get_accounts(place: Place, tmp_path: Path) -> None:
    async with serving(tmp_path / "old") as api:
        sessions = {name: await api.session(name) for name in ("Tea", "Shop")}
        await api.turn(sessions["Tea"], "run: echo kept > kept.txt")
        data = await backed_up(tmp_path / "old")
    async with served(place) as api:
        await api.turn(await api.session("Tea"), "run: echo here > mine.txt")
        await api.session("Mine")
    assert accounts(place) == {"tea": 1, "mine": 2}
    async with benches.chosen(settings(place)) as hands:
        done = await restore(
            settings(place).state_dir, hands.bench, hands.accounts, io.BytesIO(data), force=True, on_step=lambda _: None
        )
    assert accounts(place) == {"tea": 1, "shop": 3}, "who was there keeps it, others get a free one"
    assert (place.workspace / f".{done.aside}/tea/mine.txt").read_text() == "here\n"
    assert (place.workspace / f".{done.aside}/mine").is_dir()
    async with served(place) as api:
        assert await who(api, sessions["Shop"]) == "account 3"
        assert (place.workspace / "tea/kept.txt").read_text() == "kept\n"


async def backed_up(workspace: Path) -> bytes:
    data = bytearray()

    async def sink(more: bytes) -> None:
        data.extend(more)

    given: dict[str, Any] = {"WORKSPACE_DIR": str(workspace)}
    async with benches.chosen(read_settings(given), path=benches.PATH) as hands:
        await make(workspace / ".pi-global", hands.bench, sink, credentials=False, on_step=lambda _: None)
    return bytes(data)
