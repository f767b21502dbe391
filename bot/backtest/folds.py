"""Walk-forward: parameters are searched in candles up to a moment, and tried in those after it, which the search has not seen.

Owns the spans and what is said of their results. A search finds luck as well as skill, and the more so the more it tries; candles
that it has not seen tell the two apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bot.backtest.bootstrap import Interval, Verdict, expectancy_interval, verdict
from bot.backtest.numbers import mean
from bot.backtest.result import Result


class Fold(NamedTuple):
    """Searched in candles that open from `since` to before `cut`, tried from there to before `until` (ms UTC). Without folds the one
    there is ends at its cut: nothing is left to try on.
    """

    number: int
    since: int
    cut: int
    until: int


def folds(since: int, until: int, timeframe_ms: int, count: int) -> tuple[Fold, ...]:
    """The span in `count` + 1 equal parts: fold n is searched in the first n of them and tried in the next one.

    Raises ValueError where a part has no candle.
    """
    rows = (until - since) // timeframe_ms
    if count == 0:
        return (Fold(1, since, until, until),)
    if rows < count + 1:
        raise ValueError(f"{rows} candles are too few for {count} folds: give --folds less, or more candles")
    cuts = [since + rows * part // (count + 1) * timeframe_ms for part in range(count + 2)]
    return tuple(Fold(n, since, cuts[n], cuts[n + 1]) for n in range(1, count + 1))


class Progress(NamedTuple):
    """How far the search of a fold is: trials that ended, and the best value."""

    done: int
    best: float | None


class Measured(NamedTuple):
    """One walk in the numbers that matter here. `in_r` and `entered` (ms UTC) are those of its trades."""

    trades: int
    expectancy_r: float | None
    pnl: float
    objective: float | None
    in_r: Any
    entered: Any

    @classmethod
    def of(cls, result: Result, objective: float | None) -> Measured:
        """What is kept of a walk."""
        trades, in_r = result.trades, result.trades.pnl_r
        return cls(len(trades), mean(in_r), float(trades.pnl.sum()), objective, in_r, trades.entry_time)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {name: getattr(self, name) for name in ("trades", "expectancy_r", "pnl", "objective")}


class Tried(NamedTuple):
    """One fold: the best parameters of so many `trials`, where they were searched and where they were not, and the strategy's own
    parameters there. Without a part to try on, the last two are None.
    """

    fold: Fold
    trials: int
    params: Mapping[str, float]
    inside: Measured
    outside: Measured | None
    own: Measured | None


class Outcome(NamedTuple):
    """All folds together. `held` says whether the parameters of the last fold may be traded, `sentence` why or why not."""

    held: bool
    sentence: str
    expectancy_r: float | None = None
    interval_r: Interval | None = None
    own_expectancy_r: float | None = None
    inside_expectancy_r: float | None = None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return self._asdict() | {"interval_r": None if self.interval_r is None else list(self.interval_r)}


def outcome(tried: Sequence[Tried]) -> Outcome:
    """What the out-of-sample parts say. They hold if all of their trades together earned, by the interval of their mean; if the last
    fold, whose parameters are the ones to trade, earned there too; and if the strategy's own parameters earned less.
    """
    outside = [one.outside for one in tried if one.outside is not None]
    own = [one.own for one in tried if one.own is not None]
    if not outside:
        return Outcome(held=False, sentence="not tried: every candle was searched in, so nothing is known of others")
    in_r = np.concatenate([one.in_r for one in outside])
    interval = expectancy_interval(in_r, np.concatenate([one.entered for one in outside]))
    judged, earned = verdict(interval, len(in_r)), mean(in_r)
    if judged is not Verdict.EARNS:
        fault = judged.sentence(earned, interval)
    elif outside[-1].pnl <= 0.0:
        fault = "the last fold, whose parameters are the newest, lost"
    elif sum(one.pnl for one in own) >= sum(one.pnl for one in outside):
        fault = "the strategy's own parameters earned as much there"
    else:
        fault = ""
    said = f"fails out of sample: {fault}" if fault else f"holds out of sample: {judged.sentence(earned, interval)}"
    alone = np.concatenate([one.in_r for one in own])
    inside = np.concatenate([one.inside.in_r for one in tried])
    return Outcome(not fault, said, earned, interval, mean(alone), mean(inside))
