"""The API as a client sees it, for tests."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx2

from appx.settings.settings import read_settings
from appx.wiring import benches
from appx.wiring.server import Server
from appx.workbench.local import LocalBench
from appx.workbench.project_benches import ProjectBenches
from appx.workbench.remote import RemoteBench
from tests.contract.schema import check

TOKEN = "test-token-0123456789"
WITHIN = 30.0


class Client:
    """Answers as (status, JSON); every event that is read is checked against the contract."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        answer = await self.http.request(method, path, json=body)
        return answer.status_code, answer.json()

    async def ok(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401  JSON
        status, found = await self.call(method, path, body)
        assert status == 200, found
        return found

    async def session(self, name: str = "demo") -> str:
        """The path of a new session of a project."""
        project = await self.ok("POST", "/v1/projects", {"name": name})
        path = f"/v1/projects/{project['id']}/sessions"
        session = await self.ok("POST", path)
        return f"{path}/{session['id']}"

    async def prompt(self, session: str, text: str) -> None:
        assert await self.ok("POST", f"{session}/prompt", {"text": text}) == {"ok": True}

    @asynccontextmanager
    async def events(
        self, session: str, *, after: int | None = None, lean: bool = False, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator["Reader"]:
        query = {} if after is None else {"after": str(after)}
        query |= {"deltas": "lean"} if lean else {}
        async with self.http.stream("GET", f"{session}/events", params=query, headers=headers) as answer:
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            reader = Reader(answer, lean=lean)
            await reader.connected()
            yield reader

    async def turn(self, session: str, text: str) -> list[dict[str, Any]]:
        """Prompt, and read until the turn ends."""
        async with self.events(session) as reader:
            await self.prompt(session, text)
            return await reader.until("agent_end")

    async def messages(self, session: str) -> list[dict[str, Any]]:
        found = await self.ok("GET", session)
        check(found, "SessionMessagesResponse")
        messages: list[dict[str, Any]] = found["messages"]
        return messages


class Api(Client):
    """With the server itself, which is in this process."""

    def __init__(self, http: httpx2.AsyncClient, server: Server) -> None:
        super().__init__(http)
        self.server = server


class Reader:
    """One reader of an event stream. ``seq`` is the id of the last fact."""

    def __init__(self, answer: httpx2.Response, *, lean: bool) -> None:
        self.seq = 0
        self._lines = answer.aiter_lines()
        self._lean = lean

    async def connected(self) -> None:
        assert (await self.line()).startswith("data: connected to ")

    async def line(self) -> str:
        with anyio.fail_after(WITHIN):
            async for line in self._lines:
                if line:
                    return line
        raise EOFError

    async def next(self) -> dict[str, Any]:
        while True:
            line = await self.line()
            if line.startswith("id: "):
                self.seq = int(line[4:])
            elif line.startswith("data: "):
                event: dict[str, Any] = json.loads(line[6:])
                if not self._lean:
                    check(event, "WireEvent")
                return event

    async def until(self, kind: str) -> list[dict[str, Any]]:
        """All events up to the next of ``kind``, with it."""
        found = [await self.next()]
        while found[-1]["type"] != kind:
            found.append(await self.next())
        return found

    async def rest(self) -> list[dict[str, Any]]:
        """All events until the server ends the stream."""
        found: list[dict[str, Any]] = []
        with suppress(EOFError):
            while True:
                found.append(await self.next())
        return found


def client(port: int) -> httpx2.AsyncClient:
    """Of a server on this machine, with its token; for as many requests at once as a test likes."""
    return httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"Authorization": f"Bearer {TOKEN}"},
        limits=httpx2.Limits(max_connections=None),
        timeout=WITHIN,
        trust_env=False,
    )


def _at_home(hands: benches.Hands) -> benches.Hands:
    """Without what the shells of who runs the tests do when they start: wait for each other, for example."""
    assert isinstance(hands.bench, LocalBench)
    bench = replace(hands.bench, environment={**hands.bench.environment, "HOME": "/nonexistent"})
    return replace(hands, bench=bench)


@asynccontextmanager
async def serving(workspace: Path, **variables: str) -> AsyncIterator[Api]:
    """A server on a free port, stopped as SIGTERM would when the block ends; with the workbench that they name."""
    await anyio.Path(workspace).mkdir(exist_ok=True)
    given = {"WORKSPACE_DIR": str(workspace), "AGENT_SERVER_TOKEN": TOKEN, "AGENT_SERVER_PORT": "0"}
    settings = read_settings(given | variables)
    hands = _at_home(benches.local(settings)) if settings.workbench_socket is None else benches.hands(settings)
    server = Server(settings, hands.bench, hands.accounts)
    async with anyio.create_task_group() as tasks:
        port: int = await tasks.start(server.run)
        async with client(port) as http:
            try:
                yield Api(http, server)
            finally:
                server.stop()
    if isinstance(hands.bench, RemoteBench | ProjectBenches):
        await hands.bench.aclose()
