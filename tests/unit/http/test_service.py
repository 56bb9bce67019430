"""What is said of limits that do not hold."""

from appx.http.bodies import LimitsOfProjects
from appx.http.service import without_effect
from appx.podman.apps import Limits
from appx.workbench.bench import AppLimits

NONE, ALL = AppLimits(), AppLimits(memory=True, cpu=True, pids=True)
SET = Limits(memory=1 << 30, processes=300, cpus=0.5)


def test_a_limit_that_is_set_and_not_enforced_is_said() -> None:
    assert [sentence.split()[0] for sentence in without_effect(SET, NONE)] == [
        "APPX_PROJECT_MEMORY", "APPX_PROJECT_CPUS",
    ]  # fmt: skip
    assert list(without_effect(SET, ALL)) == []
    assert list(without_effect(Limits(), NONE)) == []


def test_only_what_is_enforced_is_told_as_a_limit() -> None:
    assert LimitsOfProjects.of(SET, ALL) == LimitsOfProjects(memory=1 << 30, cpu=0.5, pids=300)
    assert LimitsOfProjects.of(SET, NONE) == LimitsOfProjects(pids=300), "processes hold on every host"
    assert LimitsOfProjects.of(Limits(), ALL) == LimitsOfProjects()
