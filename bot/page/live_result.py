"""The trades of a ledger as the result that a backtest has, so that the same numbers are made of both.

Owns what differs: money is in dollars at the rates of the moment, and equity is what the accounts have now less what was earned since,
for nobody wrote down what else came and went.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal

import numpy as np

from bot.backtest.result import Legs, Result, Trades
from bot.domain.candles import Series, Times
from bot.domain.clock import DAY, SECOND, day_start
from bot.domain.profit import Leg, Trade, closed_since
from bot.page.content import Equity

#: More points than this are more than a chart can show.
MOST_POINTS = 2_000


def result_of(trades: Sequence[Trade], equity: Decimal | None, since: int, until: int | None, as_of: int) -> Result:
    """The positions closed from `since` to before `until` (market ms; None: to `as_of`, the time of the newest data). `equity` is that
    of the accounts at `as_of` (dollars; None: unknown).
    """
    closed = closed_since(trades, since, until)
    first = min((trade.opened_at for trade in trades), default=as_of)
    begin = max(since, day_start(first))
    end = max(as_of + 1 if until is None else min(until, as_of + 1), begin)
    days = _days(begin, end)
    curve = Earned(trades, equity, as_of).at(np.concatenate(([begin], days)))
    pairs = sorted({trade.symbol for trade in closed})
    reasons = sorted({name for trade in closed for name in (trade.reason, *map(reason_of, sales_of(trade)))})
    return Result(
        pairs=tuple(pairs),
        reasons=tuple(reasons),
        timeframe_ms=0,
        since=begin,
        until=end,
        equity=float(curve[0]),
        fee=_fee(closed),
        spread=0.0,
        candles=0,
        trades=_trades(closed, pairs, reasons),
        legs=_legs([leg for trade in closed for leg in sales_of(trade)], reasons),
        skips={},
        day=days,
        day_equity=curve[1:],
        day_exposure=np.full(len(days), _invested(trades, begin, end, float(curve.mean()))),
    )


def reason_of(leg: Leg) -> str:
    """Why a part was sold: the strategy's own name for it, else the purpose of its order."""
    return leg.why.partition(":")[0] if leg.purpose == "exit" and leg.why else str(leg.purpose)


def number(value: Decimal) -> float:
    """An amount of the ledger as a number of research; the only place where it is rounded."""
    return float(value)


def sales_of(trade: Trade) -> list[Leg]:
    """The legs that made a position smaller."""
    return [leg for leg in trade.legs if leg.closes]


def _days(begin: int, end: int) -> Times:
    """The end of each UTC day, the last one cut off at `end`; no two within the same second."""
    midnights = np.arange(day_start(begin) + DAY, end - SECOND, DAY, dtype=np.int64)
    return np.append(midnights, end)


class Earned:
    """Equity at any time of the past: realised results, and at the end of the data the open ones."""

    def __init__(self, trades: Sequence[Trade], equity: Decimal | None, as_of: int) -> None:
        events = sorted((leg.time, number(leg.result_usd)) for trade in trades for leg in trade.legs)
        self.times: Times = _whole(time for time, _ in events)
        self._earned = np.cumsum([0.0, *(result for _, result in events)])
        self._open = sum(number(trade.open_usd) for trade in trades if trade.closed_at is None)
        self._as_of = as_of
        self._before = 0.0 if equity is None else number(equity) - float(self._earned[-1]) - self._open

    def at(self, times: Times) -> Series:
        """What there was just before each of these times."""
        curve = self._before + self._earned[np.searchsorted(self.times, times, side="left")]
        return np.asarray(np.where(times > self._as_of, curve + self._open, curve), np.float64)


def equity_points(trades: Sequence[Trade], result: Result, equity: Decimal | None, as_of: int) -> Equity:
    """Equity after each fill, or at the end of each day where these are too many to see."""
    earned = Earned(trades, equity, as_of)
    seconds = np.unique(np.concatenate(([result.since], earned.times + 1, [result.until])) // 1000 * 1000)
    seconds = seconds[(seconds >= result.since // 1000 * 1000) & (seconds <= result.until)]
    if len(seconds) > MOST_POINTS:
        seconds = np.concatenate(([result.since], result.day))
    return Equity(seconds, earned.at(seconds + 1000), "USD")


def _trades(closed: Sequence[Trade], pairs: Sequence[str], reasons: Sequence[str]) -> Trades:
    rates = _real(number(trade.legs[0].quote_usd) for trade in closed)
    risk = _real(number(trade.risk) for trade in closed)
    return Trades(
        symbol=_whole(pairs.index(trade.symbol) for trade in closed),
        side=_whole(trade.side.sign for trade in closed),
        decided_at=_whole(trade.decided_at for trade in closed),
        entry_time=_whole(trade.opened_at for trade in closed),
        entry_price=_real(number(trade.bought_at) for trade in closed) * rates,
        qty=_real(number(trade.qty) for trade in closed),
        stop=_real(number(trade.stop) for trade in closed) * rates,
        score=np.full(len(closed), math.nan),
        r=np.where(risk > 0.0, risk * rates, math.nan),
        fee=_real(sum(number(leg.fee_usd) for leg in trade.legs if not leg.closes) for trade in closed),
        funding=np.zeros(len(closed)),
        exit_time=_whole(trade.closed_at or 0 for trade in closed),
        exit_reason=_whole(reasons.index(trade.reason) for trade in closed),
        pnl=_real(number(trade.result_usd) for trade in closed),
        first_leg=np.cumsum([0, *(len(sales_of(trade)) for trade in closed)]),
    )


def _legs(sales: Sequence[Leg], reasons: Sequence[str]) -> Legs:
    return Legs(
        time=_whole(leg.time for leg in sales),
        price=_real(number(leg.price * leg.quote_usd) for leg in sales),
        qty=_real(number(leg.qty) for leg in sales),
        fee=_real(number(leg.fee_usd) for leg in sales),
        reason=_whole(reasons.index(reason_of(leg)) for leg in sales),
    )


def _whole(values: Iterable[int]) -> Times:
    return np.fromiter(values, np.int64)


def _real(values: Iterable[float]) -> Series:
    return np.fromiter(values, np.float64)


def _fee(closed: Sequence[Trade]) -> float:
    """The mean fee of a side, as a fraction."""
    legs = [leg for trade in closed for leg in trade.legs]
    value = sum(number(leg.qty * leg.price * leg.quote_usd) for leg in legs)
    return sum(number(leg.fee_usd) for leg in legs) / value if value else 0.0


def _invested(trades: Sequence[Trade], begin: int, end: int, equity: float) -> float:
    """The mean share of equity in positions, at cost: by the time that each part was held."""
    held = 0.0
    for trade in trades:
        for leg in trade.legs:
            value = number(leg.qty * (trade.bought_at if leg.closes else leg.price) * leg.quote_usd)
            passed = max(end - max(leg.time, begin), 0)
            held += -value * passed if leg.closes else value * passed
    return held / ((end - begin) * equity) if equity > 0.0 and end > begin else 0.0
