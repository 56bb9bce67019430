"""Shells over a real WebSocket: who may open one, what it is, and that it ends with all that it hangs on."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response

from appx.apps import visits
from appx.http.throttle import FREE
from tests.flows.api import TOKEN, Api, serving
from tests.flows.test_apps import PLACE, podman, with_app
from tests.flows.test_walls import HEAD, WALLS, refusal, said, wire

__all__ = ["podman"]  # the fixture

pytestmark = pytest.mark.anyio

SHELL = "/v1/projects/shop/shell"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Seat:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.shown = b""

    async def type(self, text: str) -> None:
        await self.socket.send(text.encode())

    async def sees(self, text: str) -> None:
        with anyio.fail_after(20):
            while text.encode() not in self.shown:
                found = await self.socket.recv()
                assert isinstance(found, bytes), found
                self.shown += found

    async def ready(self) -> None:
        await self.type("echo re''ady\r")
        await self.sees("ready\r\n")

    async def ended(self) -> tuple[Any, int | None]:
        """The last text, and the code with which it was closed."""
        last = None
        with anyio.fail_after(20):
            try:
                while True:
                    found = await self.socket.recv()
                    last = json.loads(found) if isinstance(found, str) else last
            except ConnectionClosed:
                return last, self.socket.close_code


@asynccontextmanager
async def opened(api: Api, path: str = SHELL, **headers: str) -> AsyncIterator[Seat]:
    given = headers or BEARER
    where = str(api.http.base_url.join(path)).replace("http://", "ws://")
    async with connect(where, additional_headers=given, proxy=None, compression=None) as socket:
        yield Seat(socket)


async def refused(api: Api, path: str = SHELL, **headers: str) -> tuple[int, str]:
    """Status and sentence of an answer with walls."""
    found: Response | None = None
    try:
        async with opened(api, path, **headers):
            pass
    except InvalidStatus as error:
        found = error.response
    assert found is not None, "it was opened"
    assert {name.lower() for name in found.headers} >= set(WALLS)
    assert found.headers["Cache-Control"] == "no-store"
    return found.status_code, json.loads(found.body or b"")["error"]


@pytest.fixture
async def shop(api: Api) -> Api:
    await api.ok("POST", "/v1/projects", {"name": "shop"})
    return api


async def entries(api: Api, action: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.ok("GET", f"/v1/audit?action={action}"))["entries"]
    return found


async def test_a_shell_works_in_the_project_with_nothing_of_the_servers(shop: Api) -> None:
    async with opened(shop, f"{SHELL}?columns=91&rows=33") as seat:
        await seat.type("stty size; echo $APPX_PROJECT:${AGENT_SERVER_TOKEN:-none}:$TERM; env | grep -c TOKEN\r")
        await seat.sees("33 91\r\nshop:none:xterm-256color\r\n0\r\n")
        await seat.socket.send(json.dumps({"resize": {"columns": 100, "rows": 50}}))
        await seat.type("stty size\r")
        await seat.sees("50 100")
        (entry,) = await entries(shop, "open project shell")
        assert (entry["who"], entry["project"], entry.get("status")) == ("token", "shop", None)
        await seat.type("exit 3\r")
        assert await seat.ended() == ({"exit": 3}, 1000)
    with anyio.fail_after(10):
        while (await entries(shop, "open project shell"))[0].get("status") != 101:  # noqa: ASYNC110
            await anyio.sleep(0.1)


async def test_who_leaves_takes_the_shell_along(shop: Api, tmp_path: Path) -> None:
    async with opened(shop) as seat:
        await seat.type(f"sleep 71.5 & echo $! > {tmp_path}/job; sleep 72.5; echo over\r")
        with anyio.fail_after(20):
            while not (tmp_path / "job").exists():  # noqa: ASYNC110
                await anyio.sleep(0.05)
    job = (tmp_path / "job").read_text().strip()
    with anyio.fail_after(20):
        while await anyio.Path("/proc", job).exists():  # noqa: ASYNC110
            await anyio.sleep(0.05)


async def test_it_ends_with_its_project_and_with_the_server(shop: Api) -> None:
    async with opened(shop) as seat:
        await seat.ready()
        await shop.ok("DELETE", "/v1/projects/shop")
        assert await seat.ended() == (None, 1001)
    assert (await refused(shop))[0] == 404
    await shop.ok("POST", "/v1/projects", {"name": "shop"})
    async with opened(shop) as seat:
        await seat.ready()
        shop.server.stop()
        assert await seat.ended() == (None, 1001)


async def test_in_an_app_it_is_a_shell_of_the_container(tmp_path: Path, podman: Path) -> None:
    async with with_app(tmp_path) as api:
        async with opened(api, f"{PLACE}/shell") as seat:
            await seat.type("echo in $WHERE; tty; exit 4\r")
            await seat.sees("in app\r\n/dev/pts/")
            assert await seat.ended() == ({"exit": 4}, 1000)
        assert (await entries(api, "open app shell"))[0]["project"] == "shop"
        (podman / "down").touch()
        assert await refused(api, f"{PLACE}/shell") == (409, "DEV does not run. Start it first.")
        assert (await refused(api, "/v1/projects/shop/apps/prod/shell"))[0] == 404
        assert (await refused(api, "/v1/projects/shop/apps/test/shell"))[0] == 404
        assert (await refused(api, "/v1/projects/none/apps/dev/shell"))[0] == 404


async def test_messages_that_are_none_end_it(shop: Api) -> None:
    for odd in (
        "hello",
        "{}",
        '{"resize": {"columns": 0, "rows": 5}}',
        '{"resize": {"columns": 5, "rows": 5, "x": 1}}',
    ):
        async with opened(shop) as seat:
            await seat.socket.send(odd)
            assert await seat.ended() == (None, 1008)
    async with opened(shop) as seat:
        await seat.socket.send(b"x" * 300_000)
        assert await seat.ended() == (None, 1009)
    assert (await refused(shop, f"{SHELL}?columns=x"))[0] == 400
    assert (await refused(shop, f"{SHELL}?rows=0"))[0] == 400


async def test_more_than_a_shell_takes_is_not_held(shop: Api) -> None:
    async with opened(shop) as seat:
        await seat.type("stty -echo; echo re''ady; sleep 73.5\r")
        await seat.sees("ready")
        with suppress(ConnectionClosed):
            for _ in range(100):
                await seat.socket.send((b"y" * 99 + b"\n") * 1_000)
        await seat.ended()
        assert seat.socket.close_code == 1008


async def test_there_is_a_most_of_shells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits.Visits.__init__, "__kwdefaults__", {"of_project": 2, "most": 10})
    async with serving(tmp_path) as api:
        await api.ok("POST", "/v1/projects", {"name": "shop"})
        async with opened(api) as one, opened(api) as two:
            await one.ready()
            await two.ready()
            status, sentence = await refused(api)
            assert (status, "Close one" in sentence) == (409, True)
        with anyio.fail_after(20):
            while not await opens(api):  # noqa: ASYNC110
                await anyio.sleep(0.1)


async def opens(api: Api) -> bool:
    try:
        async with opened(api) as seat:
            await seat.ready()
    except InvalidStatus:
        return False
    return True


# --- the walls --------------------------------------------------------------------------------------------------------


async def test_without_the_token_there_is_none_and_guesses_are_counted(shop: Api) -> None:
    assert (await refused(shop, X="y"))[0] == 401
    for _ in range(FREE):
        assert (await refused(shop, Authorization="Bearer wrong"))[0] == 401
    assert (await refused(shop, Authorization="Bearer wrong"))[0] == 429
    assert (await refused(shop, Cookie="appx_login=a.1.b"))[0] == 429
    found = await entries(shop, "a wrong token")
    assert sum(each["count"] for each in found) == FREE + 1
    async with opened(shop) as seat:
        await seat.ready()


async def test_with_the_cookie_only_pages_of_ours_get_one(shop: Api) -> None:
    link = (await shop.ok("POST", "/v1/login-codes"))["path"]
    answer = await shop.http.get(link, headers={"Authorization": ""})
    cookie = answer.headers["set-cookie"].partition(";")[0]
    host = shop.http.base_url.netloc.decode()
    for origin in ("http://evil.example", f"http://{host.partition(':')[0]}:3000", "null", ""):
        headers = {"Cookie": cookie} | ({"Origin": origin} if origin else {})
        status, sentence = await refused(shop, **headers)
        assert (status, "own pages" in sentence) == (403, True), origin
    own = {"Cookie": cookie, "Origin": f"http://{host}"}
    assert (await refused(shop, **own, **{"X-Forwarded-Proto": "https"}))[0] == 403
    assert (await refused(shop, **own, **{"Sec-Fetch-Site": "same-site"}))[0] == 403
    assert await entries(shop, "open project shell") == []
    async with opened(shop, **own) as seat:
        await seat.ready()
    (entry,) = await entries(shop, "open project shell")
    assert entry["who"].startswith("cookie ")


def handshake(path: str = SHELL, *, without: str = "", **more: str) -> str:
    lines = {
        "Host": "localhost", "Authorization": f"Bearer {TOKEN}", "Connection": "Upgrade", "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
    } | more  # fmt: skip
    lines.pop(without, None)
    return f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"


async def test_a_name_that_is_not_ours_gets_none(shop: Api) -> None:
    status, _, body = await said(shop, handshake(Host="evil.example"))
    assert (status, "APPX_HOSTS" in body["error"]) == (421, True)


async def test_heads_are_limited_as_ever(shop: Api) -> None:
    refusal(await said(shop, handshake(X="x" * 40_000)), 431, "headers")
    refusal(await said(shop, handshake(SHELL + "?" + "x" * 20_000)), 414, "longer than")


@pytest.mark.parametrize(
    "asked",
    [
        handshake(without="Sec-WebSocket-Key"),
        handshake(**{"Sec-WebSocket-Version": "8"}),
        handshake(**{"Content-Length": "0"}),
        handshake(Cookie="x" * 9_000),
        handshake(Connection="close"),
        handshake().replace("HTTP/1.1", "HTTP/1.0"),
        HEAD.replace("/v1/healthz", SHELL) + "Connection: close\r\n\r\n",
    ],
)
async def test_what_is_no_handshake_is_told_what_it_is(shop: Api, asked: str) -> None:
    status, _, body = await said(shop, asked.replace("Connection: Upgrade", "Connection: close, Upgrade"))
    assert (status, "WebSocket" in body["error"]) == (426, True)


async def test_elsewhere_the_wish_for_a_websocket_is_not_heard(shop: Api) -> None:
    assert (await said(shop, handshake("/v1/healthz")))[0] == 200
    assert (await said(shop, handshake().replace("GET", "POST", 1)))[0] == 405


async def test_a_key_that_is_none_is_refused(shop: Api) -> None:
    def talk() -> bytes:
        with wire(shop) as client:
            client.send(handshake(**{"Sec-WebSocket-Key": "x"}))
            return client.socket.recv(1_000)

    assert (await anyio.to_thread.run_sync(talk)).startswith(b"HTTP/1.1 400")


async def test_shells_count_as_connections_until_they_end(tmp_path: Path) -> None:
    """Of eight, six may be of one address; the client of the tests has one."""
    async with serving(tmp_path, APPX_MAX_CONNECTIONS="8") as api:
        await api.ok("POST", "/v1/projects", {"name": "shop"})
        async with opened(api), opened(api), opened(api), opened(api), opened(api):
            refusal(await said(api, HEAD + "\r\n"), 503, "APPX_MAX_CONNECTIONS")
        await anyio.sleep(0.3)
        for _ in range(8):
            assert await opens(api)
        assert (await said(api, HEAD + "Connection: close\r\n\r\n"))[0] == 200
