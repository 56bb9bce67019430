"""What a checkpoint of many files costs, against a floor measured in the same run: ``git status`` of the same files.

    .venv/bin/python bench/checkpoints.py [FILES]

Each number but the first checkpoint's is the best of five, so that others on the machine count less.
"""

import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio

from appx.domain.ids import ProjectId
from appx.projects.checkpoints import Checkpoints
from appx.wiring.benches import PATH, environment
from appx.workbench.bench import Command
from appx.workbench.local import LocalBench

PROJECT = ProjectId("big")


async def seconds(work: Callable[[], Awaitable[object]]) -> float:
    began = time.monotonic()
    await work()
    return time.monotonic() - began


async def main(files: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        given = environment(PATH) | {"HOME": folder}
        bench = LocalBench(workspace=workspace, environment=given, outputs=workspace / "outputs")
        await bench.create_project(PROJECT)
        for number in range(files):
            place = workspace / PROJECT / f"d{number % 200}" / f"f{number}.txt"
            place.parent.mkdir(exist_ok=True)
            place.write_text(f"{number}\n" * 50)
        checkpoints = Checkpoints(bench)

        async def changed() -> None:
            (workspace / PROJECT / "d0" / "f0.txt").write_text(str(time.monotonic()))
            assert await checkpoints.take(PROJECT, "Changed")

        async def git(line: str) -> None:
            assert (await bench.run(Command(line=line, project=PROJECT, time_limit=120))).code == 0

        first = await seconds(lambda: checkpoints.take(PROJECT, "First"))
        await git("git add --all; git status --porcelain >/dev/null")
        status = min([await seconds(lambda: git("git status --porcelain >/dev/null")) for _ in range(5)])
        one = min([await seconds(changed) for _ in range(5)])
        none = min([await seconds(lambda: checkpoints.take(PROJECT, "None")) for _ in range(5)])
        print(f"{files} files: git status {status:.3f} s, the first checkpoint {first:.1f} s")
        print(f"after one change {one / status:.1f} times git status; when nothing changed {none / status:.1f} times")


anyio.run(main, int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
