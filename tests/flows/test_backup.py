"""A workspace goes into one file and comes back, whole or not at all."""

import gzip
import io
import json
import stat
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from typing_extensions import override

from appx.backup import place
from appx.backup.format import END, header, packed, padding
from appx.backup.make import make
from appx.backup.reader import verify
from appx.backup.restore import Restored, restore
from appx.domain.errors import AppxError, Conflict, Invalid, NoSpace, NotFound, Unavailable
from appx.kit import clock
from appx.wiring.benches import PATH, environment
from appx.workbench.accounts import Shared
from appx.workbench.bench import Command, CommandResult, OnOutput
from appx.workbench.local import LocalBench
from tests.flows.api import TOKEN, Api, serving

pytestmark = pytest.mark.anyio

KEYS = '{"anthropic": {"type": "api_key", "key": "sk-very-secret"}}'


def bench(workspace: Path) -> LocalBench:
    (workspace / ".pi-global").mkdir(mode=0o711, parents=True, exist_ok=True)
    return LocalBench(workspace=workspace, environment=environment(PATH), outputs=workspace / ".pi-global/outputs")


async def backup(workspace: Path, *, credentials: bool = False) -> bytes:
    data = bytearray()

    async def sink(more: bytes) -> None:
        data.extend(more)

    await make(workspace / ".pi-global", bench(workspace), sink, credentials=credentials, on_step=lambda _: None)
    return bytes(data)


async def put_back(data: bytes, workspace: Path, *, force: bool = False, hands: LocalBench | None = None) -> Restored:
    state, hands = workspace / ".pi-global", hands or bench(workspace)
    return await restore(state, hands, Shared(), io.BytesIO(data), force=force, on_step=lambda _: None)


def files(workspace: Path) -> dict[str, bytes]:
    """All that is in a workspace, besides what was put aside."""
    return {
        str(path.relative_to(workspace)): path.read_bytes()
        for path in workspace.rglob("*")
        if path.is_file() and not any(part.lstrip(".").startswith("before-restore") for part in path.parts)
    }


async def some_work(api: Api) -> tuple[str, list[dict[str, Any]]]:
    session = await api.session("Shop")
    await api.turn(session, "run: mkdir -p a/b; echo one > a/b/one.txt; chmod 600 a/b/one.txt; ln -s a/b/one.txt link")
    return session, await api.messages(session)


@pytest.fixture
async def saved(tmp_path: Path) -> AsyncIterator[bytes]:
    """A backup of a workspace with one project."""
    async with serving(tmp_path / "saved") as api:
        await some_work(api)
        yield await backup(tmp_path / "saved")


async def test_a_backup_beside_a_working_server_comes_back_elsewhere(tmp_path: Path) -> None:
    async with serving(tmp_path / "old") as api:
        session, messages = await some_work(api)
        (tmp_path / "old/.pi-global/AGENTS.md").write_text("my prompt")
        async with api.events(session) as reader:
            await api.prompt(session, "run: echo started; sleep 30")
            await reader.until("tool_execution_update")
            data = await backup(tmp_path / "old")
            await api.ok("POST", f"{session}/abort")
    done = await put_back(data, tmp_path / "new")
    assert done.projects == ("shop",)
    assert (tmp_path / "new/.pi-global/AGENTS.md").read_text() == "my prompt"
    async with serving(tmp_path / "new") as api:
        found = await api.messages(session)
        assert found[: len(messages)] == messages
        assert "Interrupted" in found[-1]["content"][0]["text"], "the turn that ran was cut off there"
        project = await api.ok("GET", "/v1/projects/shop")
        assert project["projectDir"] == str(tmp_path / "new/shop")
        one = tmp_path / "new/shop/a/b/one.txt"
        assert (one.read_text(), stat.S_IMODE(one.stat().st_mode)) == ("one\n", 0o600)
        assert str((tmp_path / "new/shop/link").readlink()) == "a/b/one.txt"
        assert (await api.turn(session, "run: git status --short"))[-1]["outcome"] == "done"


async def test_keys_are_in_it_only_when_asked_for(tmp_path: Path, saved: bytes) -> None:
    keys = tmp_path / "saved/.pi-global/credentials.json"
    keys.write_text(KEYS)
    without, with_them = await backup(tmp_path / "saved"), await backup(tmp_path / "saved", credentials=True)
    assert b"sk-very-secret" not in gzip.decompress(without)
    assert TOKEN.encode() not in gzip.decompress(with_them)

    mine = tmp_path / "new/.pi-global/credentials.json"
    bench(tmp_path / "new")
    mine.write_text("{}")
    await put_back(without, tmp_path / "new")
    assert mine.read_text() == "{}", "a backup without keys leaves those that are there"
    await put_back(with_them, tmp_path / "new", force=True)
    assert (mine.read_text(), stat.S_IMODE(mine.stat().st_mode)) == (KEYS, 0o600)


