"""When the workbench learns that podman's namespace is gone."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from typing_extensions import override

from appx.workbench.bench import BenchStatus
from appx.workbench.namespace import lost
from tests.fakes.bench import FakeBench

pytestmark = pytest.mark.anyio


@dataclass(slots=True, kw_only=True)
class Bench(FakeBench):
    works: bool

    @override
    async def status(self) -> BenchStatus:
        return BenchStatus(podman="", problems=() if self.works else ("podman does not work",))


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


async def ends(bench: Bench, pause: Path) -> bool:
    with anyio.move_on_after(0.3):
        await lost(bench, pause)
        return True
    return False


async def test_it_is_lost_when_its_holder_has_ended_also_before_anybody_looked(
    tmp_path: Path, holder: subprocess.Popen[bytes]
) -> None:
    pause = tmp_path / "pause.pid"
    pause.write_text(str(holder.pid))
    assert not await ends(Bench(works=False), pause), "somebody holds it"
    holder.kill()
    holder.wait()
    assert await ends(Bench(works=False), pause)
    assert not await ends(Bench(works=True), pause), "a container holds it, too"


async def test_where_podman_was_never_made_ready_nothing_is_lost(tmp_path: Path) -> None:
    assert not await ends(Bench(works=False), tmp_path / "none")
