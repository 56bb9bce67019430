"""An agent that took the place of its workbench: its own project fails, and the server and all others go on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from appx.wiring.stopping import Uvicorn
from appx.workbench import project_benches
from tests.fakes.false_bench import LIES, SILENCES, FalseBench, Lie
from tests.fakes.workbenches import Place, standing
from tests.flows.api import Api
from tests.flows.test_accounts import served

pytestmark = pytest.mark.anyio

EVIL = 1
OTHER = "/v1/projects/shop"


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(project_benches, "socket_of", lambda account: tmp_path / f"{account}.sock")
    monkeypatch.setattr(project_benches, "AGAIN_SECONDS", 0.05)
    async with standing(tmp_path) as found:
        yield found


@asynccontextmanager
async def taken_over(place: Place, lie: Lie) -> AsyncIterator[FalseBench]:
    """From here on nobody but the false one listens for the evil project."""
    real: Uvicorn = place.running[EVIL]
    place.launcher.start = lambda account: None if account == EVIL else place.start(account)
    false = FalseBench(lie)
    async with false.serving(place.folder / f"{EVIL}.sock"):
        real.should_exit = True
        await place.ended(EVIL)
        yield false


async def works(api: Api, session: str) -> None:
    assert "fine" in str(await api.turn(session, "run: echo fine"))
    assert (await api.ok("GET", "/v1/healthz"))["ok"]


@pytest.mark.parametrize("lie", ["no JSON", "an answer that does not end"])
async def test_lies_fail_the_project_of_who_tells_them_and_no_other(place: Place, lie: str) -> None:
    async with served(place) as api:
        evil, shop = await api.session("Evil"), await api.session("Shop")
        await works(api, evil)
        await works(api, shop)
        async with taken_over(place, LIES[lie]) as false:
            last = (await api.turn(evil, "run: echo fine"))[-1]
            assert last["outcome"] == "failed"
            for path in ("tree", "files?path=a", "apps", "checkpoints"):
                status, said = await api.call("GET", f"/v1/projects/evil/{path}")
                assert status in {400, 404, 409, 413, 503} or path == "checkpoints", (path, status, said)
            with anyio.fail_after(10):
                while not {"GET /alive HTTP/1.1", "POST /run HTTP/1.1"} <= set(false.asked):  # noqa: ASYNC110  a test
                    await anyio.sleep(0.02)
            await works(api, shop)
            await api.ok("POST", "/v1/projects", {"name": "Third"})
            await api.ok("DELETE", "/v1/projects/evil")
            await works(api, shop)


async def test_silence_holds_up_nobody_else(place: Place) -> None:
    async with served(place) as api:
        evil, shop = await api.session("Evil"), await api.session("Shop")
        await works(api, evil)
        await works(api, shop)
        async with taken_over(place, SILENCES["nothing"]):
            await api.prompt(evil, "run: echo fine")
            async with anyio.create_task_group() as waiting:
                for path in ("/v1/projects/evil/tree", "/v1/projects/evil/apps"):
                    waiting.start_soon(api.call, "GET", path)
                waiting.start_soon(api.call, "POST", "/v1/projects", {"name": "Evil"})
                await anyio.sleep(0.3)
                with anyio.fail_after(15):
                    await works(api, shop)
                    await api.ok("POST", "/v1/projects", {"name": "Third"})
                    await api.ok("DELETE", "/v1/projects/third")
                    await api.ok("DELETE", "/v1/projects/evil")
                waiting.cancel_scope.cancel()