async def test_a_workspace_with_projects_is_left_alone_unless_forced(tmp_path: Path, saved: bytes) -> None:
    async with serving(tmp_path / "new") as api:
        other = await api.session("Other")
        await api.turn(other, "run: echo mine > mine.txt")
        await api.turn(await api.session("Shop"), "run: echo mine > mine.txt")
    before = files(tmp_path / "new")
    with pytest.raises(Conflict, match=r"2 projects.*--force"):
        await put_back(saved, tmp_path / "new")
    assert files(tmp_path / "new") == before

    done = await put_back(saved, tmp_path / "new", force=True)
    async with serving(tmp_path / "new") as api:
        assert [each["id"] for each in (await api.ok("GET", "/v1/projects"))["projects"]] == ["shop"]
    assert not (tmp_path / "new/other").exists()
    assert not (tmp_path / "new/shop/mine.txt").exists()
    for name in ("other", "shop"):
        assert (tmp_path / f"new/.{done.aside}/{name}/mine.txt").read_text() == "mine\n"
    assert (tmp_path / f"new/.pi-global/{done.aside}/appx.db").is_file()


@pytest.mark.parametrize("place_", [0, 5, 100, 0.3, 0.5, 0.9, -1, -700])
@pytest.mark.parametrize("how", ["cut", "changed"])
async def test_a_damaged_backup_changes_nothing(tmp_path: Path, saved: bytes, place_: float, how: str) -> None:
    at = int(place_ * len(saved)) if 0 < place_ < 1 else int(place_) % len(saved)
    damaged = saved[:at] if how == "cut" else saved[:at] + bytes([saved[at] ^ 0x55]) + saved[at + 1 :]
    if how == "changed" and at == 5:
        return  # the time in a header of gzip, which nobody reads
    bench(tmp_path / "new")
    with pytest.raises(Invalid):
        verify(io.BytesIO(damaged))
    with pytest.raises(Invalid, match="backup"):
        await put_back(damaged, tmp_path / "new")
    assert files(tmp_path / "new") == {}
    assert [path.name for path in (tmp_path / "new").iterdir()] == [".pi-global"]


def archive(*members: tuple[str, bytes]) -> bytes:
    made = clock.now()
    parts = [header(name, len(data), made) + data + padding(len(data)) for name, data in members]
    return packed(b"".join(parts) + END)


def about(**changed: object) -> tuple[str, bytes]:
    found = {"format": 1, "appx": "9.9", "made": "2026-01-01T00:00:00Z", "schema_version": 1, "credentials": False}
    return "appx-backup.json", json.dumps(found | changed).encode()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no backup"),
        (b"hello " * 1000, "no backup"),
        (packed(b"hello " * 1000), "no backup"),
        (archive(("other.txt", b"x")), "no backup"),
        (archive(about(schema_version=1000)), "newer appx .9.9"),
        (archive(about(format=2)), "newer appx"),
        (archive(("appx-backup.json", b"{}")), "damaged"),
        (archive(about()), "end is missing"),
        (archive(about(), ("manifest.json", b'{"files": []}')), "not as it was written"),
        (archive(about(), ("state/../../x", b"x")), "no place"),
        (archive(about(), ("state/token", b"x")), "no place"),
        (archive(about(), ("projects/shop.tar/0002", b"x")), "wrong place"),
    ],
    ids=lambda given: given if isinstance(given, str) else "data",
)
async def test_what_is_no_whole_backup_of_this_version_is_refused(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(Invalid, match=says):
        await put_back(data, tmp_path)
    assert files(tmp_path) == {}


@dataclass(slots=True, kw_only=True)
class Failing(LocalBench):
    """Ends at the n-th command, before or after it was done."""

    left: int = 0
    done: bool = False

    @override
    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        self.left -= 1
        if self.left == 0 and not self.done:
            raise Unavailable("cut off")
        result = await LocalBench.run(self, command, on_output)
        if self.left == 0:
            raise Unavailable("cut off")
        return result


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("done", [False, True])
async def test_a_restore_that_is_cut_off_is_either_nothing_or_can_be_finished(
    *, tmp_path: Path, saved: bytes, number: int, done: bool
) -> None:
    workspace = tmp_path / "new"
    async with serving(workspace) as api:
        await api.session("Other")
        await api.session("Shop")
    before = files(workspace)
    usual = bench(workspace)
    failing = Failing(workspace=workspace, environment=usual.environment, outputs=usual.outputs, left=number, done=done)
    with pytest.raises(Unavailable, match="cut off"):
        await put_back(saved, workspace, force=True, hands=failing)
    if not place.begun(workspace / ".pi-global"):
        assert files(workspace) == before
        return
    await place.finish(workspace / ".pi-global", usual, Shared())
    assert not place.begun(workspace / ".pi-global")
    async with serving(workspace) as api:
        assert [each["id"] for each in (await api.ok("GET", "/v1/projects"))["projects"]] == ["shop"]
    assert (workspace / "shop/a/b/one.txt").read_text() == "one\n"
    assert not (workspace / "other").exists()


async def test_what_a_killed_restore_unpacked_is_removed_by_the_next_one(tmp_path: Path, saved: bytes) -> None:
    hands = bench(tmp_path / "new")
    for folder in (".pi-global/restore-1", ".restore-1/shop"):
        (tmp_path / "new" / folder).mkdir(parents=True)
    assert place.left(tmp_path / "new/.pi-global")
    await put_back(saved, tmp_path / "new")
    await put_back(saved, tmp_path / "new", force=True)  # twice in one second
    await place.settle(tmp_path / "new/.pi-global", hands, Shared())
    assert not place.left(tmp_path / "new/.pi-global")
    assert not [*(tmp_path / "new").rglob("*restore-1*")]


async def test_a_project_without_its_directory_is_saved_as_a_record(tmp_path: Path) -> None:
    async with serving(tmp_path / "old") as api:
        await api.session("Shop")
        (tmp_path / "old/shop").rename(tmp_path / "elsewhere")
        data = await backup(tmp_path / "old")
    assert (await put_back(data, tmp_path / "new")).projects == ("shop",)
    async with serving(tmp_path / "new") as api:
        assert (await api.ok("GET", "/v1/projects"))["projects"][0]["id"] == "shop"


async def test_without_a_database_there_is_nothing_to_save(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="WORKSPACE_DIR"):
        await backup(tmp_path)


async def test_a_full_disk_below_the_snapshot_leaves_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path) as api:
        await api.session()

        async def full(_: bytes) -> None:
            raise NoSpace("full")

        with pytest.raises(AppxError, match="full"):
            await make(tmp_path / ".pi-global", bench(tmp_path), full, credentials=False, on_step=lambda _: None)
    assert not [path for path in (tmp_path / ".pi-global").iterdir() if path.name.startswith(".")]


