"""A workspace goes into one file and comes back, whole or not at all."""

import gzip
import io
import json
import math
import os
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio import to_thread
from typing_extensions import override

from appx.backup import place
from appx.backup.format import END, PART_BYTES, header, packed, padding
from appx.backup.make import Made, make
from appx.backup.reader import verify
from appx.backup.restore import Restored, restore
from appx.domain.errors import AppxError, Conflict, Invalid, NoSpace, NotFound, Unavailable
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.wiring.benches import PATH, environment
from appx.workbench.accounts import Shared
from appx.workbench.bench import Command, CommandResult, OnOutput, TakeBytes
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


async def put_back(
    data: bytes,
    workspace: Path,
    *,
    force: bool = False,
    hands: LocalBench | None = None,
    incomplete: tuple[str, ...] = (),
) -> Restored:
    state, hands, file = workspace / ".pi-global", hands or bench(workspace), io.BytesIO(data)
    return await restore(state, hands, Shared(), file, force=force, on_step=lambda _: None, incomplete=incomplete)


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


async def place_projects(
    workspace: Path, work: Callable[[Api], Awaitable[object]], folders: pytest.TempPathFactory
) -> None:
    """A workspace in which ``work`` was done: by the first test that needs it."""
    if work not in _DONE:
        _DONE[work] = folders.mktemp("done") / "workspace"
        async with serving(_DONE[work]) as api:
            await work(api)
    await to_thread.run_sync(partial(shutil.copytree, _DONE[work], workspace, symlinks=True))


_DONE: dict[Callable[[Api], Awaitable[object]], Path] = {}


