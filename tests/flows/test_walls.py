"""What the server does about connections, names, pages and guesses, over real sockets."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from appx.http import connections, limits
from appx.http.throttle import FREE
from tests.contract.schema import check
from tests.flows.apart import workbench
from tests.flows.api import TOKEN, Api, serving

pytestmark = pytest.mark.anyio

NOBODY = {"Authorization": ""}
WRONG = {"Authorization": "Bearer wrong"}
HEAD = f"GET /v1/healthz HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
WALLS = (
    "content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy",
    "cross-origin-opener-policy", "cross-origin-resource-policy", "permissions-policy",
)  # fmt: skip


class Wire:
    """A client that sends what it likes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def send(self, text: str | bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def answer(self) -> tuple[int, dict[str, str], Any]:
        """Until the server closes the connection."""
        found = b""
        with suppress(ConnectionResetError):
            while piece := self.socket.recv(65_536):
                found += piece
        head, _, body = found.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return int(first.split()[1]), headers, json.loads(body)


@contextmanager
def wire(api: Api) -> Iterator[Wire]:
    port = api.http.base_url.port
    assert port is not None
    made = Wire(port)
    with made.socket:
        yield made


def asked(connected: socket.socket) -> None:
    """Ask, and take the whole answer, on this very connection."""
    http = HTTPConnection("localhost")
    http.sock = connected
    http.request("GET", "/")
    http.getresponse().read()
    assert http.sock is connected, "it stays open"


async def said(api: Api, *pieces: str | bytes) -> tuple[int, dict[str, str], Any]:
    def talk() -> tuple[int, dict[str, str], Any]:
        with wire(api) as client:
            for piece in pieces:
                client.send(piece)
            return client.answer()

    return await anyio.to_thread.run_sync(talk)


def refusal(found: tuple[int, dict[str, str], Any], status: int, word: str) -> None:
    code, headers, body = found
    check(body, "ErrorResponse")
    assert (code, word in body["error"]) == (status, True), body
    assert headers["connection"] == "close"
    assert set(WALLS) <= headers.keys()


# --- heads and bodies -------------------------------------------------------------------------------------------------


async def test_an_address_that_is_too_long_is_refused(api: Api) -> None:
    assert (await api.http.get("/v1/projects/" + "a" * 10_000)).status_code == 404
    refusal(await said(api, f"GET /v1/{'a' * 20_000} HTTP/1.1\r\nHost: localhost\r\n\r\n"), 414, "longer than")


async def test_headers_that_are_too_large_or_too_many_are_refused(api: Api) -> None:
    refusal(await said(api, HEAD + f"X: {'x' * 40_000}\r\n\r\n"), 431, "headers")
    refusal(await said(api, HEAD + "X: y\r\n" * 101 + "\r\n"), 431, "headers")
    assert (await api.http.get("/v1/healthz", headers={"X": "x" * 20_000})).status_code == 200


@pytest.mark.parametrize("before", ["", HEAD + "X: "], ids=["the first line", "a header"])
async def test_a_head_that_never_ends_is_given_up(api: Api, before: str) -> None:
    refusal(await said(api, before or "GET /", *["a" * 8_192] * 12), 431, "headers")


async def test_headers_behind_a_body_are_counted_too(api: Api) -> None:
    head = HEAD.replace("GET /v1/healthz", "POST /v1/projects") + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"

    def flood() -> int:
        with wire(api) as client:
            client.send(head + "0\r\n")
            for sent in range(2_000):
                client.send("X: " + "x" * 1_000 + "\r\n")
                with suppress(TimeoutError, BlockingIOError):
                    client.socket.settimeout(0)
                    try:
                        if client.socket.recv(65_536) == b"":
                            return sent
                    except ConnectionResetError:
                        return sent
                client.socket.settimeout(10)
            return 2_000

    assert await anyio.to_thread.run_sync(flood) < 2_000


async def test_what_is_no_http_is_refused_with_a_sentence(api: Api) -> None:
    refusal(await said(api, "hello\r\n\r\n"), 400, "HTTP/1.1")
    refusal(await said(api, b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03"), 400, "HTTP/1.1")
    refusal(await said(api, "CONNECT example.com:443 HTTP/1.1\r\nHost: localhost\r\n\r\n"), 400, "HTTP/1.1")


async def test_two_lengths_of_a_body_are_no_request(api: Api) -> None:
    """What a proxy in front would take for the second request."""
    head = HEAD.replace("GET /v1/healthz", "POST /v1/projects")
    for twice in ("Content-Length: 2\r\nContent-Length: 3\r\n", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"):
        refusal(await said(api, head + twice + "\r\n{}"), 400, "HTTP/1.1")


@contextmanager
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that is made meanwhile gives up after half a second."""
    with monkeypatch.context() as changed:
        made: Callable[..., object] = connections.protocol
        changed.setattr(connections, "protocol", lambda most: made(most, head_seconds=0.5))
        changed.setattr(limits.BodyLimit.__init__, "__kwdefaults__", {"limit": limits.MAX_BODY, "silence": 0.5})
        yield


async def test_a_request_that_does_not_come_to_an_end_ends_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quick(monkeypatch):
        async with serving(tmp_path) as api:
            for begun in ("", "GET", HEAD, "\r\n"):
                refusal(await said(api, begun), 408, "in time")
            body = HEAD.replace("GET /v1/healthz", "POST /v1/projects") + "Content-Length: 20\r\n\r\n{"
            refusal(await said(api, body), 408, "slowly")
            refusal(await said(api, HEAD.replace("localhost\r\n", "localhost\r\n") + "X: y"), 408, "in time")
            assert (await api.call("GET", "/v1/healthz"))[0] == 200


async def test_a_body_that_trickles_ends_in_time_although_it_is_never_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with quick(monkeypatch):
        async with serving(tmp_path) as api:

            def trickle() -> float:
                began = time.monotonic()
                with wire(api) as client:
                    client.send(HEAD.replace("GET /v1/healthz", "POST /v1/projects") + "Content-Length: 9999\r\n\r\n")
                    client.socket.settimeout(0.05)
                    while time.monotonic() - began < 9:
                        client.send(" ")
                        try:
                            if client.socket.recv(100):
                                return time.monotonic() - began
                        except TimeoutError:
                            continue
                return 9

            assert await anyio.to_thread.run_sync(trickle) < 9


# --- how many ---------------------------------------------------------------------------------------------------------


async def test_beyond_the_most_connections_there_is_an_answer_and_streams_count(tmp_path: Path) -> None:
    """Of eight, six may be of one address."""
    async with serving(tmp_path, APPX_MAX_CONNECTIONS="8") as api:
        session = await api.session()
        async with api.events(session), api.events(session):
            with ExitStack() as stack:
                for _ in range(4):
                    stack.enter_context(wire(api))
                await anyio.sleep(0.2)
                found = await said(api, HEAD + "\r\n")
                refusal(found, 503, "APPX_MAX_CONNECTIONS")
                assert found[1]["retry-after"] == "5"
            await anyio.sleep(0.2)
            assert (await said(api, HEAD + "Connection: close\r\n\r\n"))[0] == 200


async def test_far_beyond_the_most_there_is_no_answer_and_no_memory_of_it(tmp_path: Path) -> None:
    async with serving(tmp_path, APPX_MAX_CONNECTIONS="4") as api:
        with ExitStack() as stack:
            for _ in range(3 + connections.LATE):
                stack.enter_context(wire(api))
            last = stack.enter_context(wire(api))
            await anyio.sleep(0.2)
            with pytest.raises((ConnectionResetError, IndexError)):
                await anyio.to_thread.run_sync(last.answer)
        await anyio.sleep(0.2)
        assert (await said(api, HEAD + "Connection: close\r\n\r\n"))[0] == 200


async def test_a_connection_may_pause_for_longer_than_clients_keep_theirs(tmp_path: Path) -> None:
    """Many close one after five seconds. Who does not is not cut off just when the next request is on its way."""
    async with workbench(tmp_path) as variables, serving(tmp_path / "workspace", **variables) as api:
        await api.session()
        with wire(api) as client, socket.socket(socket.AF_UNIX) as hands:
            hands.connect(variables["APPX_WORKBENCH_SOCKET"])
            for pause in (0, 6):
                await anyio.sleep(pause)
                for each in (client.socket, hands):
                    await anyio.to_thread.run_sync(asked, each)


# --- guesses ----------------------------------------------------------------------------------------------------------


async def test_who_guesses_is_told_to_wait_and_who_knows_the_token_never(api: Api) -> None:
    login = (await api.ok("POST", "/v1/login-codes"))["path"]
    answers = [await api.http.get("/v1/projects", headers=WRONG) for _ in range(FREE + 1)]
    assert [each.status_code for each in answers] == [401] * FREE + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    check(answers[-1].json(), "ErrorResponse")
    for wrong in (WRONG, {**NOBODY, "Cookie": "appx_login=a.1.b"}):
        assert (await api.http.get("/v1/projects", headers=wrong)).status_code == 429
    assert (await api.http.get("/login?code=wrong", headers=NOBODY)).status_code == 429
    assert (await api.call("GET", "/v1/projects"))[0] == 200
    assert (await api.http.get(login, headers=NOBODY)).status_code == 303, "a right code works, too"


async def test_who_shows_nothing_is_not_counted(api: Api) -> None:
    anonymous = api.http
    del anonymous.headers["Authorization"]
    answers = {(await anonymous.get("/v1/projects")).status_code for _ in range(2 * FREE)}
    assert answers == {401}


# --- names and pages --------------------------------------------------------------------------------------------------


async def status(api: Api, host: str, path: str = "/v1/healthz", **headers: str) -> int:
    return (await api.http.get(path, headers={"Host": host, **headers})).status_code


async def test_a_name_that_is_not_ours_is_refused_everywhere(tmp_path: Path) -> None:
    async with serving(tmp_path, APPX_HOSTS="builder.example, *.apps.example") as api:
        for host in (
            "127.0.0.1", "192.0.2.7:4001", "[::1]:4001", "[2001:db8::1]", "localhost", "localhost:1", "LOCALHOST.",
            "appx.localhost:4001", "builder.example", "Builder.Example:443", "a.apps.example", "b.a.apps.example",
        ):  # fmt: skip
            assert await status(api, host) == 200, host
        for host in (
            "evil.example", "builder.example.evil.example", "evilbuilder.example", "apps.example",
            "127.0.0.1.evil.example", "localhost.evil.example", "evil.example:80:localhost", "",
            "localhost@evil.example",
        ):  # fmt: skip
            for path in ("/v1/healthz", "/docs", "/login?code=x", "/openapi.json"):
                assert await status(api, host, path) == 421, host
        answer = await api.http.get("/v1/healthz", headers={"Host": "evil.example"})
        check(answer.json(), "ErrorResponse")
        assert "APPX_HOSTS" in answer.json()["error"]
        assert (await said(api, HEAD + "Host: evil.example\r\nConnection: close\r\n\r\n"))[0] == 400
        assert (await said(api, "GET /docs/start.js HTTP/1.0\r\n\r\n".replace("/docs/start.js", "/openapi.json")))[
            0
        ] == 200


async def test_a_star_is_any_name(tmp_path: Path) -> None:
    async with serving(tmp_path, APPX_HOSTS="*") as api:
        assert await status(api, "whatever.example") == 200


PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization", **NOBODY}


async def test_no_page_of_another_origin_may_call_unless_it_is_named(tmp_path: Path) -> None:
    async with serving(tmp_path, APPX_CORS_ORIGINS="https://ui.example, http://localhost:5173") as api:
        for origin in ("https://ui.example", "http://localhost:5173"):
            asked = await api.http.options("/v1/projects", headers={"Origin": origin, **PREFLIGHT})
            assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (204, origin)
            assert "PUT" in asked.headers["access-control-allow-methods"]
            assert "Authorization" in asked.headers["access-control-allow-headers"]
            answered = await api.http.get("/v1/projects", headers={"Origin": origin})
            assert answered.headers["access-control-allow-origin"] == origin
            assert answered.headers["vary"] == "Origin"
            refused = await api.http.get("/v1/projects", headers={"Origin": origin, **NOBODY})
            assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, origin)
            for each in (asked, answered):
                assert "access-control-allow-credentials" not in each.headers
        for origin in ("https://evil.example", "https://ui.example.evil.example", "http://ui.example", "null", "*"):
            asked = await api.http.options("/v1/projects", headers={"Origin": origin, **PREFLIGHT})
            assert (asked.status_code, "APPX_CORS_ORIGINS" in asked.text) == (403, True)
            answered = await api.http.get("/v1/projects", headers={"Origin": origin})
            assert not any(name.startswith("access-control") for name in (*asked.headers, *answered.headers))


async def test_without_the_setting_no_page_may_call(api: Api) -> None:
    asked = await api.http.options("/v1/projects", headers={"Origin": "https://ui.example", **PREFLIGHT})
    assert asked.status_code == 403
    answered = await api.http.get("/v1/projects", headers={"Origin": "https://ui.example"})
    assert not any(name.startswith("access-control") for name in answered.headers)


async def test_every_answer_has_walls(api: Api) -> None:
    for method, path, headers in (
        ("GET", "/docs", NOBODY), ("GET", "/", NOBODY), ("GET", "/swagger/swagger-ui.css", NOBODY),
        ("GET", "/openapi.json", NOBODY), ("GET", "/nowhere", NOBODY), ("GET", "/login?code=x", NOBODY),
        ("GET", "/v1/projects", NOBODY), ("GET", "/v1/projects", {}), ("GET", "/v1/projects/none", {}),
        ("POST", "/v1/projects", {}), ("PUT", "/v1/projects", {}), ("GET", "/v1/healthz", {"Host": "evil.example"}),
    ):  # fmt: skip
        answer = await api.http.request(method, path, headers=headers)
        assert set(WALLS) <= answer.headers.keys(), path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert (answer.headers.get("cache-control") == "no-store") is path.startswith(("/v1", "/login")), path


async def test_over_tls_the_cookie_has_the_name_that_only_this_host_can_set(api: Api) -> None:
    for proto, name, secure in (("https", "__Host-appx_login", True), ("http", "appx_login", False)):
        path = (await api.ok("POST", "/v1/login-codes"))["path"]
        answer = await api.http.get(path, headers={**NOBODY, "X-Forwarded-Proto": proto})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith(f"{name}=")
        assert ("Secure" in cookie) is secure
        assert "Path=/" in cookie
        assert "Domain" not in cookie
        browser = {**NOBODY, "Cookie": cookie.partition(";")[0], "Host": "localhost", "X-Forwarded-Proto": proto}
        api.http.cookies.clear()
        for origin, expected in (("https://localhost", 200), ("http://localhost", 403 if secure else 200)):
            made = await api.http.post("/v1/projects", json={"name": "x"}, headers={**browser, "Origin": origin})
            assert made.status_code == expected, (proto, origin)
        foreign = {**browser, "Origin": f"{proto}://localhost", "Sec-Fetch-Site": "same-site"}
        assert (await api.http.post("/v1/projects", json={"name": "x"}, headers=foreign)).status_code == 403
