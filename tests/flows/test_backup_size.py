"""A backup of many parts is checked in the time that it takes to read it, and has no more than can be restored."""

import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typing_extensions import override

from appx.backup import format as form
from appx.backup import writer
from appx.backup.format import Entry
from appx.backup.make import Made, make
from appx.backup.reader import verify
from appx.backup.restore import restore
from appx.backup.writer import Writer
from appx.domain.errors import Invalid
from appx.domain.ids import ProjectId
from appx.kit import clock
from appx.wiring.benches import PATH, environment
from appx.workbench.accounts import Shared
from appx.workbench.bench import TakeBytes
from appx.workbench.local import LocalBench
from tests.flows.api import serving

pytestmark = pytest.mark.anyio

PART = 1_024
ABOUT = b'{"format": 1, "appx": "9.9", "made": "2026-01-01T00:00:00Z", "schema_version": 1, "credentials": false}'


@dataclass(slots=True, kw_only=True)
class Endless(LocalBench):
    """Packs the project ``shop`` without end, but for ``parts``. ``packed``: how many it got rid of."""

    parts: int = 10_000
    packed: int = 0

    @override
    async def pack(self, project: ProjectId, take: TakeBytes) -> None:
        if project != "shop":
            await LocalBench.pack(self, project, take)
            return
        for _ in range(self.parts):
            await take(bytes(form.PART_BYTES))
            self.packed += 1


def hands(workspace: Path, parts: int = 10_000) -> Endless:
    (workspace / ".pi-global").mkdir(mode=0o711, parents=True, exist_ok=True)
    outputs = workspace / ".pi-global/outputs"
    return Endless(workspace=workspace, environment=environment(PATH), outputs=outputs, parts=parts)


def into(data: bytearray) -> Callable[[bytes], Awaitable[object]]:
    async def sink(more: bytes) -> None:
        data.extend(more)

    return sink


async def saved(bench: LocalBench, data: bytearray) -> Made:
    state = bench.workspace / ".pi-global"
    return await make(state, bench, into(data), credentials=False, on_step=lambda _: None)


@pytest.fixture
async def two(tmp_path: Path) -> Path:
    """A workspace with the projects ``shop`` and ``tea``."""
    async with serving(tmp_path / "two") as api:
        for name in ("Shop", "Tea"):
            await api.turn(await api.session(name), f"run: echo {name} > mine.txt")
    return tmp_path / "two"


async def archive(parts: int) -> bytes:
    data = bytearray()
    made = Writer(into(data), made=clock.now())
    await made.add(form.ABOUT, ABOUT)
    for number in range(parts):
        await made.add(form.part(ProjectId("shop"), number + 1), b"")
    await made.end()
    return bytes(data)


async def test_each_part_is_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    def same(one: Entry, other: object) -> bool:
        nonlocal compared
        compared += 1
        return isinstance(other, Entry) and one.name == other.name

    data = await archive(300)
    monkeypatch.setattr(Entry, "__eq__", same)
    verify(io.BytesIO(data))
    assert compared <= 301


async def test_parts_in_another_order_are_not_as_they_were_written() -> None:
    data = bytearray()
    made = Writer(into(data), made=clock.now())
    for name, content in ((form.ABOUT, ABOUT), ("state/appx.db", b"a"), ("state/AGENTS.md", b"b")):
        await made.add(name, content)
    made._entries.reverse()
    await made.end()
    with pytest.raises(Invalid, match="not as it was written"):
        verify(io.BytesIO(data))


async def test_a_project_without_end_is_incomplete_and_the_others_are_whole(
    two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form, "MOST_PARTS", 3, raising=False)
    data, bench = bytearray(), hands(two)
    made = await saved(bench, data)
    assert [name for name, _ in made.incomplete] == ["shop"]
    assert "Remove large files from it" in made.incomplete[0][1]
    assert bench.packed <= 4
    verify(io.BytesIO(data))
    new = hands(tmp_path / "new")
    state = new.workspace / ".pi-global"
    given = {"force": False, "incomplete": ("shop",)}
    await restore(state, new, Shared(), io.BytesIO(data), on_step=lambda _: None, **given)  # type: ignore[arg-type]
    assert (new.workspace / "tea/mine.txt").read_text() == "Tea\n"


async def test_a_project_of_as_many_parts_as_there_may_be_is_whole(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(form, "MOST_PARTS", 3, raising=False)
    data = bytearray()
    assert (await saved(hands(two, parts=3), data)).incomplete == ()
    verify(io.BytesIO(data))


async def test_no_manifest_is_too_long_to_be_read_again(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written when all parts are, and to a pipe nobody can take them back."""
    monkeypatch.setattr(form, "MAX_SMALL", 3_000)
    monkeypatch.setattr(writer, "SPARE", 1_000, raising=False)
    monkeypatch.setattr(form, "PART_BYTES", PART)
    data = bytearray()
    made = await saved(hands(two), data)
    assert [name for name, _ in made.incomplete] == ["shop", "tea"]
    assert "Leave large projects out" in made.incomplete[0][1]
    verify(io.BytesIO(data))


async def test_an_entry_of_the_manifest_is_no_longer_than_is_reckoned() -> None:
    data = bytearray()
    made = Writer(into(data), made=clock.now())
    for number in range(1, 2_000):
        await made.add(form.part(ProjectId("s" * 63), 100_000 + number), b"")
    before = made._listed
    manifest = form.Manifest(files=tuple(made._entries)).model_dump_json(indent=1)
    assert len(manifest) <= before
