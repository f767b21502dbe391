"""The statistics of a backtest, by the usual names.

Owns the formulas. Returns are daily, with positions valued at the last close of each UTC day. A year has 365 days, because these
markets never close; cash earns nothing. A number that does not exist (such as the Sharpe ratio of one day) is None.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bot.backtest.bootstrap import Interval, Verdict, expectancy_interval, verdict
from bot.backtest.result import Integers, Result, Trades
from bot.domain.candles import Series

DAYS = 365


class Drawdown(NamedTuple):
    """The largest loss since a peak, as a fraction of the peak, and the longest time below a peak in days."""

    depth: float
    days: int


class Group(NamedTuple):
    """The trades of one pair, exit reason or month (of the exit). `expectancy_r` in R, `pnl` and `fees` in the quote."""

    key: str
    trades: int
    win_rate: float
    expectancy_r: float
    pnl: float
    fees: float


@dataclass(frozen=True, slots=True)
class Numbers:
    """Money in the quote, rates and shares as fractions. `pnl` is the sum over all trades, `final_equity` the equity at the end.

    `expectancy` is the mean result of a trade, `exposure` the mean share of equity in positions, `turnover` the value of all
    purchases and sales, `turnover_year` how many times a year the mean equity was turned over. Trades whose risk is unknown are left
    out of numbers in R.
    """

    trades: int
    won: int
    win_rate: float | None
    expectancy: float | None
    expectancy_r: float | None
    interval_r: Interval | None
    verdict: Verdict
    sentence: str
    profit_factor: float | None
    pnl: float
    final_equity: float
    total_return: float | None
    cagr: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float
    drawdown_days: int
    exposure: float
    turnover: float
    turnover_year: float | None
    fees: float
    spread_paid: float
    funding: float
    by_pair: tuple[Group, ...]
    by_reason: tuple[Group, ...]
    by_month: tuple[Group, ...]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        found = asdict(self)
        found["interval_r"] = None if self.interval_r is None else list(self.interval_r)
        for name in ("by_pair", "by_reason", "by_month"):
            found[name] = [group._asdict() for group in getattr(self, name)]
        return found


def numbers(result: Result) -> Numbers:
    """All statistics of one walk."""
    trades = result.trades
    pnl, fees = trades.pnl, trade_fees(result)
    known = np.isfinite(trades.pnl_r)
    in_r = trades.pnl_r[known]
    curve = np.concatenate(([result.equity], result.day_equity))
    daily = returns(curve)
    fallen = drawdown(curve)
    growth = cagr(daily)
    traded = turnover(result)
    interval = expectancy_interval(in_r, trades.entry_time[known])
    judged = verdict(interval, len(in_r))
    return Numbers(
        trades=len(trades),
        won=int(np.count_nonzero(pnl > 0.0)),
        win_rate=mean(1.0 * (pnl > 0.0)),
        expectancy=mean(pnl),
        expectancy_r=mean(in_r),
        interval_r=interval,
        verdict=judged,
        sentence=judged.sentence(mean(in_r), interval),
        profit_factor=profit_factor(pnl),
        pnl=float(pnl.sum()),
        final_equity=float(curve[-1]),
        total_return=float(curve[-1] / curve[0] - 1.0) if curve[0] > 0.0 else None,
        cagr=growth,
        sharpe=sharpe(daily),
        sortino=sortino(daily),
        calmar=None if growth is None or fallen.depth == 0.0 else growth / fallen.depth,
        max_drawdown=fallen.depth,
        drawdown_days=fallen.days,
        exposure=mean(result.day_exposure) or 0.0,
        turnover=traded,
        turnover_year=traded / float(curve.mean()) * DAYS / len(daily) if len(daily) and curve.mean() > 0.0 else None,
        fees=float(fees.sum()),
        spread_paid=spread_paid(result),
        funding=float(trades.funding.sum()),
        by_pair=groups(trades, fees, trades.symbol, result.pairs),
        by_reason=groups(trades, fees, trades.exit_reason, result.reasons),
        by_month=by_month(trades, fees),
    )


def mean(values: NDArray[np.floating[Any]]) -> float | None:
    """The mean, or None without values."""
    return float(values.mean()) if len(values) else None


def profit_factor(pnl: Series) -> float | None:
    """Gains divided by losses; None without losses."""
    lost = -float(pnl[pnl < 0.0].sum())
    return float(pnl[pnl > 0.0].sum()) / lost if lost > 0.0 else None


# -- of the equity curve ----------------------------------------------------------------------------------------------
def returns(curve: Series) -> Series:
    """The return of each day; 0 once all money is lost."""
    alive = curve[:-1] > 0.0
    return np.divide(np.diff(curve), curve[:-1], out=np.zeros(len(curve) - 1), where=alive)


def cagr(daily: Series) -> float | None:
    """The total return, as growth per 365 days. None if there are no days, or if the growth is too large for a float."""
    total = float(np.prod(1.0 + daily))
    if not len(daily) or total <= 0.0:
        return -1.0 if len(daily) else None
    grown = math.log(total) * DAYS / len(daily)
    return math.exp(grown) - 1.0 if grown < 100.0 else None


def sharpe(daily: Series) -> float | None:
    """The mean daily return divided by its standard deviation, annualized."""
    deviation = float(daily.std(ddof=1)) if len(daily) > 1 else 0.0
    return float(daily.mean()) / deviation * math.sqrt(DAYS) if deviation > 0.0 else None


def sortino(daily: Series) -> float | None:
    """Like `sharpe`, with the downside deviation: only negative returns count."""
    below = math.sqrt(float(np.mean(np.minimum(daily, 0.0) ** 2))) if len(daily) else 0.0
    return float(daily.mean()) / below * math.sqrt(DAYS) if below > 0.0 else None


def drawdown(curve: Series) -> Drawdown:
    """The depth of the deepest drawdown, and the length of the longest one in days."""
    best = np.maximum.accumulate(curve)
    below = curve < best
    depth = float(np.max(1.0 - curve / best)) if best[0] > 0.0 else 0.0
    at_best = np.flatnonzero(~below)
    longest = int(np.diff(np.append(at_best, len(curve))).max()) - 1
    return Drawdown(depth, longest)


# -- of the trades ----------------------------------------------------------------------------------------------------
def trade_fees(result: Result) -> Series:
    """The fees of each trade: for its entry and all of its legs."""
    sums = np.concatenate(([0.0], np.cumsum(result.legs.fee)))
    first = result.trades.first_leg
    return result.trades.fee + sums[first[1:]] - sums[first[:-1]]


def turnover(result: Result) -> float:
    """The value of all purchases and sales."""
    trades, legs = result.trades, result.legs
    return float((trades.entry_price * trades.qty).sum() + (legs.price * legs.qty).sum())


def spread_paid(result: Result) -> float:
    """What was lost to the spread: half of it at each purchase and sale, taken back out of the prices that were paid."""
    trades, legs, half = result.trades, result.legs, result.spread / 2.0
    side = np.repeat(trades.side, np.diff(trades.first_leg))
    entries = trades.entry_price * trades.qty / (1.0 + trades.side * half)
    exits = legs.price * legs.qty / (1.0 - side * half)
    return float((entries.sum() + exits.sum()) * half)


def groups(trades: Trades, fees: Series, number: Integers, names: tuple[str, ...]) -> tuple[Group, ...]:
    """A group for each name that has trades, the largest gain first. `number` is each trade's index in `names`."""
    count = np.bincount(number, minlength=len(names))

    def total(values: NDArray[np.floating[Any]]) -> Series:
        return np.bincount(number, values, len(names)).astype(np.float64)

    won, pnl, paid = total(1.0 * (trades.pnl > 0.0)), total(trades.pnl), total(fees)
    known = np.isfinite(trades.pnl_r)
    in_r = total(np.where(known, trades.pnl_r, 0.0)) / np.maximum(total(1.0 * known), 1.0)
    found = [
        Group(name, int(n), float(won[i] / n), float(in_r[i]), float(pnl[i]), float(paid[i]))
        for i, (name, n) in enumerate(zip(names, count, strict=True))
        if n
    ]
    return tuple(sorted(found, key=lambda group: (-group.pnl, group.key)))


def by_month(trades: Trades, fees: Series) -> tuple[Group, ...]:
    """A group for each UTC month of exits, in order."""
    months = trades.exit_time.astype("datetime64[ms]").astype("datetime64[M]")
    names, number = np.unique(months, return_inverse=True)
    found = groups(trades, fees, number, tuple(str(name) for name in names))
    return tuple(sorted(found, key=lambda group: group.key))
