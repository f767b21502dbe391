"""Every entry decision of a strategy over all candles, made once: by its rows, or candle by candle.

Decisions depend on candles alone, so they are the same on any terms. Owns their order: by close, then by rank. Does not depend on
equity, costs or venue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bot.backtest.history import History
from bot.backtest.result import Integers
from bot.backtest.state import SIGNAL, Records, filled, record_of
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
    """The signals from row `first` on. The columns read at closes are written to `at_close`; `found` is a buffer."""
    rows = strategy.rows
    if rows is None:
        raise ValueError("a strategy without rows is called candle by candle")
    columns = rows.columns(history.candles)
    for name in rows.at_close:
        at_close[name] = getattr(columns, name)
    begin = min(max(first, strategy.required - 1, 1), len(history))
    return found.first(
        int(scanned(columns, begin, len(history), record_of(rows.params), strategy.risk_settings, found))
    )


def in_order(
    histories: Sequence[History], decisions: Sequence[Decisions], first: Integers, news: Sequence[int]
) -> tuple[Records, Integers]:
    """The signals of all markets by close, then by rank, then by symbol. `first` is the row at which each market starts. Also
    returns the order: the number of each signal when markets are counted one after another.
    """
    market = np.concatenate([np.full(len(one.row), number) for number, one in enumerate(decisions)])
    row, side, stop, out_at, momentum, score, pct = (
        np.concatenate(columns) for columns in zip(*decisions, strict=True)
    )
    still = np.concatenate([quiet_at(one.candles, found.row) for one, found in zip(histories, decisions, strict=True)])
    timeframe = histories[0].timeframe_ms
    closed_at = np.concatenate(
        [one.time[found.row] + timeframe for one, found in zip(histories, decisions, strict=True)]
    )
    away = np.array([to_news(news, int(at)) for at in closed_at]) if news else np.full(len(row), FAR)
    row += first[market]
    order = np.lexsort((-momentum, row))  # stable: equals stay in the order of their markets
    columns = {"row": row, "market": market, "side": side, "quiet": still, "to_news": away}
    columns |= {"stop": stop, "out_at": out_at, "score": score, "pct": pct}
    return filled(SIGNAL, {name: column[order] for name, column in columns.items()}), order