@pytest.fixture
async def saved(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A backup of a workspace with one project."""
    await place_projects(tmp_path / "saved", some_work, tmp_path_factory)
    return await backup(tmp_path / "saved")


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
    with pytest.raises(Unavailable, match=r"did not do its part of the restore: cut off\. Restart the builder"):
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


Packs = Callable[[TakeBytes], Awaitable[None]]
USUAL = (600.0, math.inf)
"""The longest silence, and the longest time in all."""


@dataclass(slots=True, kw_only=True)
class Hostile(LocalBench):
    """Packs the project ``shop`` as its agent likes."""

    packs: Packs

    @override
    async def pack(self, project: ProjectId, take: TakeBytes) -> None:
        await (self.packs(take) if project == "shop" else LocalBench.pack(self, project, take))


def hostile(workspace: Path, packs: Packs) -> Hostile:
    usual = bench(workspace)
    return Hostile(workspace=workspace, environment=usual.environment, outputs=usual.outputs, packs=packs)


async def two_projects(api: Api) -> None:
    for name in ("Shop", "Tea"):
        await api.turn(await api.session(name), f"run: echo {name} > mine.txt")


@pytest.fixture
async def two(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the projects ``shop`` and ``tea``; a backup takes them in this order."""
    await place_projects(tmp_path / "two", two_projects, tmp_path_factory)
    return tmp_path / "two"


async def half(take: TakeBytes) -> None:
    """One file, the beginning of the next, and words for the terminal of whoever makes the backup."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name in ("kept.txt", "lost.txt"):
            entry = tarfile.TarInfo(name)
            entry.size = 5_000
            tar.addfile(entry, io.BytesIO(b"x" * entry.size))
    await take(made.getvalue()[:8_000])
    raise Unavailable("\x1b[2Jno\nwarning: \u202etea is lost " + "x" * 1_000)


async def gone(take: TakeBytes) -> None:
    await take(b"x" * 20_000)
    raise NotFound("there was never a directory")


async def silent(take: TakeBytes) -> None:
    await take(b"x" * 20_000)
    await anyio.sleep_forever()


async def trickle(take: TakeBytes) -> None:
    while True:
        await take(b"x" * 1_000)
        await anyio.sleep(0.02)


async def garbage(take: TakeBytes) -> None:
    """In three parts; tar has enough of it in the first."""
    for _ in range(3):
        await take(os.urandom(PART_BYTES))


async def much(take: TakeBytes) -> None:
    """What is wrong with the target is told by words of its own, as a workbench does it."""
    for _ in range(2):
        try:
            await take(bytes(PART_BYTES))
            await anyio.sleep(0.01)
        except OSError:
            raise Unavailable("the project cannot be packed") from None


@pytest.mark.parametrize(
    ("packs", "limits", "says"),
    [
        (half, USUAL, "[2Jno warning: tea is lost xxx"),
        (gone, USUAL, "there was never a directory"),
        (silent, (0.3, math.inf), "Its workbench said nothing for 0.3 s."),
        (trickle, (600.0, 0.5), "Its workbench was not done within 0.5 s."),
        (garbage, USUAL, None),
    ],
    ids=lambda given: getattr(given, "__name__", ""),
)
async def test_what_one_workbench_does_wrong_concerns_its_project_only(
    *,
    two: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    packs: Packs,
    limits: tuple[float, float],
    says: str | None,
) -> None:
    def limit(step: str) -> None:
        silence, seconds = limits if step == "shop" else USUAL
        monkeypatch.setattr("appx.backup.make.SILENCE_SECONDS", silence)
        monkeypatch.setattr("appx.backup.make.SECONDS", seconds)

    data = bytearray()
    with anyio.fail_after(15):
        made = await make_with(two, hostile(two, packs), data, on_step=limit)
    assert (made.projects, made.gone) == (("shop", "tea"), ())
    verify(io.BytesIO(data))
    if says is None:
        assert made.incomplete == (), "nobody looked into it"
    else:
        assert [name for name, _ in made.incomplete] == ["shop"]
        assert made.incomplete[0][1].startswith(says)
        assert len(made.incomplete[0][1]) <= 300

    bench(tmp_path / "new")
    for incomplete in ((), ("tea",)):
        with pytest.raises(Unavailable, match=r"Nothing was changed.* of shop .*\n`--incomplete shop` takes"):
            await put_back(bytes(data), tmp_path / "new", incomplete=incomplete)
        assert files(tmp_path / "new") == {}
    done = await put_back(bytes(data), tmp_path / "new", incomplete=("shop",))
    assert [name for name, _ in done.incomplete] == ["shop"]
    async with serving(tmp_path / "new") as api:
        assert [each["id"] for each in (await api.ok("GET", "/v1/projects"))["projects"]] == ["tea", "shop"]
    assert (tmp_path / "new/tea/mine.txt").read_text() == "Tea\n"
    if packs is half:
        assert (tmp_path / "new/shop/kept.txt").read_bytes() == b"x" * 5_000


async def make_with(
    workspace: Path, hands: LocalBench, data: bytearray, *, on_step: Callable[[str], None] = lambda _: None
) -> Made:
    async def sink(more: bytes) -> None:
        data.extend(more)

    return await make(workspace / ".pi-global", hands, sink, credentials=False, on_step=on_step)


@pytest.mark.parametrize(
    "error", [NoSpace("full"), Unavailable("it left"), NotFound("gone"), OSError(28, "full")], ids=repr
)
async def test_what_the_target_raises_ends_the_backup(two: Path, error: Exception) -> None:
    steps: list[str] = []

    async def sink(_: bytes) -> None:
        if steps[-1] == "shop":
            raise error

    with pytest.raises(type(error)) as raised:
        await make(two / ".pi-global", hostile(two, much), sink, credentials=False, on_step=steps.append)
    assert raised.value is error
    assert steps[-1] == "shop"


async def test_a_slow_target_is_not_the_silence_of_a_workbench(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, steps = bytearray(), [""]

    def limit(step: str) -> None:
        steps.append(step)
        monkeypatch.setattr("appx.backup.make.SILENCE_SECONDS", 0.4 if step == "shop" else 600.0)

    async def sink(more: bytes) -> None:
        if steps[-1] == "shop":
            await anyio.sleep(0.6)
        data.extend(more)

    made = await make(two / ".pi-global", hostile(two, much), sink, credentials=False, on_step=limit)
    assert made.incomplete == ()
    verify(io.BytesIO(data))


async def test_a_time_limit_that_ends_while_the_target_writes_leaves_no_half_of_a_part(
    two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (two / "shop/large").write_bytes(os.urandom(2 * PART_BYTES))
    data, steps = bytearray(), [""]

    def limit(step: str) -> None:
        steps.append(step)
        monkeypatch.setattr("appx.workbench.packing.SECONDS", 1.5 if step == "shop" else 600.0)

    async def sink(more: bytes) -> None:
        if steps[-1] == "shop":
            await anyio.sleep(2)
        data.extend(more)

    made = await make(two / ".pi-global", bench(two), sink, credentials=False, on_step=limit)
    assert [name for name, _ in made.incomplete] == ["shop"]
    verify(io.BytesIO(data))


async def test_the_files_of_a_project_can_be_left_out(two: Path, tmp_path: Path) -> None:
    data = bytearray()

    async def sink(more: bytes) -> None:
        data.extend(more)

    async def saved(*without: str) -> Made:
        hands = hostile(two, garbage)
        state = two / ".pi-global"
        return await make(state, hands, sink, credentials=False, on_step=lambda _: None, without=without)

    with pytest.raises(NotFound, match=r"--without shopp: there is no such project.*shop, tea\."):
        await saved("tea", "shopp")
    assert not data
    assert not [path for path in (two / ".pi-global").iterdir() if path.name.startswith(".")]
    made = await saved("shop")
    assert (made.projects, made.gone, made.incomplete) == (("shop", "tea"), (), ())
    assert (await put_back(bytes(data), tmp_path / "new")).projects == ("shop", "tea")
    assert not (tmp_path / "new/shop").exists()
    assert (tmp_path / "new/tea/mine.txt").read_text() == "Tea\n"


class Tired(LocalBench):
    """Unpacks nothing of the project ``shop``, and has enough in the second part."""

    @override
    async def unpack(self, project: ProjectId, into: str, tar: AsyncIterable[bytes]) -> None:
        if project != "shop":
            return await LocalBench.unpack(self, project, into, tar)
        taken = 0
        async for data in tar:
            taken += len(data)
            if taken > PART_BYTES:
                break
        raise Unavailable("enough")


async def test_what_a_workbench_does_not_take_is_read_all_the_same(tmp_path: Path, two: Path) -> None:
    data = bytearray()
    await make_with(two, hostile(two, garbage), data)
    usual = bench(tmp_path / "new")
    hands = Tired(workspace=usual.workspace, environment=usual.environment, outputs=usual.outputs)
    done = await put_back(bytes(data), tmp_path / "new", hands=hands, incomplete=("shop",))
    assert done.incomplete == (("shop", "enough"),)
    assert (tmp_path / "new/tea/mine.txt").read_text() == "Tea\n"


class Unreadable(io.BytesIO):
    """Of a disk that fails once, when ``broken``."""

    broken = False

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        if self.broken:
            self.broken = False
            raise OSError(5, "Input/output error")
        return super().read(min(size or 0, 4_096))


async def test_a_backup_that_cannot_be_read_is_no_fault_of_a_project(tmp_path: Path, two: Path) -> None:
    data = bytearray()
    await make_with(two, hostile(two, garbage), data)
    bench(tmp_path / "new")
    for at in (0.5, 0.9):
        with pytest.raises(Invalid, match="damaged or was cut off"):
            await put_back(bytes(data[: int(at * len(data))]), tmp_path / "new", incomplete=("shop",))
    file = Unreadable(data)

    def breaks(step: str) -> None:
        file.broken = step == "shop"

    state = tmp_path / "new/.pi-global"
    with pytest.raises(Unavailable, match=r"The backup cannot be unpacked: .*Input/output error"):
        await restore(
            state, bench(tmp_path / "new"), Shared(), file, force=False, on_step=breaks, incomplete=("shop", "tea")
        )
    assert files(tmp_path / "new") == {}


async def test_what_was_unpacked_of_a_private_project_is_private(tmp_path: Path) -> None:
    usual = bench(tmp_path)
    hands = LocalBench(workspace=tmp_path, environment=usual.environment, outputs=usual.outputs, private=True)

    async def tar() -> AsyncIterator[bytes]:
        yield b"x" * 20_000

    with pytest.raises(Unavailable, match="could not be unpacked"):
        await hands.unpack(ProjectId("shop"), ".restore-1", tar())
    assert stat.S_IMODE((tmp_path / ".restore-1/shop").stat().st_mode) == 0o700


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


def variables(workspace: Path, path: str = PATH) -> dict[str, str]:
    return {
        "WORKSPACE_DIR": str(workspace),
        "AGENT_SERVER_TOKEN": TOKEN,
        "AGENT_SERVER_PORT": "0",
        "PATH": path,
        "PYTHONPATH": "src",
    }


async def appx(workspace: Path, *words: str, file: str | None = None, path: str = PATH) -> tuple[int, str]:
    """The exit code and what was said."""
    shell = [sys.executable, "-m", "appx", *words]
    line = ["sh", "-c", f'exec "$@" > {file}', "sh", *shell] if file else shell
    done = await anyio.run_process(line, env=variables(workspace, path), check=False)
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


FALSE_TAR = """#!/bin/sh
case "$APPX_PROJECT $*" in
"shop "*--create*) yes | head -c 20000; printf 'tar: \\033[2Jmine\\n' >&2; exit 2 ;;
*) exec /usr/bin/env PATH=%s tar "$@" ;;
esac
"""


@pytest.mark.timeout(60)
async def test_the_commands_name_the_project_that_failed_and_the_way_out(two: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in (("tar", FALSE_TAR % PATH), ("podman", "#!/bin/sh\nexit 1\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    path, archive_ = f"{programs}:{PATH}", tmp_path / "a.tar.gz"
    code, said = await appx(two, "backup", str(archive_), "--without", "shopp", path=path)
    assert (code, "no such project" in said, archive_.exists()) == (1, True, False), said
    code, said = await appx(two, "backup", str(archive_), path=path)
    warning, summary, error = said.splitlines()
    assert warning.startswith(f"warning: of shop not all is in the backup: {two}/shop could not be packed whole: tar:")
    assert "\x1b" not in said
    assert summary.startswith(f"{archive_}: 2 projects, ")
    assert ("the rest is whole" in error, error.endswith("leave its files out: --without shop")) == (True, True), said
    assert code == 1
    with archive_.open("rb") as whole:
        verify(whole)
    code, said = await appx(tmp_path / "new", "restore", str(archive_))
    assert (code, "`--incomplete shop` takes" in said) == (1, True), said
    code, said = await appx(tmp_path / "new", "restore", "--incomplete", "shop", "--incomplete", "shopp", str(archive_))
    assert (code, "--incomplete shopp: the backup has no such project" in said) == (1, True), said
    code, said = await appx(tmp_path / "new", "restore", "--incomplete", "shop", str(archive_))
    assert (code, "warning: of shop not all could be unpacked: " in said) == (0, True), said
    assert (tmp_path / "new/tea/mine.txt").read_text() == "Tea\n"
    code, said = await appx(two, "backup", str(archive_), "--force", "--without", "shop", path=path)
    assert (code, "2 projects, without the files of shop, " in said, "warning" in said) == (0, True, False), said
