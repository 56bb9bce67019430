"""The same without chance: a swap before each call that an operation makes of the kernel, one back before a later.

The races of ``test_files`` may miss a gap of a microsecond; here each gap is met. Two swaps are looked at, not more.
"""

import io
import os
import threading
import zipfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from appx.domain.errors import AppxError
from appx.workbench.leftovers import remove_tree
from appx.workbench.local import clear_projects
from appx.workbench.tree import Look, When
from tests.races.attacker import exchange
from tests.races.scene import MINE, SECRET, SHOP, Scene
from tests.races.test_files import archive, sent

pytestmark = pytest.mark.anyio

CALLS = (
    "open", "stat", "lstat", "readlink", "mkdir", "rename", "replace", "unlink", "rmdir", "scandir", "listdir", "link",
    "chmod",
)  # fmt: skip

MOST_PAIRS = 200
Act = Callable[[Scene], Awaitable[object]]


class Steps:
    """Counts the calls of worker threads, and swaps before those that are named in ``at``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.at: frozenset[int] = frozenset()
        self.swap: Callable[[], object] = lambda: None
        for name in CALLS:
            monkeypatch.setattr(os, name, partial(self._call, getattr(os, name)))

    def _call(self, real: Callable[..., Any], *given: Any, **named: Any) -> Any:  # noqa: ANN401
        if threading.current_thread() is not threading.main_thread():
            self.count += 1
            if self.count in self.at:
                self.swap()
        return real(*given, **named)


async def read(scene: Scene) -> None:
    assert await scene.bench.read(SHOP, "way/file.txt", limit=100) == MINE


async def open_(scene: Scene) -> None:
    async with scene.bench.tree.open(SHOP, "way/file.txt") as opened:
        assert b"".join([part async for part in opened.chunks]) == MINE


async def write(scene: Scene) -> None:
    await scene.bench.write(SHOP, "way/file.txt", b"written")


async def make(scene: Scene) -> None:
    await scene.bench.write(SHOP, "way/new/file.txt", b"written")


async def put(scene: Scene) -> None:
    await scene.bench.tree.put(SHOP, "way/file.txt", sent(b"put"), When())


async def put_new(scene: Scene) -> None:
    await scene.bench.tree.put(SHOP, "way/new.txt", sent(b"put"), When(absent=True))


async def list_(scene: Scene) -> None:
    for path in ("way", "."):
        found = await scene.bench.tree.entries(SHOP, Look(path=path, depth=4, limit=100))
        assert not [each.path for each in found.entries if "only-here" in each.path]


async def remove(scene: Scene) -> None:
    await scene.bench.tree.remove(SHOP, "way/file.txt", recursive=False)


async def remove_folder(scene: Scene) -> None:
    await scene.bench.tree.remove(SHOP, "way", recursive=True)


async def move_away(scene: Scene) -> None:
    await scene.bench.tree.move(SHOP, "way/file.txt", "got.txt", replace=True)
    got = scene.project / "got.txt"
    with suppress(FileNotFoundError):
        assert got.is_symlink() or got.read_bytes() == MINE  # a link is moved itself


async def move_there(scene: Scene) -> None:
    await scene.bench.tree.move(SHOP, "calm/file.txt", "way/got.txt", replace=True)


async def unzip(scene: Scene) -> None:
    await scene.bench.tree.unzip(SHOP, "way", sent(archive("sub/inner.txt", "file.txt")), replace=True)


async def zip_(scene: Scene) -> None:
    parts: list[bytes] = []

    async def take(data: bytes) -> None:
        parts.append(data)

    await scene.bench.tree.zip(SHOP, "way/file.txt", take, everything=True)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(parts)))
    assert not [name for name in archive.namelist() if SECRET in archive.read(name)]


async def remove_all(scene: Scene) -> None:
    await to_thread.run_sync(remove_tree, scene.project)


async def create(scene: Scene) -> None:
    (scene.project / ".git").write_text("gitdir: elsewhere")
    await scene.bench.create_project(SHOP)


async def clear(scene: Scene) -> None:
    await to_thread.run_sync(clear_projects, scene.bench.workspace)


def way(scene: Scene) -> tuple[Path, Path]:
    return scene.project / "way", scene.project / ".beside/link"


def end(scene: Scene) -> tuple[Path, Path]:
    return scene.project / "way/file.txt", scene.project / ".beside/file-link"


def inside(scene: Scene) -> tuple[Path, Path]:
    return scene.project / "way/sub", scene.project / ".beside/link"


def whole(scene: Scene) -> tuple[Path, Path]:
    link = scene.bench.workspace / "link"
    with suppress(FileExistsError):
        link.symlink_to(scene.outside)
    return scene.project, link


@pytest.mark.parametrize("attack", [way, end, inside, whole])
@pytest.mark.parametrize(
    "act",
    [
        read, open_, write, make, put, put_new, list_, remove, remove_folder, move_away, move_there, unzip, zip_,
        remove_all, create, clear,
    ],
)  # fmt: skip
async def test_no_gap_between_two_calls_leads_out(
    scene: Scene, act: Act, attack: Callable[[Scene], tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (scene.outside / "only-here").mkdir()
    (scene.outside / "sub/only-here").write_bytes(SECRET)
    (scene.outside / ".appx-unfinished-0").write_bytes(SECRET)
    canary, steps = scene.canary(), Steps(monkeypatch)

    async def tried(*at: int) -> int:
        """How many calls it made."""
        scene.refill()
        one, other = (os.fsencode(path) for path in attack(scene))
        steps.count, steps.at, steps.swap = 0, frozenset(at), partial(exchange, one, other)
        with suppress(AppxError):
            await act(scene)
        assert scene.canary() == canary, at
        return steps.count

    calls = await tried()
    assert calls > 2
    for first in range(1, calls + 1):
        await tried(first)
    pairs = [(first, second) for first in range(1, calls + 1) for second in range(first + 1, calls + 4)]
    for first, second in pairs[:: max(1, len(pairs) // MOST_PAIRS + 1)]:
        await tried(first, second)
