"""What a project makes without end costs an answer, not the workbench."""

import os
import resource
import subprocess
from collections.abc import Awaitable, Iterator
from contextlib import ExitStack

import pytest

from appx.domain.errors import Unavailable
from appx.workbench.bench import Command
from appx.workbench.tree import Look, Span, When
from tests.races.scene import SHOP, Scene
from tests.races.test_files import sent
from tests.unit.kit.test_removal import deep

pytestmark = pytest.mark.anyio


async def test_a_sparse_file_of_a_terabyte_is_read_where_it_is_asked_for(scene: Scene) -> None:
    with (scene.project / "huge").open("wb") as file:
        file.truncate(1 << 40)
    async with scene.bench.tree.open(SHOP, "huge", Span(first=None, last=8)) as opened:
        assert b"".join([part async for part in opened.chunks]) == bytes(8)
    assert await scene.bench.read(SHOP, "huge", limit=10) == bytes(10)
    found = await scene.bench.tree.entries(SHOP, Look(path=".", depth=1, limit=10))
    assert [each.size for each in found.entries] == [1 << 40]


async def test_pipes_and_sockets_are_waited_for_by_nobody(scene: Scene) -> None:
    os.mkfifo(scene.project / "pipe")
    for act in (
        scene.bench.read(SHOP, "pipe", limit=1),
        scene.bench.write(SHOP, "pipe", b"x"),
        scene.bench.tree.put(SHOP, "pipe", sent(b"x"), When()),
    ):
        with pytest.raises(Exception, match="no regular file"):
            await act


@pytest.fixture
def nothing_stays(scene: Scene) -> Iterator[None]:
    """Were it not removed, pytest could not remove it either, in this session and in all that come."""
    yield
    subprocess.run(["rm", "-rf", "--", str(scene.project)], check=True)


@pytest.mark.usefixtures("nothing_stays")
async def test_directories_in_each_other_are_listed_and_removed(scene: Scene) -> None:
    (scene.project / "top").mkdir()
    deep(scene.project / "top", 3_000)
    found = await scene.bench.tree.entries(SHOP, Look(path="top", depth=3, limit=100))
    assert len(found.entries) == 5  # a file and a directory, twice, and a directory
    await scene.bench.tree.remove(SHOP, "top", recursive=True)
    assert list(scene.project.iterdir()) == []
    (scene.project / "top").mkdir()
    deep(scene.project / "top", 3_000)
    await scene.bench.remove_project(SHOP)
    assert not scene.project.exists()


async def test_without_a_free_descriptor_there_is_an_answer_and_then_it_goes_on(scene: Scene) -> None:
    """Whoever uses them up: the project cannot, for it has a process of its own, but a flood of requests may."""
    await scene.bench.write(SHOP, "file.txt", b"x")

    def acts() -> list[Awaitable[object]]:
        return [
            scene.bench.read(SHOP, "file.txt", limit=1),
            scene.bench.write(SHOP, "file.txt", b"x"),
            scene.bench.tree.put(SHOP, "file.txt", sent(b"x"), When()),
            scene.bench.tree.entries(SHOP, Look(path=".", depth=3, limit=10)),
            scene.bench.run(Command(line="true", project=SHOP, time_limit=5)),
        ]

    for act in acts():
        await act
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with ExitStack() as opened:
            while True:
                try:
                    descriptor = os.open("/", os.O_PATH)
                except OSError:
                    break
                opened.callback(os.close, descriptor)
            for act in acts():
                with pytest.raises(Unavailable, match="Too many open files"):
                    await act
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for act in acts():
        await act
