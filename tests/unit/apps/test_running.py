"""What a rollout says of itself is of a length that can be kept, and how it ends is always in it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appx.apps.running import LEFT_OUT, MAX_LINE, Running
from appx.domain.apps import Rollout
from appx.domain.ids import ProjectId
from appx.kit import clock

pytestmark = pytest.mark.anyio

BEGUN = Rollout(
    project=ProjectId("shop"), number=1, environment="dev", kind="deploy", status="running", started_at=clock.now()
)
KEPT = 64 << 10


def stored(running: Running) -> int:
    return len(json.dumps(running.lines, ensure_ascii=False).encode())


async def test_the_steps_of_a_large_build_are_all_kept() -> None:
    running = Running(BEGUN)
    steps = [f"step {number} of 400: {'x' * 100}" for number in range(1, 401)]
    for each in steps:
        running.tell_step(each)
    running.tell("release 1 runs on port 3000")
    assert running.lines == [*steps, "release 1 runs on port 3000"]


@pytest.mark.parametrize("step", ["\N{GRINNING FACE}" * 300, "\0" * 300, "x", ""], ids=["emoji", "zeros", "x", "empty"])
async def test_of_a_flood_of_steps_the_first_are_kept_and_how_it_ended(step: str) -> None:
    running = Running(BEGUN)
    running.tell("building release 1 from Containerfile")
    for number in range(5_000):
        running.tell_step(f"{number}{step}")
    running.tell("release 1 runs on port 3000")
    assert running.lines[1] == f"0{step}"
    assert running.lines[-2:] == [LEFT_OUT, "release 1 runs on port 3000"]
    assert stored(running) <= KEPT


@given(st.lists(st.text() | st.text(min_size=1).map(lambda text: (text * 600)[:600]), max_size=10))
async def test_whatever_a_build_prints(steps: list[str]) -> None:
    running = Running(BEGUN)
    for each in steps * 120:
        running.tell_step(each)
    for _ in range(5):
        running.tell("\0" * 1_000)
    assert stored(running) <= KEPT
    assert all(len(each) <= MAX_LINE for each in running.lines)
