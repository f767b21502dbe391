"""What a search of parameters makes as large as it can: one number of a walk.

Owns the choices and their names. A walk with hardly any trades has no such number, because any would be luck.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from bot.backtest.bootstrap import FEWEST_TRADES
from bot.backtest.numbers import drawdown, returns, sharpe, sortino
from bot.backtest.result import Result
from bot.domain.candles import Series


def _sharpe(result: Result, curve: Series) -> float:  # noqa: ARG001 - all are asked the same way
    return sharpe(returns(curve)) or 0.0


def _sortino(result: Result, curve: Series) -> float:  # noqa: ARG001
    return sortino(returns(curve)) or 0.0


def _calmar(result: Result, curve: Series) -> float:  # noqa: ARG001
    grown, fallen = curve[-1] / curve[0] - 1.0, drawdown(curve).depth
    return float(grown / fallen) if fallen > 0.0 else 0.0


def _return(result: Result, curve: Series) -> float:  # noqa: ARG001
    return float(curve[-1] / curve[0] - 1.0)


def _r(result: Result, curve: Series) -> float:  # noqa: ARG001
    return float(result.trades.pnl_r.sum())


#: By the word of `--objective`. `calmar` is the return of the whole time for each unit of the deepest drawdown; `r` sums results in R.
OBJECTIVES: Mapping[str, Callable[[Result, Series], float]] = MappingProxyType(
    {"sharpe": _sharpe, "sortino": _sortino, "calmar": _calmar, "return": _return, "r": _r}
)


def value(objective: str, result: Result) -> float | None:
    """The number of a walk; None with too few trades to tell anything."""
    if len(result.trades) < FEWEST_TRADES:
        return None
    curve = np.concatenate(([result.equity], result.day_equity))
    return OBJECTIVES[objective](result, curve)
