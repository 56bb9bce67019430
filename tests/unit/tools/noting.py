"""A function that is the same, and notes how it is called."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Taken = TypeVar("Taken")


def noting(function: Callable[Given, Taken], note: Callable[Given, object]) -> Callable[Given, Taken]:
    def noted(*given: Given.args, **named: Given.kwargs) -> Taken:
        note(*given, **named)
        return function(*given, **named)

    return noted
