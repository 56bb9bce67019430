"""Whether one run solved more than another, task by task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb, exp, log
from statistics import fmean

from bench.agent.attempt import Result
from bench.agent.report import aligned

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Of one task: attempts and solved ones in the two runs."""

    tried_a: int
    solved_a: int
    tried_b: int
    solved_b: int


def pairs(a: Sequence[Result], b: Sequence[Result]) -> dict[str, Pair]:
    """The tasks that both runs attempted; errors are no attempts."""
    found = {}
    for name in sorted({each.task for each in a} & {each.task for each in b}):
        ours, theirs = _made(a, name), _made(b, name)
        if ours and theirs:
            found[name] = Pair(tried_a=len(ours), solved_a=_solved(ours), tried_b=len(theirs), solved_b=_solved(theirs))
    return found


def chance(found: Sequence[Pair]) -> float:
    """How likely a difference of at least this size is, in either direction, if on each task both runs were alike.

    Exact, stratified by task (the conditional test of Mantel and Haenszel): given how many attempts of a task were
    solved in all, it was chance which of the two runs they fell to. With one attempt each it is McNemar's exact test.
    So an easy task, which both always solve, counts for nothing, and the tasks need not be of the same difficulty.
    """
    likely = {0: 1.0}
    for pair in found:
        tried, solved = pair.tried_a + pair.tried_b, pair.solved_a + pair.solved_b
        sums: dict[int, float] = {}
        for ours in range(max(0, solved - pair.tried_b), min(solved, pair.tried_a) + 1):
            share = comb(pair.tried_a, ours) * comb(pair.tried_b, solved - ours) / comb(tried, solved)
            for so_far, probability in likely.items():
                sums[so_far + ours] = sums.get(so_far + ours, 0.0) + probability * share
        likely = sums
    mean = sum(solved * probability for solved, probability in likely.items())
    seen = abs(sum(pair.solved_a for pair in found) - mean) - ROUNDING
    return min(1.0, sum(probability for solved, probability in likely.items() if abs(solved - mean) >= seen))


def comparison(a: Sequence[Result], b: Sequence[Result]) -> str:
    """A table and what follows from it. Pure."""
    found = pairs(a, b)
    if not found:
        return "The two runs have no task in common that both attempted."
    rows = [("task", "A", "B")]
    rows += [(name, f"{p.solved_a}/{p.tried_a}", f"{p.solved_b}/{p.tried_b}") for name, p in found.items()]
    mean_a = fmean(pair.solved_a / pair.tried_a for pair in found.values())
    mean_b = fmean(pair.solved_b / pair.tried_b for pair in found.values())
    lines = [*aligned(rows), f"solved, the mean of the tasks: A {mean_a:.0%}, B {mean_b:.0%}"]
    lines += [f"chance of such a difference between equals, on these tasks: p = {chance(list(found.values())):.3f}"]
    both = [name for name, pair in found.items() if pair.solved_a and pair.solved_b]
    return "\n".join(lines + _costs(a, b, both))


def _costs(a: Sequence[Result], b: Sequence[Result], names: Sequence[str]) -> list[str]:
    """Ratios over the tasks that both solved: elsewhere, giving up early would look cheap."""
    lines = []
    for what in ("steps", "tokens", "seconds", "cost"):
        means = [(_mean(a, name, what), _mean(b, name, what)) for name in names]
        logs = [log(theirs / ours) for ours, theirs in means if ours > 0 and theirs > 0]
        if logs:
            lines.append(f"{what}, B to A, on {len(logs)} tasks that both solved: {exp(fmean(logs)):.2f} times")
    return lines


def _mean(results: Sequence[Result], name: str, what: str) -> float:
    """Of the solved attempts."""
    solved = [each for each in _made(results, name) if each.status == "solved"]
    values: Mapping[str, list[float]] = {
        "steps": [each.used.steps for each in solved],
        "tokens": [each.used.tokens for each in solved],
        "cost": [each.used.cost for each in solved],
        "seconds": [each.seconds for each in solved],
    }
    return fmean(values[what])


def _made(results: Sequence[Result], name: str) -> list[Result]:
    return [each for each in results if each.task == name and each.status != "error"]


def _solved(results: Sequence[Result]) -> int:
    return sum(each.status == "solved" for each in results)
