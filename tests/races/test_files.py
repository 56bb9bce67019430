"""Every operation on a project's files while somebody swaps the way to them: nothing outside is read or changed.

Each was seen to fail with its guard taken out: docs/races.md has the table.
"""

import io
import zipfile
from collections.abc import AsyncIterator

import pytest

from appx.workbench.tree import Look, When
from tests.races.scene import MINE, SECRET, SHOP, Scene

pytestmark = pytest.mark.anyio

DIRECTORIES = ["link", "relative"]
"""What takes the place of a directory on the way."""


def on_the_way(scene: Scene, *others: str) -> tuple[str, ...]:
    """An attack on ``way``."""
    beside = scene.project / ".beside"
    return ("exchange", str(scene.project / "way"), *(str(beside / each) for each in others or DIRECTORIES))


def at_the_end(scene: Scene) -> tuple[str, ...]:
    """An attack on ``way/file.txt``, which becomes a link, a pipe, a directory and a file."""
    beside = scene.project / ".beside"
    others = (str(beside / each) for each in ("file-link", "fifo", "folder"))
    return ("exchange", str(scene.project / "way/file.txt"), *others)


ATTACKS = [on_the_way, at_the_end]


async def sent(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.mark.parametrize("attack", ATTACKS)
async def test_reading(scene: Scene, attack: object) -> None:
    async def act() -> None:
        assert await scene.bench.read(SHOP, "way/file.txt", limit=100) == MINE

    assert await scene.race(act, attack=attack(scene)) > 0  # type: ignore[operator]


@pytest.mark.parametrize("attack", ATTACKS)
async def test_opening(scene: Scene, attack: object) -> None:
    async def act() -> None:
        async with scene.bench.tree.open(SHOP, "way/file.txt") as opened:
            assert b"".join([part async for part in opened.chunks]) == MINE

    assert await scene.race(act, attack=attack(scene)) > 0  # type: ignore[operator]


@pytest.mark.parametrize("attack", ATTACKS)
async def test_writing(scene: Scene, attack: object) -> None:
    async def act() -> None:
        await scene.bench.write(SHOP, "way/file.txt", b"written")

    assert await scene.race(act, attack=attack(scene)) > 0  # type: ignore[operator]


async def test_writing_where_directories_are_made(scene: Scene) -> None:
    async def act() -> None:
        await scene.bench.write(SHOP, "way/new/deep/file.txt", b"written")

    assert await scene.race(act, attack=on_the_way(scene), refill=True) > 0


@pytest.mark.parametrize("attack", ATTACKS)
async def test_putting(scene: Scene, attack: object) -> None:
    async def act() -> None:
        await scene.bench.tree.put(SHOP, "way/file.txt", sent(b"put"), When())

    assert await scene.race(act, attack=attack(scene)) > 0  # type: ignore[operator]


async def test_putting_what_must_not_be_there(scene: Scene) -> None:
    async def act() -> None:
        await scene.bench.tree.put(SHOP, "way/new.txt", sent(b"put"), When(absent=True))

    assert await scene.race(act, attack=on_the_way(scene), refill=True) > 0


async def test_listing(scene: Scene) -> None:
    (scene.outside / "only-here").mkdir()
    (scene.outside / "sub/only-here").write_bytes(SECRET)

    async def act() -> None:
        found = await scene.bench.tree.entries(SHOP, Look(path="way", depth=3, limit=100))
        assert not [each.path for each in found.entries if "only-here" in each.path]

    assert await scene.race(act, attack=on_the_way(scene)) > 0


async def test_listing_from_above(scene: Scene) -> None:
    (scene.outside / "only-here").mkdir()

    async def act() -> None:
        found = await scene.bench.tree.entries(SHOP, Look(path=".", depth=4, limit=100))
        assert not [each.path for each in found.entries if "only-here" in each.path]

    assert await scene.race(act, attack=on_the_way(scene)) > 0


@pytest.mark.parametrize("path", ["way/file.txt", "way/sub", "way"])
async def test_removing(scene: Scene, path: str) -> None:
    async def act() -> None:
        await scene.bench.tree.remove(SHOP, path, recursive=True)

    assert await scene.race(act, attack=on_the_way(scene), refill=True) > 0


async def test_removing_what_is_above(scene: Scene) -> None:
    async def act() -> None:
        await scene.bench.tree.remove(SHOP, "calm", recursive=True)

    beside = scene.project / ".beside"
    attack = ("exchange", str(scene.project / "calm/sub"), str(beside / "link"))
    assert await scene.race(act, attack=attack, refill=True) > 0


async def test_moving_away(scene: Scene) -> None:
    async def act() -> None:
        await scene.bench.tree.move(SHOP, "way/file.txt", "got.txt", replace=True)
        assert (scene.project / "got.txt").read_bytes() == MINE

    assert await scene.race(act, attack=on_the_way(scene), refill=True) > 0


async def test_moving_there(scene: Scene) -> None:
    async def act() -> None:
        await scene.bench.tree.move(SHOP, "calm/file.txt", "way/got.txt", replace=True)

    assert await scene.race(act, attack=on_the_way(scene), refill=True) > 0


@pytest.mark.parametrize("everything", [True, False])
async def test_zipping(scene: Scene, everything: bool) -> None:  # noqa: FBT001
    """Nothing in the archive stands below a link of the archive: who unpacks it would write through that."""

    async def act() -> None:
        parts: list[bytes] = []

        async def take(data: bytes) -> None:
            parts.append(data)

        await scene.bench.tree.zip(SHOP, ".", take, everything=everything)
        archive = zipfile.ZipFile(io.BytesIO(b"".join(parts)))
        leaves: set[str] = set()
        for entry in archive.infolist():
            assert SECRET not in archive.read(entry)
            above = entry.filename.rstrip("/").split("/")[:-1]
            assert not leaves & {"/".join(above[:count]) for count in range(1, len(above) + 1)}
            if not entry.is_dir():
                leaves.add(entry.filename)

    assert await scene.race(act, attack=on_the_way(scene)) > 0


def archive(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as target:
        for name in names:
            target.writestr(name, b"unpacked")
    return made.getvalue()


async def test_unzipping(scene: Scene) -> None:
    data = archive("file.txt", "sub/inner.txt", "new/file.txt")

    async def act() -> None:
        await scene.bench.tree.unzip(SHOP, "way", sent(data), replace=True)

    assert await scene.race(act, attack=on_the_way(scene), refill=True) > 0


async def test_unzipping_while_what_was_unpacked_is_swapped(scene: Scene) -> None:
    data = archive(*(f"sub/new-{number}.txt" for number in range(100)))

    async def act() -> None:
        await scene.bench.tree.unzip(SHOP, "fresh", sent(data), replace=True)

    await scene.race(act, attack=("hunt", str(scene.project), str(scene.outside)), refill=True)


async def test_packing(scene: Scene) -> None:
    async def act() -> None:
        parts: list[bytes] = []

        async def take(data: bytes) -> None:
            parts.append(data)

        await scene.bench.pack(SHOP, take)
        assert SECRET not in b"".join(parts)

    assert await scene.race(act, attack=on_the_way(scene), met=5) > 0
