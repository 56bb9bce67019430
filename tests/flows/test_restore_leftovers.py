"""What agents do to the directories of a restore: no name there hides a reason, or keeps the server from starting."""

import io
import logging
import os
import re
import shlex
import shutil
import stat
import tempfile
from collections.abc import AsyncIterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from typing_extensions import override

from appx.backup import place
from appx.backup.make import make
from appx.backup.place import Journal
from appx.backup.restore import restore
from appx.domain.errors import Unavailable
from appx.domain.ids import ProjectId
from appx.wiring.benches import PATH, environment
from appx.workbench import wire
from appx.workbench.accounts import Shared, uid_of
from appx.workbench.bench import Command, CommandResult, OnOutput
from appx.workbench.local import LocalBench
from tests.flows.api import serving

pytestmark = pytest.mark.anyio

NO_TEXT = os.fsdecode(b"\xff")


@dataclass(slots=True, kw_only=True)
class Sending(LocalBench):
    """What it is asked must fit on the wire, as with a workbench that is another process.

    ``fails``: its commands do. ``hangs``: they do not end. ``ran``: how many there were.
    """

    fails: bool = False
    hangs: bool = False
    ran: int = 0

    @override
    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        wire.COMMAND.dump_json(command)
        self.ran += 1
        if self.hangs:
            await anyio.sleep_forever()
        if self.fails:
            raise Unavailable("no room in it")
        return await LocalBench.run(self, command, on_output)


@dataclass(slots=True, kw_only=True)
class Racing(Sending):
    """While it unpacks, an agent makes names beside the project, and the unpacking fails."""

    @override
    async def unpack(self, project: ProjectId, into: str, tar: AsyncIterable[bytes]) -> None:
        await LocalBench.unpack(self, project, into, tar)
        for name in (NO_TEXT, ".hidden", "two\nlines", "-rf"):
            (self.workspace / into / name).touch()
        raise Unavailable("the true reason")


@dataclass(slots=True, kw_only=True)
class Apart(Sending):
    """Runs each command with the uid of the account that it is for, as the workbenches of the container do."""

    numbers: "Numbers"

    @override
    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        assert command.project is not None
        account = self.numbers.of(command.project)
        assert account is not None, "nothing here is the builder's"
        become = f"exec setpriv --reuid={uid_of(account)} --regid={uid_of(account)} --clear-groups --bounding-set=-all "
        line = become + f"bash -c {shlex.quote(command.line)}"
        return await Sending.run(self, replace(command, line=line), on_output)


class Numbers(Shared):
    """Which account each project has."""

    def __init__(self) -> None:
        self._of: dict[str, int | None] = {}

    @override
    def give(self, project: ProjectId, account: int | None) -> None:
        self._of[project] = account

    @override
    def of(self, project: ProjectId) -> int | None:
        return self._of[project]


