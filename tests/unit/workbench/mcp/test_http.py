"""MCP servers at an address: a real one on the loopback, and odd ones."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from subprocess import DEVNULL

import anyio
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from appx.wiring.stopping import Uvicorn
from tests.ports import free_port
from tests.unit.workbench.mcp.conftest import FAKES, Shop

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def real(port: int) -> AsyncIterator[None]:
    argv = [sys.executable, str(FAKES / "mcp_server.py"), str(port)]
    async with await anyio.open_process(argv, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL) as process:
        try:
            with anyio.fail_after(20):
                while True:
                    try:
                        async with await anyio.connect_tcp("127.0.0.1", port):
                            break
                    except OSError:
                        await anyio.sleep(0.05)
            yield
        finally:
            process.kill()


async def answered(shop: Shop, answer: Response, *, headers: dict[str, str]) -> tuple[str, str]:
    """State and error of a server that gives this answer to everything."""

    async def handle(_request: Request) -> Response:
        return answer

    port = free_port()
    app = Starlette(routes=[Route("/mcp", handle, methods=["GET", "POST", "DELETE"])])
    server = Uvicorn(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.serve)
        while not server.started:  # noqa: ASYNC110  uvicorn tells nobody
            await anyio.sleep(0.01)
        found = await shop.one({"url": f"http://127.0.0.1:{port}/mcp", "headers": headers})
        server.should_exit = True
    return found.state, found.error


async def test_a_real_server_is_listed_and_called_with_its_headers(shop: Shop) -> None:
    port = free_port()
    async with real(port):
        given = {"type": "http", "url": f"http://127.0.0.1:{port}/mcp", "headers": {"X-Key": "sesame42"}}
        server = await shop.one(given)
        assert (server.state, server.error) == ("ready", "")
        assert (await shop.call("add", a=2, b=40)).text == "42"
        assert (await shop.call("header", name="x-key")).text == "sesame42"
        late = await shop.call("slow", seconds=0.5, log=str(shop.directory / "log"))
        assert "did not answer within 0.5 s" in late.text
        assert (await shop.call("add", a=2, b=40)).text == "42"


async def answers(shop: Shop) -> None:
    with anyio.fail_after(15):
        while not (await shop.call("add", a=1, b=1)).ok:  # noqa: ASYNC110  it tells nobody
            await anyio.sleep(0.1)


async def test_one_that_went_away_and_came_back_is_met_anew(shop: Shop) -> None:
    port = free_port()
    given = {"url": f"http://127.0.0.1:{port}/mcp"}
    async with real(port):
        assert (await shop.one(given)).state == "ready"
    gone = await shop.call("add", a=1, b=1)
    assert not gone.ok
    assert "ended during the call" in gone.text or "cannot be used" in gone.text
    async with real(port):
        await answers(shop)
    # Between two calls, so that only the answer tells that it is another one.
    async with real(port):
        await answers(shop)


async def test_a_refusal_tells_its_status_and_no_key(shop: Shop) -> None:
    headers = {"Authorization": "Bearer topsecret99"}
    refused = JSONResponse({"error": "Bearer topsecret99 is wrong"}, 401)
    state, error = await answered(shop, refused, headers=headers)
    assert (state, error) == ("failed", "It answered with status 401.")


@pytest.mark.parametrize(
    "answer",
    [
        Response("<html>hello</html>", media_type="text/html"),
        Response("{", media_type="application/json"),
        Response('{"jsonrpc": "2.0", "id": 99, "result": {}}', media_type="application/json"),
        Response(b"\x1f\x8b\x08", media_type="application/json", headers={"content-encoding": "gzip"}),
        Response(b" " * (9 << 20), media_type="application/json"),
        Response(status_code=302, headers={"location": "http://127.0.0.1:1/elsewhere"}),
        Response("data: {\n\n", media_type="text/event-stream"),
    ],
    ids=["html", "broken", "other", "packed", "huge", "redirect", "stream"],
)
async def test_an_address_that_is_no_mcp_server_fails_with_a_sentence(
    shop: Shop, answer: Response, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appx.workbench.mcp.connection.START_SECONDS", 3)
    state, error = await answered(shop, answer, headers={"X-Key": "topsecret99"})
    print(error)  # noqa: T201  shown with -rP
    assert state == "failed"
    assert error.endswith(".")
    assert "topsecret99" not in error
