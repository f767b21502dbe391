"""Every entry decision of a strategy over all candles, made once: by its rows, or candle by candle.

Decisions depend on candles alone, so they are the same on any terms. Owns their order: by close, then by rank. Does not depend on
equity, costs or venue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bot.backtest.history import History, seen
from bot.backtest.result import Integers
from bot.backtest.state import SIGNAL, Records, filled, record_of
from bot.backtest.universe import NOWHERE, Choice
from bot.domain.candles import Series, quiet_at
from bot.strategy.base import Decided, Strategy
from bot.strategy.grid import compared
from bot.strategy.params import RiskSettings
from bot.strategy.timing import FAR, to_news


class Decisions(NamedTuple):
    """The signals of one market, one per row; `row` is the number of the market's candle."""

    row: Integers
    side: Integers
    stop: Series
    out_at: Series
    momentum: Series
    score: Series
    pct: Series

    def first(self, count: int) -> Decisions:
        """The first `count` signals."""
        row, side, *others = (column[:count].copy() for column in self)
        return Decisions(row, side, *others)  # type: ignore[arg-type]


def decided(columns: Any, row: int, params: Any, risk_settings: RiskSettings) -> Decided:
    """Replaced by the strategy's own code."""
    raise NotImplementedError


def scan(columns: Any, first: int, last: int, params: Any, risk_settings: RiskSettings, found: Decisions) -> int:
    """Write every signal of rows `first` to `last` (exclusive) to `found`; returns their number. Plain scalar code, also compiled."""
    count = 0
    for row in range(first, last):
        one = decided(columns, row, params, risk_settings)
        if one.side != 0:
            found.row[count], found.side[count] = row, one.side
            found.stop[count], found.out_at[count] = one.stop, one.risk_price
            found.momentum[count], found.score[count] = compared(one.momentum), one.score
            found.pct[count] = min(one.pct, risk_settings.max_position_pct)
            count += 1
    return count


def room_for(rows: int) -> Decisions:
    """Columns with room for a signal on every row. They are not initialized: unused memory costs nothing."""
    real = [np.empty(rows) for _ in range(5)]
    return Decisions(np.empty(rows, np.int64), np.empty(rows, np.int64), *real)


def by_rows(
    strategy: Strategy, scanned: Callable[..., int], history: History, first: int, at_close: Records, found: Decisions
) -> Decisions:
    """The signals from row `first` on. The columns read at closes are written to `at_close`; `found` is a buffer. A row without a
    candle has no signal, and NaN in its columns.
    """
    rows = strategy.rows
    if rows is None:
        raise ValueError("a strategy without rows is called candle by candle")
    candles = seen(history, fills_gaps=strategy.fills_gaps)
    columns, numbers = rows.columns(candles), (candles.time - int(history.time[0])) // history.timeframe_ms
    for name in rows.at_close:
        if len(candles) < len(history):
            at_close[name] = np.nan
        at_close[name][numbers] = getattr(columns, name)
    begin = min(max(int(numbers.searchsorted(first)), strategy.required - 1, 1), len(candles))
    count = int(scanned(columns, begin, len(candles), record_of(rows.params), strategy.risk_settings, found))
    decisions = found.first(count)
    return decisions._replace(row=numbers[decisions.row])


def in_order(
    histories: Sequence[History],
    decisions: Sequence[Decisions],
    first: Integers,
    news: Sequence[int],
    choice: Choice,
    *,
    fills_gaps: bool,
) -> tuple[Records, Integers]:
    """The signals of the chosen markets by close, then by rank, then by place in the choice, then by symbol. `first` is the row at
    which each market starts. Also returns the order: the number of each signal when markets are counted one after another. A
    strategy that leaves gaps out judges quiet markets itself.
    """
    market = np.concatenate([np.full(len(one.row), number) for number, one in enumerate(decisions)])
    row, side, stop, out_at, momentum, score, pct = (
        np.concatenate(columns) for columns in zip(*decisions, strict=True)
    )
    still = np.concatenate(
        [quiet_at(one.candles, found.row) & fills_gaps for one, found in zip(histories, decisions, strict=True)]
    )
    timeframe = histories[0].timeframe_ms
    closed_at = np.concatenate(
        [one.time[found.row] + timeframe for one, found in zip(histories, decisions, strict=True)]
    )
    away = np.array([to_news(news, int(at)) for at in closed_at]) if news else np.full(len(row), FAR)
    place = np.concatenate(
        [
            choice.places(number, one.time[found.row] + timeframe)
            for number, (one, found) in enumerate(zip(histories, decisions, strict=True))
        ]
    )
    row += first[market]
    order = ordered(row, momentum, place)
    order = order[place[order] != NOWHERE]
    columns = {"row": row, "market": market, "side": side, "quiet": still, "to_news": away}
    columns |= {"stop": stop, "out_at": out_at, "score": score, "pct": pct}
    return filled(SIGNAL, {name: column[order] for name, column in columns.items()}), order


def ordered(row: Integers, momentum: Series, place: Integers) -> Integers:
    """The order by row, then by momentum from high to low, then by place; equals stay as they are.

    As `numpy.lexsort` of these three, but each sort is one of numbers that are all different: any algorithm gives the same order, so
    NumPy may take its fastest, in a third of the time.
    """
    count = len(row)
    number = np.arange(count)
    equal, by_place = np.empty_like(number), np.empty_like(number)
    equal[np.argsort(place, kind="stable")] = number
    rank = np.unique(-momentum, return_inverse=True)[1]
    by_place[np.argsort(rank * count + equal)] = number
    return np.argsort(row * count + by_place)
