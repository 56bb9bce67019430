"""How many kills, and from which seed on: ``pytest tests/crash --kills 2000 --seed 7``."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from tests.crash import life

Count: TypeAlias = Callable[[str, int], None]

COUNTED = "crash: "
KILLS = 100
POINTS = 2
KILLS_OF_A_WORLD = 25
"""One workspace lives through so many; then a new one begins, so that all stays small."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=KILLS, help="how many servers are killed at random moments")
    parser.addoption("--points", type=int, default=POINTS, help="runs for each system call and event; 0: all")
    parser.addoption("--seed", type=int, default=1, help="of the first world; it stands in the name of a test")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A sweep over all points takes its time."""
    for item in items:
        if "points" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(120 if config.getoption("points", POINTS) else 3_600))


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Count:
    """Tell a number that is summed over all tests at the end."""
    return lambda what, number: record_property(f"{COUNTED}{what}", number)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    total: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, number in report.user_properties:
            if report.when == "call" and name.startswith(COUNTED):
                total[name.removeprefix(COUNTED)] += number
    if total:
        terminalreporter.section("crash")
        terminalreporter.line(", ".join(f"{number:,} {what}" for what, number in total.items()))


@pytest.fixture
def points(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("points", POINTS))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "world_seed" not in metafunc.fixturenames:
        return
    kills: int = metafunc.config.getoption("kills", KILLS)
    first: int = metafunc.config.getoption("seed", 1)
    worlds = [
        (first + number, min(KILLS_OF_A_WORLD, kills - start))
        for number, start in enumerate(range(0, kills, KILLS_OF_A_WORLD))
    ]
    metafunc.parametrize(("world_seed", "world_kills"), worlds, ids=[f"seed-{seed}" for seed, _ in worlds])


@pytest.fixture(scope="session")
def nursery() -> Iterator[life.Nursery]:
    with life.nursery() as found:
        yield found
