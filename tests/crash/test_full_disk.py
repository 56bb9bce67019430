"""A workspace on a disk of a few megabytes that fills: who asks is told, nothing is lost, and room cures it."""

import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from zipfile import ZIP_STORED

import anyio
import pytest

from tests.crash.book import Book, Json, ProjectNote, SessionNote
from tests.crash.checks import check_all, idle
from tests.crash.life import Ended, Life, Nursery, client, listening, nursery, running, tools, variables
from tests.crash.people import People, follow
from tests.unit.workbench.streams import archive

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

MEGABYTES = 6
MOUNT = f'mount -t tmpfs -o size={MEGABYTES}m tmpfs "$0" && exec "$@"'
REFUSED = frozenset({503, 507})
CURED_SECONDS = 10.0


class SmallDisk:
    """Servers in a mount namespace of their own, where the workspace is a small tmpfs."""

    def __init__(self, folder: Path, found: Nursery) -> None:
        self.path = folder / "workspace"
        self.book = Book()
        self._log = folder / "server.log"
        self._variables = variables(self.path, tools(folder / "bin"))
        self._nursery = found

    @property
    def seen(self) -> Path:
        """The workspace from outside of the namespace."""
        return self._nursery.root / self.path.relative_to("/")

    def fill(self) -> None:
        with (self.seen / "ballast").open("ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1 << 9):
                try:
                    while file.write(b"x" * size) == size:
                        pass
                except OSError:
                    continue

    def make_room(self) -> None:
        (self.seen / "ballast").unlink(missing_ok=True)

    @asynccontextmanager
    async def server(self) -> AsyncIterator[Life]:
        """Killed when the block ends. Raises Ended when it does not come up."""
        start = self._log.stat().st_size if self._log.exists() else 0
        pid = self._nursery.start(self._variables, self._log)
        up = False
        try:
            async with client(await listening(self._log, start, pid)) as http:
                up = True
                yield Life(pid=pid, http=http, log=self._log)
                assert running(pid), self._log.read_text()
        finally:
            status = self._nursery.ended(pid)
            if not up:
                assert status.code > 0, status
                assert "full" in self._log.read_text()[start:], self._log.read_text()[start:]

    async def begin(self, life: Life, name: str = "Small") -> tuple[People, ProjectNote, SessionNote]:
        people = People(life, self.book, Random(0), refused=REFUSED)
        project = ProjectNote(name=name)
        await people.create_project(project)
        session = await people.create_session(project)
        assert session is not None
        await people.prompt(session, "say: before")
        await people.set_key("sk-before")
        await idle(life, session)
        return people, project, session

    async def check(self, life: Life) -> None:
        await check_all(life, self.book, self.seen, killed_at=float("inf"), fresh=False)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    rights = ["--map-root-user"] if os.getuid() else []
    space = ["unshare", "--mount", "--propagation", "private", *rights]
    (tmp_path / "workspace").mkdir()
    try:
        subprocess.run(
            [*space, "sh", "-c", MOUNT, str(tmp_path / "workspace"), "true"], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this machine gives no mount namespace of one's own: {error}")
    with nursery(*space, "sh", "-c", MOUNT, str(tmp_path / "workspace")) as found:
        yield SmallDisk(tmp_path, found)


async def refused(life: Life, method: str, path: str, body: object = None) -> str:
    """Ask until the answer is that the disk is full: a little may still fit."""
    for _ in range(500):
        status, found = await life.call(method, path, body)
        if status != 200:
            assert status in REFUSED, (status, found)
            assert "full" in found["error"] or "space" in found["error"], found
            return str(found["error"])
    raise AssertionError(f"{method} {path} is never refused")


async def filled(life: Life, people: People, session: SessionNote) -> str:
    """A turn that fills the disk. Answers what a reader of the session is told."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, life, session)
        await people.prompt(session, "run: head -c 20M /dev/zero > big.bin; sleep 0.3; echo more > more.txt")
        with anyio.fail_after(CURED_SECONDS):
            while not session.shown.notices:
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    return session.shown.notices[0]


async def cured(life: Life, session: SessionNote) -> Json:
    """The end of the turn, which comes as soon as there is room."""
    with anyio.fail_after(CURED_SECONDS):
        await idle(life, session)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, life, session)
        with anyio.fail_after(CURED_SECONDS):
            while not (facts := turns(session)) or "outcome" not in facts[-1]:
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    return facts[-1]


def turns(session: SessionNote) -> list[Json]:
    """What a reader was shown, without the checkpoint that may come after the end of a turn."""
    return [fact for fact in session.shown.facts if fact.get("statusKey") != "checkpoint"]


async def read(life: Life, session: SessionNote) -> None:
    await follow(life, session, lean=True)


async def test_who_asks_on_a_full_disk_is_told_and_room_cures_it(disk: SmallDisk) -> None:
    async with disk.server() as life:
        people, project, session = await disk.begin(life)
        disk.fill()
        sessions = f"/v1/projects/{project.id}/sessions"
        project.unknown_sessions = 1_000
        assert "Make room" in await refused(life, "POST", sessions)
        assert "Make room" in await refused(life, "PUT", "/v1/auth/providers/openai/api-key", {"key": "sk-late"})
        assert await refused(life, "POST", "/v1/projects", {"name": "Other"})
        status, found = await life.call("POST", f"{session.path}/prompt", {"text": "say: late"})
        session.prompts["say: late"] = status == 200
        assert status in {200, *REFUSED}, found
        for path in ("/v1/healthz", "/v1/projects", sessions, session.path):
            assert (await life.call("GET", path))[0] == 200
        disk.make_room()
        await people.set_key("sk-after")
        await idle(life, session)
        await disk.check(life)
    async with disk.server() as life:
        await disk.check(life)


async def test_a_file_or_an_archive_that_does_not_fit_leaves_nothing(disk: SmallDisk) -> None:
    async with disk.server() as life:
        _, project, _ = await disk.begin(life)
        await life.http.put(f"/v1/projects/{project.id}/files?path=a", content=b"old")
        before = sorted(path.name for path in (disk.seen / project.id).iterdir())
        large = archive(("small", b"x"), ("large", os.urandom(5 << 20)), method=ZIP_STORED)
        unpacked = archive(("small", b"x"), ("large", bytes(12 << 20)))
        for method, path, data in (
            ("PUT", "files?path=a", bytes(20 << 20)),
            ("PUT", "files?path=new/b", bytes(20 << 20)),
            ("POST", "upload", large + bytes(4 << 20)),
            ("POST", "upload", unpacked),
        ):
            answer = await life.http.request(method, f"/v1/projects/{project.id}/{path}", content=data)
            assert (answer.status_code, "Make room" in answer.text) == (507, True), answer.text
            assert sorted(path.name for path in (disk.seen / project.id).iterdir()) == before
        assert (await life.http.get(f"/v1/projects/{project.id}/files?path=a")).content == b"old"
        assert (await life.http.put(f"/v1/projects/{project.id}/files?path=a", content=b"new")).status_code == 200
        await disk.check(life)


async def test_a_turn_that_fills_the_disk_says_so_and_ends_when_there_is_room(disk: SmallDisk) -> None:
    async with disk.server() as life:
        people, project, session = await disk.begin(life)
        assert "full" in await filled(life, people, session)
        status, found = await life.call("POST", f"{session.path}/abort")
        assert (status, "full" in found["error"]) == (507, True), found
        assert (await life.ok("GET", f"{session.path}/settings"))["isStreaming"]
        (disk.seen / project.id / "big.bin").unlink()
        end = await cured(life, session)
        assert (end["outcome"], "full" in end["detail"]) == ("failed", True), end
        await disk.check(life)
    async with disk.server() as life:
        await disk.check(life)


async def test_a_server_that_was_killed_on_a_full_disk_comes_back_with_everything(disk: SmallDisk) -> None:
    async with disk.server() as life:
        people, _, session = await disk.begin(life)
        await people.prompt(session, "run: echo started; sleep 5")
        disk.fill()
        await refused(life, "PUT", "/v1/auth/providers/openai/api-key", {"key": "sk-late"})
    try:
        async with disk.server() as life:
            assert (await life.call("GET", "/v1/projects"))[0] == 200
            disk.make_room()
            began = time.monotonic()
            await cured(life, session)
            assert time.monotonic() - began < CURED_SECONDS
            await disk.check(life)
    except Ended:  # it said so, see ``server``
        disk.make_room()
    async with disk.server() as life:
        await disk.check(life)


async def test_deleting_the_project_that_fills_the_disk_makes_room(disk: SmallDisk) -> None:
    async with disk.server() as life:
        people, project, session = await disk.begin(life)
        await filled(life, people, session)
        await people.delete_project(project)
        assert project.state == "gone"
        await disk.begin(life, "Other")
        await disk.check(life)
    async with disk.server() as life:
        await disk.check(life)
