"""What to compare a result with: the same rule without costs and at a worse fee, holding the same pairs, and cash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bot.backtest.history import History
from bot.backtest.numbers import mean
from bot.backtest.result import Result
from bot.backtest.run import Backtest
from bot.backtest.terms import Account, Costs


class Alternative(NamedTuple):
    """One alternative; `trades` and `expectancy_r` are None where it makes no trades."""

    name: str
    total_return: float | None
    final_equity: float
    trades: int | None = None
    expectancy_r: float | None = None


def alternatives(backtest: Backtest, account: Account, result: Result, worse_fee: float) -> tuple[Alternative, ...]:
    """All four alternatives. The first two walk again, because costs also decide which entries are made."""
    costs = account.costs
    others = [costs._replace(fee=0.0, spread=0.0), costs._replace(fee=worse_fee)]
    free, worse = backtest.walk_all([account._replace(costs=others[0], spreads={}), account._replace(costs=others[1])])
    held = hold(backtest.histories, result.since, result.until, account.costs)
    return (
        _walked("without costs", free),
        _walked(f"at a fee of {worse_fee:.3%}", worse),
        Alternative("holding the same pairs", held, result.equity * (1.0 + held)),
        Alternative("cash", 0.0, result.equity),
    )


def _walked(name: str, result: Result) -> Alternative:
    final = float(result.day_equity[-1]) if len(result.day_equity) else result.equity
    return Alternative(name, final / result.equity - 1.0, final, len(result.trades), mean(result.trades.pnl_r))


def hold(histories: Sequence[History], since: int, until: int, costs: Costs) -> float:
    """The return of equal parts of the money in each pair, bought at its first open and sold at its last close of the period.

    Both trades are made at the market and pay fees. A pair without a candle in the period leaves its part in cash.
    """
    half = costs.spread / 2.0
    kept = (1.0 - half) / (1.0 + half) * (1.0 - costs.fee) / (1.0 + costs.fee)
    grown = []
    for one in histories:
        first, last = np.searchsorted(one.time, (since, until))
        grown.append(float(one.close[last - 1] / one.open[first]) * kept - 1.0 if last > first else 0.0)
    return float(np.mean(grown))
