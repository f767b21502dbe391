"""How certain a mean result is: its bootstrap interval, and a verdict in one sentence."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import numpy as np

from bot.domain.candles import Series, Times

#: The number of bootstrap samples, their seed, and the confidence level.
DRAWS, SEED, LEVEL = 2_000, 7, 0.95
#: With fewer trades or days there is no interval.
FEWEST_TRADES, FEWEST_DAYS = 30, 10
DAY_MS = 86_400_000
_MOST_AT_ONCE = 2_000_000


class Interval(NamedTuple):
    """The 95 % confidence interval of the mean result, in R."""

    low: float
    high: float


class Verdict(StrEnum):
    """What the interval says."""

    LOSES = "loses"
    EARNS = "earns"
    OPEN = "open"
    TOO_FEW = "too few"

    def sentence(self, mean: float | None, interval: Interval | None) -> str:
        """One plain sentence for the owner."""
        if interval is None or mean is None:
            return f"too few trades for a verdict: at least {FEWEST_TRADES} trades on {FEWEST_DAYS} days are needed"
        made = f"{mean:+.3f} R a trade, 95 % interval {interval.low:+.3f} to {interval.high:+.3f} R"
        match self:
            case Verdict.LOSES:
                return f"loses: the interval lies below zero ({made})"
            case Verdict.EARNS:
                return f"earned: the interval lies above zero ({made}); past results promise nothing"
        return f"may be chance: the interval contains zero ({made})"


def verdict(interval: Interval | None, trades: int) -> Verdict:
    """The verdict on a mean with this interval."""
    if interval is None or trades < FEWEST_TRADES:
        return Verdict.TOO_FEW
    if interval.high < 0.0:
        return Verdict.LOSES
    return Verdict.EARNS if interval.low > 0.0 else Verdict.OPEN


def expectancy_interval(in_r: Series, entered: Times) -> Interval | None:
    """The interval of the mean result in R; None with too few trades or days.

    Samples consist of whole days with all trades entered on them, not of single trades, because trades of one day rise and fall
    together and are not independent. The same trades always give the same interval.
    """
    days, number = np.unique(entered // DAY_MS, return_inverse=True)
    if len(in_r) < FEWEST_TRADES or len(days) < FEWEST_DAYS:
        return None
    count, total = np.bincount(number).astype(np.float64), np.bincount(number, weights=in_r)
    random = np.random.default_rng(SEED)
    at_once = max(_MOST_AT_ONCE // len(days), 1)
    means = []
    for start in range(0, DRAWS, at_once):
        drawn = random.integers(len(days), size=(min(at_once, DRAWS - start), len(days)), dtype=np.int32)
        means.append(total[drawn].sum(axis=1) / count[drawn].sum(axis=1))
    rest = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(np.concatenate(means), (rest, 1.0 - rest))
    return Interval(float(low), float(high))
