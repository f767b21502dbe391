"""Which parameters of a strategy may be searched, within which bounds: what `nija optimize` tries, and what a file of parameters
may hold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Searched(NamedTuple):
    """A parameter that may be searched: from `low` to `high`, both included, in steps of `step`. Whole numbers where the
    parameter is one.
    """

    name: str
    low: float
    high: float
    step: float

    def holds(self, value: float) -> bool:
        """Whether a value is within the bounds, on a step or between two."""
        return self.low <= value <= self.high

    def steps_to(self, value: float) -> float:
        """How many steps a value is above the lowest."""
        return (value - self.low) / self.step


SearchSpace = tuple[Searched, ...]


def check_space(space: Sequence[Searched], own: Mapping[str, float]) -> None:
    """Raise ValueError for the first range that cannot be searched; `own` are the strategy's parameters by name."""
    if not isinstance(space, tuple) or not all(isinstance(one, Searched) for one in space):
        raise ValueError(f"search_space is {space!r}: a tuple of Searched(name, low, high, step) is needed")
    names = [one.name for one in space]
    if doubled := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"search_space: {doubled[0]} is there more than once")
    for one in space:
        if fault := _fault(one, own):
            raise ValueError(f"search_space: {one.name} {fault}")


def _fault(one: Searched, own: Mapping[str, float]) -> str:
    """What is wrong with a range, or nothing."""
    if one.name not in own:
        return f"is no parameter: there are {', '.join(own) or 'none'}"
    value = own[one.name]
    if not all(math.isfinite(number) for number in one[1:]) or not one.low < one.high or not one.step > 0.0:
        return f"is {one.low:g} to {one.high:g} in steps of {one.step:g}: finite numbers, low < high and a step above 0 are needed"
    if isinstance(value, int) and any(number != int(number) for number in one[1:]):
        return "is a whole number: its bounds and its step must be whole, too"
    if not _is_whole(one.steps_to(one.high)):
        return f"does not reach {one.high:g} from {one.low:g} in steps of {one.step:g}"
    if not one.holds(value) or not _is_whole(one.steps_to(value)):
        return f"has its own value {value:g} outside {one.low:g} to {one.high:g} in steps of {one.step:g}"
    return ""


def _is_whole(number: float) -> bool:
    return math.isclose(number, round(number), abs_tol=1e-9)
