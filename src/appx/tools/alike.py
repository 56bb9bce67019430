"""Which lines of two texts differ, found in bounded work."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from itertools import accumulate, takewhile
from typing import TypeAlias

from typing_extensions import override

MAX_STEPS = 1_000_000
"""They take a quarter of a second. To change a tenth of 300 lines of source takes some 8,000."""

Part: TypeAlias = tuple[int, int, int, int]
"""Old lines (from, to) that become new ones (from, to)."""


@dataclass(slots=True)
class Steps:
    """How many are left to all that share them."""

    left: int = MAX_STEPS

    def take(self, count: int) -> None:
        """Raises TooManySteps."""
        self.left -= count
        if self.left < 0:
            raise TooManySteps


class TooManySteps(Exception):
    """Looking on would take too long."""


def differing(old: Sequence[str], new: Sequence[str], steps: Steps) -> list[Part]:
    """The parts that differ, in order; when there are too few steps, one part from the first to the last of them."""
    try:
        return _parts(old, new, steps)
    except TooManySteps:
        head = _same(zip(old, new, strict=False))
        tail = _same(zip(reversed(old[head:]), reversed(new[head:]), strict=False))
        return [(head, len(old) - tail, head, len(new) - tail)]


def _same(pairs: Iterable[tuple[str, str]]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _parts(old: Sequence[str], new: Sequence[str], steps: Steps) -> list[Part]:
    steps.take(len(old) + len(new))
    numbers: dict[str, int] = {}
    one, other = ([numbers.setdefault(line, len(numbers)) for line in lines] for lines in (old, new))
    found = _Counting(one, other, steps).get_opcodes()
    return [(was, gone, now, come) for kind, was, gone, now, come in found if kind != "equal"]


class _Counting(SequenceMatcher[int]):
    """Takes its steps before it makes them: the work is the cube of the number of lines when many are the same."""

    def __init__(self, old: Sequence[int], new: Sequence[int], steps: Steps) -> None:
        super().__init__(None, old, new)
        self._left = steps
        times = Counter(new)
        self._before = list(accumulate((1 + times[line] for line in old), initial=0))

    @override
    def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> Match:
        end = len(self._before) - 1 if ahi is None else ahi
        self._left.take(self._before[end] - self._before[alo])
        return super().find_longest_match(alo, ahi, blo, bhi)