@pytest.fixture
def shared_place() -> Iterator[Path]:
    """A workspace that all may enter, sticky, with a restore that has begun: of ``shop``, while ``lost`` is there."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o1777)
    (folder / ".pi-global").mkdir(mode=0o711)
    (folder / ".pi-global/restore-1").mkdir()
    for name in (".restore-1", ".before-restore-2"):
        place.open_to_all(folder / name)
    files = {".restore-1/shop": "new", "shop": "old", "lost": "lost"}
    for name, text in files.items():
        make_as(2 if name == "lost" else 1, folder / name, text)
    journal = Journal(
        name="restore-1", aside="before-restore-2", files=(), old=("lost",), accounts={"lost": 2, "shop": 1}
    )
    (folder / ".pi-global/restoring.json").write_text(journal.model_dump_json())
    yield folder
    shutil.rmtree(folder)


def make_as(account: int, folder: Path, text: str) -> None:
    """A directory of an account with a file."""
    folder.mkdir()
    (folder / "text").write_text(text)
    for each in (folder / "text", folder):
        os.chown(each, uid_of(account), uid_of(account))


def hands(workspace: Path, kind: type[Sending] = Sending) -> Sending:
    (workspace / ".pi-global").mkdir(mode=0o711, parents=True, exist_ok=True)
    return kind(workspace=workspace, environment=environment(PATH), outputs=workspace / ".pi-global/outputs")


async def backup(workspace: Path) -> bytes:
    data = bytearray()

    async def sink(more: bytes) -> None:
        data.extend(more)

    async with serving(workspace) as api:
        await api.session("Shop")
    await make(workspace / ".pi-global", hands(workspace), sink, credentials=False, on_step=lambda _: None)
    return bytes(data)


async def put_back(data: bytes, bench: Sending) -> None:
    state = bench.workspace / ".pi-global"
    await restore(state, bench, Shared(), io.BytesIO(data), force=False, on_step=lambda _: None)


def unpacked(workspace: Path, *names: str) -> Path:
    """What a restore left that was killed."""
    bench = hands(workspace)
    (bench.workspace / ".pi-global/restore-1").mkdir()
    place.open_to_all(workspace / ".restore-1")
    for name in names:
        (workspace / ".restore-1" / name).mkdir()
    return workspace / ".restore-1"


async def test_names_of_an_agent_hide_no_reason_and_all_of_it_is_removed(tmp_path: Path) -> None:
    data = await backup(tmp_path / "old")
    with pytest.raises(Unavailable, match="the true reason"):
        await put_back(data, hands(tmp_path / "new", Racing))
    assert not place.left(tmp_path / "new/.pi-global")
    assert [each.name for each in (tmp_path / "new").iterdir()] == [".pi-global"]


async def test_a_workbench_that_removes_nothing_hides_no_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data, bench = await backup(tmp_path / "old"), hands(tmp_path / "new", Racing)
    bench.fails = True
    with pytest.raises(Unavailable, match="the true reason"):
        await put_back(data, bench)
    assert "could not be removed and takes room" in caplog.text
    assert "no room in it" in caplog.text
    assert place.left(bench.workspace / ".pi-global")


async def test_what_a_killed_restore_left_is_removed_whatever_its_name(tmp_path: Path) -> None:
    left = unpacked(tmp_path, "shop", NO_TEXT, "-rf", "{}", "a b")
    await place.settle(tmp_path / ".pi-global", hands(tmp_path), Shared())
    assert not left.exists()
    assert not place.left(tmp_path / ".pi-global")


async def test_many_names_are_one_command(tmp_path: Path) -> None:
    unpacked(tmp_path, *(f"n{number}" for number in range(500)))
    bench = hands(tmp_path)
    await place.settle(tmp_path / ".pi-global", bench, Shared())
    assert bench.ran == 1


@pytest.mark.parametrize("how", ["fails", "hangs"])
async def test_what_cannot_be_removed_stops_no_start(
    *, tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "DISCARD_SECONDS", 0.1, raising=False)
    caplog.set_level(logging.WARNING)
    left, bench = unpacked(tmp_path, "shop"), hands(tmp_path)
    setattr(bench, how, True)
    with anyio.fail_after(20):
        await place.settle(tmp_path / ".pi-global", bench, Shared())
    assert re.search(r"restore-1 could not be removed .* the next start tries again", caplog.text)
    assert left.exists()
    await place.settle(tmp_path / ".pi-global", hands(tmp_path), Shared())
    assert not left.exists()
    assert not place.left(tmp_path / ".pi-global")


async def test_what_stands_among_the_files_of_the_state_stops_no_start(tmp_path: Path) -> None:
    unpacked(tmp_path)
    (tmp_path / ".pi-global/restore-1/folder").mkdir()
    await place.settle(tmp_path / ".pi-global", hands(tmp_path), Shared())
    assert place.left(tmp_path / ".pi-global")


@pytest.mark.parametrize("accounts", [{}, {"shop": None}, None])
async def test_a_name_of_an_agent_is_put_in_place_by_no_restore(
    tmp_path: Path, accounts: dict[str, int | None] | None
) -> None:
    """None: of an appx that wrote no accounts into its journal; then each name that a project may have counts."""
    unpacked(tmp_path, "shop", NO_TEXT, ".hidden")
    journal = Journal(name="restore-1", aside="before-restore-1", files=(), old=(), accounts=accounts)
    (tmp_path / ".pi-global/restoring.json").write_text(journal.model_dump_json(exclude_none=accounts is None))
    await place.settle(tmp_path / ".pi-global", hands(tmp_path), Shared())
    assert not place.begun(tmp_path / ".pi-global")
    assert (tmp_path / "shop").exists() == (accounts != {})
    assert not (tmp_path / NO_TEXT).exists()
    assert not (tmp_path / ".hidden").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize(
    "taken", [".before-restore-2/shop", ".before-restore-2/lost", ".restore-1/lost", "lost", "shop"]
)
async def test_what_another_made_by_the_name_of_a_project_keeps_no_restore_from_its_end(
    shared_place: Path, taken: str
) -> None:
    """Sticky directories: only who made it can take it away."""
    shutil.rmtree(shared_place / taken, ignore_errors=True)
    make_as(3, shared_place / taken, "evil")
    await finished(shared_place)
    evil = having(shared_place, "evil")
    assert [path.parent.stat().st_uid for path in evil] == [uid_of(3)], "nothing is lost"
    assert evil[0].parent.name.startswith(f"{Path(taken).name}.")


def having(workspace: Path, text: str) -> list[Path]:
    return [path for path in workspace.rglob("text") if path.read_text() == text]


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
async def test_what_its_own_agent_made_where_it_goes_aside_is_kept_beside_it(shared_place: Path) -> None:
    make_as(1, shared_place / ".before-restore-2/shop", "early")
    await finished(shared_place)
    aside = sorted((shared_place / ".before-restore-2").glob("shop*"))
    assert [(path / "text").read_text() for path in aside] == ["old", "early"]


async def finished(workspace: Path) -> None:
    numbers = Numbers()
    usual = hands(workspace)
    bench = Apart(workspace=workspace, environment=usual.environment, outputs=usual.outputs, numbers=numbers)
    await place.settle(workspace / ".pi-global", bench, numbers)
    assert not place.begun(workspace / ".pi-global")
    assert (workspace / "shop/text").read_text() == "new"
    assert not (workspace / "lost").exists()


@pytest.mark.parametrize("kind", ["a link to the state", "a file"])
def test_a_directory_for_all_is_none_that_somebody_else_chose(tmp_path: Path, kind: str) -> None:
    state, name = hands(tmp_path).workspace / ".pi-global", tmp_path / ".before-restore-1"
    if kind == "a file":
        name.touch()
    else:
        name.symlink_to(state)
    with pytest.raises(OSError, match="before-restore-1"):
        place.open_to_all(name)
    assert stat.S_IMODE(state.stat().st_mode) == 0o711


async def test_who_sees_where_it_is_unpacked_does_not_know_what_is_made_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journals: list[Journal] = []

    async def begin(_state: Path, _bench: object, journal: Journal) -> None:
        journals.append(journal)
        raise Unavailable("seen")

    monkeypatch.setattr(place, "begin", begin)
    data = await backup(tmp_path / "old")
    with pytest.raises(Unavailable, match="seen"):
        await put_back(data, hands(tmp_path / "new"))
    name, aside = (each.rpartition("-")[2] for each in (journals[0].name, journals[0].aside))
    assert name != aside
    assert len(name) == len(aside) == 16
