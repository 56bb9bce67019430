"""After a restart apps come back, and one that does not stops nothing else."""

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import anyio
import pytest
from typing_extensions import override

from appx.apps.restore import keep_restored, restore
from appx.domain.errors import Unavailable
from appx.podman import argv
from appx.workbench.bench import Command, CommandResult, OnOutput, Workbench
from tests.fakes.bench import DONE, FakeBench

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class Ending(FakeBench):
    """A workbench that ends as often as ``endings`` says."""

    endings: int = 1
    idle: anyio.Event = field(default_factory=anyio.Event)

    @override
    async def restarted(self) -> AsyncIterator[Workbench]:
        for _ in range(self.endings + 1):
            yield self
            await anyio.sleep(0.01)
        self.idle.set()
        await anyio.sleep_forever()


class Silent(FakeBench):
    """A workbench that does not answer."""

    @override
    async def run(self, command: Command, on_output: OnOutput | None = None) -> CommandResult:
        raise Unavailable("The workbench does not answer.")


async def test_containers_that_ask_for_it_are_started() -> None:
    bench = FakeBench()
    await restore(bench)
    assert [command.line for command in bench.commands] == [argv.start_restartable()]


@pytest.mark.parametrize(
    ("bench", "says"),
    [
        (FakeBench(result=replace(DONE, code=1, output="no such image")), "no such image"),
        (FakeBench(result=replace(DONE, code=None, ended="time_limit")), "time_limit"),
        (Silent(), "does not answer"),
    ],
)
async def test_what_fails_is_logged_and_nothing_more(
    bench: FakeBench, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await restore(bench)
    assert says in caplog.text


async def test_whenever_the_workbench_comes_back_they_are_started_again() -> None:
    bench = Ending(endings=2)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(keep_restored, bench)
            await bench.idle.wait()
            tasks.cancel_scope.cancel()
    assert len(bench.commands) == 3