@asynccontextmanager
async def process(workspace: Path) -> AsyncIterator[None]:
    """``appx serve`` in a process of its own, ended by force."""
    command = [sys.executable, "-m", "appx", "serve", "--local"]
    async with await anyio.open_process(command, env=variables(workspace), stderr=subprocess.PIPE) as server:
        assert server.stderr is not None
        told = b""
        while b"listening" not in told:
            told += await server.stderr.receive()
        try:
            yield
        finally:
            with suppress(ProcessLookupError):
                server.kill()


def variables(workspace: Path) -> dict[str, str]:
    return {
        "WORKSPACE_DIR": str(workspace),
        "AGENT_SERVER_TOKEN": TOKEN,
        "AGENT_SERVER_PORT": "0",
        "PATH": PATH,
        "PYTHONPATH": "src",
    }


async def appx(workspace: Path, *words: str, file: str | None = None) -> tuple[int, str]:
    """The exit code and what was said."""
    shell = [sys.executable, "-m", "appx", *words]
    line = ["sh", "-c", f'exec "$@" > {file}', "sh", *shell] if file else shell
    done = await anyio.run_process(line, env=variables(workspace), check=False)
    return done.returncode, done.stderr.decode()


@pytest.mark.timeout(60)
async def test_the_commands_work_beside_a_server_and_say_what_to_do(tmp_path: Path) -> None:
    workspace, archive_ = tmp_path / "workspace", tmp_path / "a.tar.gz"
    async with process(workspace):
        code, said = await appx(workspace, "backup", str(archive_))
        assert (code, "without keys" in said) == (0, True), said
        assert stat.S_IMODE(archive_.stat().st_mode) == 0o600
        code, said = await appx(workspace, "restore", str(archive_))
        assert (code, "Stop it first" in said) == (1, True), said
        code, said = await appx(workspace, "serve", "--local")
        assert (code, "works in" in said) == (1, True), said
        code, said = await appx(workspace, "restore", "--stop", str(archive_))
        assert (code, "restored 0 projects" in said) == (0, True), said
    code, said = await appx(workspace, "backup", str(archive_))
    assert (code, "--force" in said) == (1, True), said
    code, said = await appx(workspace, "backup", "-", file="/dev/full")
    assert (code, "is full" in said) == (1, True), said
    code, said = await appx(workspace, "restore", str(archive_))
    assert (code, "restored 0 projects" in said) == (0, True), said
    assert sorted([path.name async for path in anyio.Path(tmp_path).iterdir()]) == ["a.tar.gz", "workspace"]
    with tarfile.open(archive_) as opened:
        assert opened.getnames() == ["appx-backup.json", "state/appx.db", "manifest.json"]
