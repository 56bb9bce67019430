"""People who work with a server all at once, and write down what it told them."""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random

import anyio
import httpx2

from tests.crash.book import Book, ProjectNote, SessionNote, State
from tests.crash.life import Cut, Life

DEMO = {"provider": "scripted", "modelId": "demo"}
MAX_SESSIONS = 8
MAX_PROJECTS = 6


class People:
    """Everybody works until the server is gone. ``random`` decides what they do.

    ``refused``: the statuses by which a server with a sick disk says no; what was asked may have been done or not.
    """

    def __init__(self, life: Life, book: Book, random: Random, *, refused: frozenset[int] = frozenset()) -> None:
        self._refused = refused
        self._life = life
        self._book = book
        self._random = random
        self._number = 0

    async def work(self) -> None:
        async with anyio.create_task_group() as tasks:
            for session in self._book.sessions():
                tasks.start_soon(self.read, session)
            for does in (self._talk, self._talk, self._talk, self._manage, self._manage, self._set):
                tasks.start_soon(self._again, does)

    async def read(self, session: SessionNote) -> None:
        with suppress(Cut):
            await follow(self._life, session, lean=self._random.random() < 0.5)

    async def _again(self, does: Callable[[], Awaitable[None]]) -> None:
        with suppress(Cut):
            while True:
                await does()
                await anyio.sleep(self._random.random() * 0.02)

    def _fresh(self, what: str) -> str:
        self._number += 1
        return f"{what} {self._random.getrandbits(32):08x} {self._number}"

    # --- talking ------------------------------------------------------------------------------------------------------

    async def _talk(self) -> None:
        sessions = self._book.sessions()
        if not sessions:
            await anyio.sleep(0.005)
            return
        session = self._random.choice(sessions)
        await self.prompt(session, self._wish())
        if self._random.random() < 0.3:
            await anyio.sleep(self._random.random() * 0.05)
            await self.prompt(session, self._wish())
        if self._random.random() < 0.2:
            await anyio.sleep(self._random.random() * 0.05)
            await self._life.call("POST", f"{session.path}/abort")
        if self._random.random() < 0.5:
            await self._life.call("GET", session.path)

    def _wish(self) -> str:
        mark = self._fresh("prompt")
        return self._random.choice(
            (
                f"say: {mark}",
                f"count: {self._random.choice((20, 200, 600))}",
                f"run: echo {mark} > out.txt; head -c 90000 /dev/zero | tr '\\0' x",
                f"run: sleep 0.0{self._random.randrange(10)}; echo {mark} | tee -a log.txt",
                f"a page about {mark}",
            )
        )

    async def prompt(self, session: SessionNote, text: str) -> None:
        """Each text once, so that it can be found again."""
        if text in session.prompts:
            return
        session.prompts[text] = False
        status, _ = await self._life.call("POST", f"{session.path}/prompt", {"text": text})
        if status == 200:
            session.prompts[text] = True
            self._book.acknowledged += 1
        elif status not in self._refused:
            assert status == 404, status
            del session.prompts[text]

    # --- projects and sessions ----------------------------------------------------------------------------------------

    async def _manage(self) -> None:
        there = [project for project in self._book.projects if project.state == "there"]
        choice = self._random.random()
        if not there or (choice < 0.2 and len(there) < MAX_PROJECTS):
            await self.create_project(ProjectNote(name=self._fresh("Project")))
            return
        project = self._random.choice(there)
        if choice < 0.35:
            await self.create_project(project)
        elif choice < 0.75 and len(self._book.sessions()) < MAX_SESSIONS:
            await self._begin(project)
        elif choice < 0.85 and len(self._book.sessions()) > 3:
            await self.delete_session(self._random.choice(self._book.sessions()))
        elif choice < 0.92:
            await self.delete_project(project)

    async def create_project(self, project: ProjectNote) -> None:
        """Make it, or give it another deployment."""
        deployment = {"dev": {"port": 3000 + self._random.randrange(1000), "url": "http://dev.localhost"}}
        body: dict[str, object] = {"name": project.name}
        if self._random.random() < 0.5:
            body["deployment"] = deployment
            project.deployments = [*project.deployments, deployment]
        if project not in self._book.projects:
            self._book.projects.append(project)
        try:
            status, found = await self._life.call("POST", "/v1/projects", body)
        finally:
            deleted = project.state in {"leaving", "gone"}  # by somebody, meanwhile: a look will tell
            if deleted:
                project.lost_sight()
        if deleted:
            return
        if status in self._refused:
            return
        assert status == 200, found
        self._book.acknowledged += 1
        project.state, project.id = "there", found["id"]
        if "deployment" in body and len(project.deployments) == 2:  # nobody else changes it now
            project.deployments = [found.get("deployment")]

    async def delete_project(self, project: ProjectNote) -> None:
        project.state = "leaving"
        project.deployments = [*project.deployments, None]  # of one that is made right after it
        status, _ = await self._life.call("DELETE", f"/v1/projects/{project.id}")
        if project.is_leaving and status not in self._refused:
            self._book.acknowledged += 1
            assert status in {200, 404}, status
            project.state = "gone"

    async def _begin(self, project: ProjectNote) -> None:
        session = await self.create_session(project)
        if session is not None:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self.read, session)
                await anyio.sleep(self._random.random() * 0.2)

    async def create_session(self, project: ProjectNote) -> SessionNote | None:
        project.unknown_sessions += 1
        path = f"/v1/projects/{project.id}/sessions"
        status, found = await self._life.call("POST", path)
        if status in self._refused:
            return None
        project.unknown_sessions -= 1
        if status == 404:
            return None
        self._book.acknowledged += 1
        session = SessionNote(path=f"{path}/{found['id']}")
        if project.state != "there":  # it was made in the project that is deleted, or in the one after it
            session.state = "leaving"
        project.sessions.append(session)
        await choose(self._life, session, DEMO)
        return session

    async def delete_session(self, session: SessionNote) -> None:
        session.state = "leaving"
        status, _ = await self._life.call("DELETE", session.path)
        if status not in self._refused:
            assert status in {200, 404}, status
            self._book.acknowledged += 1
            session.state = "gone"

    # --- settings and keys --------------------------------------------------------------------------------------------

    async def _set(self) -> None:
        number = self._random.getrandbits(32)
        choice = self._random.random()
        if choice < 0.4:
            await self.set_key(f"sk-{number:08x}")
        elif choice < 0.5:
            await self._put("key openai", None, "DELETE", "/v1/auth/providers/openai")
        elif choice < 0.8:
            await self.set_provider(f"http://127.0.0.1:9/{number:08x}")
        else:
            await self._put("provider lab", None, "DELETE", "/v1/custom/providers/lab")

    async def set_key(self, key: str) -> None:
        await self._put("key openai", key, "PUT", "/v1/auth/providers/openai/api-key", {"key": key})

    async def set_provider(self, url: str) -> None:
        body = {"provider": "lab", "baseUrl": url, "api": "openai-completions", "models": [{"id": "m"}]}
        await self._put("provider lab", url, "PUT", "/v1/custom/providers", body)

    async def _put(self, name: str, value: object, method: str, path: str, body: object = None) -> None:
        before = self._book.values.setdefault(name, [None])
        self._book.values[name] = [*before, value]
        status, found = await self._life.call(method, path, body)
        if status not in self._refused:
            assert status == 200, found
            self._book.values[name] = [value]
            self._book.acknowledged += 1


