"""Collects the faults in a strategy's answers: a line for each kind of fault, with the first place where it shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from bot.domain.candles import Series
from bot.domain.clock import iso

#: How far apart (relative) answers over data with different starts may be: rounding, and indicators with a long memory.
NEAR = 1e-6
#: Differences below this fraction of the price are ignored, so that noise around zero is not a difference.
NOTHING = 1e-9

Size = TypeVar("Size", float, Series)


class Finding(NamedTuple):
    """One fault: its kind, question or column, and count, with the close (ms UTC) and description of its first occurrence."""

    kind: str
    where: str
    symbol: str
    at: int
    words: str
    times: int

    def __str__(self) -> str:
        often = f" ({self.times} times)" if self.times > 1 else ""
        return f"{self.kind}: {self.where} at {self.symbol} {iso(self.at)}: {self.words}{often}"


class Findings:
    """All faults, one for each kind, question and market, with their counts."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Finding] = {}

    def add(self, kind: str, where: str, symbol: str, at: int, words: str) -> None:
        key = (kind, where, symbol)
        first = self._found.get(key)
        self._found[key] = (
            Finding(kind, where, symbol, at, words, 1) if first is None else first._replace(times=first.times + 1)
        )

    def all(self) -> list[Finding]:
        """The faults in the order in which they were found; at most three markets for the same fault."""
        shown: list[Finding] = []
        for one in self._found.values():
            if sum((one.kind, one.where) == (other.kind, other.where) for other in shown) < 3:
                shown.append(one)
        return shown


def difference(one: Mapping[str, object], other: Mapping[str, object], near: float, price: float) -> str:
    """The first field in which two answers differ, with both values; empty if there is none."""
    for name in dict.fromkeys([*one, *other]):
        first, second = one.get(name), other.get(name)
        if not alike(first, second, near, price):
            return f"{name} {_shown(first)}, not {_shown(second)}"
    return ""


def alike(one: object, other: object, near: float, price: float) -> bool:
    """Whether two values are equal; numbers may differ by the relative tolerance `near` (0: to the last bit)."""
    if not (isinstance(one, float | int) and isinstance(other, float | int)) or one == other:
        return one == other
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    apart = abs(one - other)
    return math.isfinite(apart) and apart <= _allowed(max(abs(one), abs(other)), near, price)


def differing(one: Series, other: Series, near: float, price: float) -> NDArray[np.intp]:
    """The rows at which two columns differ."""
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):  # infinity less infinity
        apart = np.abs(one - other)
        close = np.isfinite(apart) & (apart <= _allowed(np.maximum(np.abs(one), np.abs(other)), near, price))
    return np.flatnonzero(~(same | close))


def _allowed(size: Size, near: float, price: float) -> Size:
    return near * size + (NOTHING * price if near else 0.0)


def _shown(value: object) -> str:
    if isinstance(value, float) and not math.isnan(value):
        return f"{value:.10g}"
    return "nothing" if value is None else str(value)[:60]
