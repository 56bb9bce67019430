"""What an app writes and takes, over HTTP, with a podman that has one container."""

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from appx.apps import rows, visits
from appx.domain.apps import App, Release
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.wiring import benches
from tests.flows.api import Api, serving

pytestmark = pytest.mark.anyio

PLACE = "/v1/projects/shop/apps/dev"
LINE = "2026-11-26T03:20:00.590000000Z {}\n"


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    shutil.copy("tests/fakes/podman.sh", folder / "podman")
    (folder / "podman").chmod(0o755)
    (folder / "log").write_text("")
    monkeypatch.setattr(benches, "local", partial(benches.local, path=f"{folder}:{benches.PATH}"))
    return folder


@asynccontextmanager
async def with_app(folder: Path) -> AsyncIterator[Api]:
    async with serving(folder / "workspace") as api:
        await deployed(api)
        yield api


async def deployed(api: Api) -> None:
    """As if that had been done."""
    await api.ok("POST", "/v1/projects", {"name": "shop"})
    shop = ProjectId("shop")
    release = Release(project=shop, number=1, at=clock.now(), image="a" * 64, checkpoint="", size=1, port=8080)
    app = App(project=shop, environment="dev", release=1, wanted="running")
    await api.server._database.write(lambda db: rows.put_release(db, release))
    await api.server._database.write(lambda db: rows.put_app(db, app))


class Events:
    def __init__(self, answer: httpx2.Response) -> None:
        self._lines = answer.aiter_lines()

    async def next(self) -> dict[str, Any]:
        with anyio.fail_after(20):
            async for line in self._lines:
                if line.startswith("data: "):
                    found: dict[str, Any] = json.loads(line[6:])
                    return found
        raise EOFError

    async def ended(self) -> None:
        with anyio.fail_after(20), pytest.raises(EOFError):
            await self.next()


@asynccontextmanager
async def followed(api: Api) -> AsyncIterator[Events]:
    async with api.http.stream("GET", f"{PLACE}/logs?follow=true", timeout=30) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Events(answer)


async def tails(folder: Path, wanted: int, file: str = "log") -> None:
    """Until so many commands follow that file."""
    with anyio.fail_after(20):
        while True:
            found = await anyio.run_process(["pgrep", "-fc", f"^tail .*{folder}/{file}"], check=False)
            if int(found.stdout) == wanted:
                return
            await anyio.sleep(0.1)


async def test_a_log_is_followed_and_who_leaves_ends_the_command(tmp_path: Path, podman: Path) -> None:
    async with with_app(tmp_path) as api:
        (podman / "log").write_text(LINE.format("hello"))
        async with followed(api) as events:
            line = {"time": LINE[:30], "stream": "stdout", "text": "hello"}
            assert await events.next() == {"lines": [line]}
            with (podman / "log").open("a") as log:
                log.write(LINE.format("more"))
            assert (await events.next())["lines"][0]["text"] == "more"
            await tails(podman, 1)
        await tails(podman, 0)


async def test_a_followed_log_ends_with_the_project_and_with_the_server(tmp_path: Path, podman: Path) -> None:
    async with with_app(tmp_path) as api:
        (podman / "log").write_text(LINE.format("hello"))
        async with followed(api) as events:
            await events.next()
            (podman / "log").unlink()
            await api.ok("DELETE", "/v1/projects/shop")
            await events.ended()
        assert (await api.call("GET", f"{PLACE}/logs?follow=true"))[0] == 404
        await tails(podman, 0)
        (podman / "log").write_text(LINE.format("hello"))
        await deployed(api)
        async with followed(api) as events:
            await events.next()
            api.server.stop()
            await events.ended()
    await tails(podman, 0)


async def test_there_is_a_most_of_what_is_open_in_a_project(
    tmp_path: Path, podman: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits.Visits.__init__, "__kwdefaults__", {"of_project": 1, "most": 10})
    async with with_app(tmp_path) as api:
        (podman / "log").write_text(LINE.format("hello"))
        async with followed(api) as events:
            await events.next()
            status, body = await api.call("GET", f"{PLACE}/logs?follow=true")
            assert (status, "Close one" in body["error"]) == (409, True)
        await tails(podman, 0)
        with anyio.fail_after(20):
            while not await is_followed(api):  # noqa: ASYNC110  the place is free a little later
                await anyio.sleep(0.1)


HAPPENED = {"ID": "f" * 64, "Name": "shop-app-dev", "Status": "start", "timeNano": 5, "Attributes": {}}


async def test_what_happens_is_told_with_ids_and_goes_on_after_them(tmp_path: Path, podman: Path) -> None:
    later = {**HAPPENED, "Status": "died", "ContainerExitCode": 3, "timeNano": 7}
    (podman / "events").write_text(f"{json.dumps(HAPPENED)}\n{json.dumps(later)}\n")
    first = {"time": "1970-01-01T00:00:00+00:00", "app": "started", "container": "shop-app-dev"}
    place = "/v1/projects/shop/apps/events"
    async with with_app(tmp_path) as api:
        assert (await api.call("GET", f"{place}?after=x"))[0] == 400
        async with api.http.stream("GET", f"{place}?after=0", timeout=30) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            events = Events(answer)
            assert [await events.next(), await events.next()] == [first, {**first, "app": "ended", "exitCode": 3}]
            await tails(podman, 1, "events")
        await tails(podman, 0, "events")
        async with api.http.stream("GET", place, headers={"Last-Event-ID": "5"}, timeout=30) as answer:
            lines = answer.aiter_lines()
            with anyio.fail_after(20):
                assert [await anext(lines) for _ in range(3)] == [": connected", "", "id: 7"]
            (podman / "log").unlink(missing_ok=True)
            await api.ok("DELETE", "/v1/projects/shop")
            with anyio.fail_after(20):
                assert [line async for line in lines if line.startswith("id: ")] == []


async def is_followed(api: Api) -> bool:
    async with api.http.stream("GET", f"{PLACE}/logs?follow=true", timeout=30) as answer:
        return answer.status_code == 200


async def test_what_an_app_takes_is_told_as_far_as_podman_knows(tmp_path: Path, podman: Path) -> None:
    async with with_app(tmp_path) as api:
        (podman / "stats").write_text('{"MemUsage": 5, "MemLimit": 10, "CPUNano": 1500000000, "PIDs": 0}\n')
        found = await api.ok("GET", f"{PLACE}/stats")
        assert found == {"running": True, "memory": {"used": 5, "limit": 10}, "cpuSeconds": 1.5}
        (podman / "fails").touch()
        (podman / "stats").write_text("Error: stats is not supported in rootless mode without cgroups v2\n")
        found = await api.ok("GET", f"{PLACE}/stats")
        assert found.keys() == {"running", "note"}
        (podman / "stats").write_text("Error: something else\n")
        status, body = await api.call("GET", f"{PLACE}/stats")
        assert (status, "something else" in body["error"]) == (503, True)
        (podman / "down").touch()
        assert await api.ok("GET", f"{PLACE}/stats") == {"running": False}
        assert (await api.call("GET", "/v1/projects/shop/apps/prod/stats"))[0] == 404


async def test_a_number_that_no_deployment_can_have_is_refused(tmp_path: Path, podman: Path) -> None:
    async with with_app(tmp_path) as api:
        for path in (f"deployments/{2**63}", f"deployments/{2**63}/events"):
            assert (await api.call("GET", f"/v1/projects/shop/{path}"))[0] == 400
        status, _ = await api.call("POST", "/v1/projects/shop/deployments", {"release": 2**63})
        assert status == 400
