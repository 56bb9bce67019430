"""The project's directory itself is swapped, and what the workbench keeps elsewhere."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from appx.domain.errors import AppxError
from appx.workbench.bench import Command
from appx.workbench.local import clear_projects
from appx.workbench.tail import Tail
from tests.races.scene import MINE, SECRET, SHOP, Scene
from tests.races.test_files import sent

pytestmark = pytest.mark.anyio


def whole(scene: Scene) -> tuple[str, ...]:
    """An attack on the place of the project."""
    link = scene.bench.workspace / "link"
    with suppress(FileExistsError):
        link.symlink_to(scene.outside)
    return ("exchange", str(scene.project), str(link))


async def test_files(scene: Scene) -> None:
    async def act() -> None:
        assert await scene.bench.read(SHOP, "way/file.txt", limit=100) == MINE
        await scene.bench.write(SHOP, "way/new.txt", b"written")

    assert await scene.race(act, attack=whole(scene)) > 0


async def test_commands(scene: Scene) -> None:
    """A command starts in the directory of its project, or not at all."""

    async def act() -> None:
        done = await scene.bench.run(Command(line="cat file.txt way/file.txt 2>&1", project=SHOP, time_limit=10))
        assert SECRET.decode() not in done.output

    assert await scene.race(act, attack=whole(scene)) > 0


async def test_packing(scene: Scene) -> None:
    async def act() -> None:
        parts: list[bytes] = []

        async def take(data: bytes) -> None:
            parts.append(data)

        await scene.bench.pack(SHOP, take)
        assert SECRET not in b"".join(parts)

    assert await scene.race(act, attack=whole(scene)) > 0


async def test_removing_a_project(scene: Scene) -> None:
    """Also directories without permissions go, and no others get any."""
    workspace = scene.bench.workspace

    def close(top: Path) -> None:
        for path in (top / "sub/deep", top / "sub", top):
            path.chmod(0o500)

    close(scene.outside)
    canary = scene.canary()
    tries = met = removed = 0
    for _ in range(400):
        scene.project.mkdir(exist_ok=True)
        scene.fill()
        close(scene.project / "way")
        beside = scene.project / ".beside"
        with scene.attacked("exchange", str(scene.project / "way/sub"), str(beside / "link")) as attacker:
            while not attacker.swaps:
                os.sched_yield()
            swaps = attacker.swaps
            with suppress(AppxError):
                await scene.bench.remove_project(SHOP)
                removed += 1
            met += attacker.swaps != swaps
        tries += 1
        if met >= 10 and tries >= 20:
            break
    assert scene.canary() == canary
    assert met >= 10, f"the race did not take place: {tries} tries, {met} met a swap"
    assert removed
    await scene.bench.remove_project(SHOP)  # whose directories nobody swaps any more
    assert not [path for path in workspace.iterdir() if path.name == SHOP]


async def test_making_a_project(scene: Scene) -> None:
    """A link in the place of a new project is removed, never followed.

    There is a repository already: ``git init`` goes by names, and wins no race (docs/races.md).
    """
    scene.bench.workspace.joinpath("link").symlink_to(scene.outside)
    (scene.outside / ".git").mkdir()
    canary = scene.canary()

    async def act() -> None:
        await scene.bench.create_project(SHOP)

    await scene.race(act, attack=whole(scene))
    assert scene.canary() == canary


async def test_the_start_clears_nothing_behind_a_link(scene: Scene) -> None:
    (scene.outside / ".appx-unfinished-0").mkdir()
    (scene.outside / ".appx-unfinished-0/file").write_bytes(SECRET)

    async def act() -> None:
        clear_projects(scene.bench.workspace)

    await scene.race(act, attack=whole(scene))


async def test_a_long_output_goes_into_no_other_file(scene: Scene) -> None:
    """Nor does one begin in a directory that is a link."""
    outputs = scene.bench.outputs
    tail = Tail(outputs, keep_bytes=10, keep_lines=10)
    tail.add(b"x" * 100)
    assert tail.full_output is not None
    canary = scene.canary()
    tail.full_output.unlink()
    tail.full_output.symlink_to(scene.outside / "file.txt")
    tail.add(b"y" * 100)
    tail.close()
    outputs.rename(outputs.with_name("aside"))
    outputs.symlink_to(scene.outside)
    other = Tail(outputs, keep_bytes=10, keep_lines=10)
    other.add(b"x" * 100)
    other.close()
    assert scene.canary() == canary
    assert other.full_output is None


async def test_nothing_is_unpacked_behind_a_link(scene: Scene) -> None:
    (scene.bench.workspace / ".restore-1").symlink_to(scene.outside)
    canary = scene.canary()

    with pytest.raises(AppxError):
        await scene.bench.unpack(SHOP, ".restore-1", sent(b""))
    assert scene.canary() == canary
