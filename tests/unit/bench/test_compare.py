"""Whether a difference between two runs is more than chance."""

import pytest
from bench.agent.attempt import Result
from bench.agent.compare import Pair, chance, comparison, pairs
from hypothesis import given
from hypothesis import strategies as st


def pair(solved_a: int, tried_a: int, solved_b: int, tried_b: int) -> Pair:
    return Pair(tried_a=tried_a, solved_a=solved_a, tried_b=tried_b, solved_b=solved_b)


@st.composite
def some_pairs(draw: st.DrawFn) -> list[Pair]:
    tried = draw(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), max_size=8))
    return [pair(draw(st.integers(0, a)), a, draw(st.integers(0, b)), b) for a, b in tried]


@given(some_pairs())
def test_it_is_a_probability_and_does_not_care_which_run_comes_first(found: list[Pair]) -> None:
    turned = [pair(each.solved_b, each.tried_b, each.solved_a, each.tried_a) for each in found]
    assert 0 < chance(found) <= 1
    assert chance(found) == pytest.approx(chance(turned))


@given(some_pairs(), st.integers(1, 6), st.integers(1, 6))
def test_tasks_that_all_solve_or_none_change_nothing(found: list[Pair], a: int, b: int) -> None:
    more = [*found, pair(a, a, b, b), pair(0, a, 0, b)]
    assert chance(more) == pytest.approx(chance(found))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], 1),
        ([pair(1, 1, 0, 1)] * 5, 2 / 32),  # McNemar: five tasks differ, all in one direction
        ([pair(1, 1, 0, 1)] * 5 + [pair(0, 1, 1, 1)], 14 / 64),
        ([pair(1, 1, 1, 1)] * 50, 1),
        ([pair(3, 3, 0, 3)], 2 / 20),  # Fisher: one task, three attempts each
        ([pair(8, 10, 1, 5)], 0.0889),  # Fisher, with unequal numbers, both tails of the same distance
    ],
)
def test_it_is_what_the_textbooks_say(found: list[Pair], expected: float) -> None:
    assert chance(found) == pytest.approx(expected, abs=1e-4)


def result(task: str, *, solved: bool, error: bool = False) -> Result:
    return Result(task=task, number=1, status="error" if error else "solved" if solved else "unsolved")


def test_only_what_both_runs_really_attempted_is_compared() -> None:
    a = [result("x", solved=True), result("y", solved=True), result("z", solved=True)]
    b = [result("x", solved=False), result("y", solved=False, error=True)]
    assert pairs(a, b) == {"x": pair(1, 1, 0, 1)}
    assert "A 100%, B 0%" in comparison(a, b)
    assert comparison(a, []) == "The two runs have no task in common that both attempted."