async def choose(life: Life, session: SessionNote, settings: dict[str, str]) -> None:
    """Once a provider has a key its models are the default: these sessions are to have the demo."""
    session.settings.append(settings)
    status, _ = await life.call("PATCH", f"{session.path}/settings", settings)
    if status == 200:
        session.settings = [settings]


async def follow(life: Life, session: SessionNote, *, lean: bool) -> None:
    """Read what happens in a session, from where the last reader was, until the stream ends. Raises Cut."""
    shown = session.shown
    shown.reconnect()
    query = {"after": str(shown.seq)} | ({"deltas": "lean"} if lean else {})
    try:
        async with life.http.stream("GET", f"{session.path}/events", params=query) as answer:
            if answer.status_code == 404:
                return
            assert answer.status_code == 200, answer.status_code
            await listen(answer, session)
    except httpx2.TransportError as error:
        raise Cut(str(error)) from None


async def listen(answer: httpx2.Response, session: SessionNote, until: int | None = None) -> None:
    """``until``: leave when the record of this number was told."""
    seq: int | None = None
    async for line in answer.aiter_lines():
        if line.startswith("id: "):
            seq = int(line[4:])
        elif line.startswith(": seq "):
            session.shown.seq = int(line[6:])
        elif line.startswith("data: {"):
            session.shown.event(json.loads(line[6:]), seq)
            seq = None
        if until is not None and session.shown.seq >= until and not line:
            return


def resolve(state: State, *, found: bool) -> State:
    """What a look says about something that was not acknowledged."""
    return state if state in {"there", "gone"} else "there" if found else "gone"
