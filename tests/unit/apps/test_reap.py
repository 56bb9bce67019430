"""What a project ran is removed, or it is said what stayed."""

from dataclasses import replace

import pytest

from appx.apps.reap import reap
from appx.domain.errors import Unavailable
from appx.domain.ids import ProjectId
from appx.podman import argv
from appx.workbench.bench import CommandResult
from tests.fakes.bench import DONE, FakeBench

pytestmark = pytest.mark.anyio

TEA = ProjectId("tea")


async def test_it_runs_outside_of_the_project_which_may_be_gone() -> None:
    bench = FakeBench()
    await reap(bench, TEA)
    (command,) = bench.commands
    assert (command.line, command.project, command.at_top) == (argv.reap(TEA), TEA, True)


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (replace(DONE, code=1, output="volume is in use\n"), "volume is in use"),
        (replace(DONE, code=None, ended="time_limit"), "nothing within 120 s"),
        (replace(DONE, code=125, output="x" * 9_000 + "the end"), "the end"),
    ],
)
async def test_what_stayed_is_said_in_podmans_words(result: CommandResult, says: str) -> None:
    bench = FakeBench(result=result)
    with pytest.raises(Unavailable, match="tea ran could be removed") as raised:
        await reap(bench, TEA)
    assert says in str(raised.value)
    assert len(str(raised.value)) < 3_000
