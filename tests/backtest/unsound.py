"""A sound strategy, and strategies derived from it with one fault each."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bot.backtest.history import History
from bot.domain.candles import Candles, Series
from bot.strategy.base import Close, Closed, Decided, Evaluation, Rows, Strategy, Trade

SHORT, LONG = 5, 20


class Columns(NamedTuple):
    close: Series
    low: Series
    short: Series
    long: Series


def mean_of(values: Series, count: int) -> Series:
    """The mean of the last `count` values; NaN while there are fewer."""
    found = np.full(len(values), np.nan)
    if len(values) >= count:
        found[count - 1 :] = np.lib.stride_tricks.sliding_window_view(values, count).mean(axis=1)
    return found


def columns(candles: Candles) -> Columns:
    return Columns(candles.close, candles.low, mean_of(candles.close, SHORT), mean_of(candles.close, LONG))


def decided(found: Columns, row: int, params: Any, owner: Any) -> Decided:
    if found.short[row] > found.long[row] and found.short[row - 1] <= found.long[row - 1]:
        return Decided(1, float(found.low[row]) * 0.99, float("nan"), float(found.close[row]), 1.0, 5.0)
    return Decided(0, 0.0, 0.0, 0.0, 0.0, 0.0)


def closed(trade: Trade, close: float, now: Any, params: Any) -> Closed:
    return Closed(trade.stop, 1 if now.short < now.long else 0)


class Sound(Strategy):
    """Two moving averages: long when the short one rises above the long one, out when it falls below."""

    required = 50

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.rows = Rows(columns, decided, ("short", "long"), closed, 0, ("crossed",))

    def evaluate(self, candles: Candles) -> Evaluation:
        found = columns(candles)
        one = decided(found, len(candles) - 1, 0, self.risk_settings)
        close = float(candles.close[-1])
        if one.side == 0:
            return Evaluation(0, candles.closed_at, close, facts=(("short", float(found.short[-1])),))
        return Evaluation(1, candles.closed_at, close, one.stop, close, score=1.0)

    def size_pct(self, evaluation: Evaluation) -> float:
        return 5.0

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        found = columns(candles)
        return Close(trade.stop, "crossed" if found.short[-1] < found.long[-1] else "")


class Plain(Sound):
    """The same without rows."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.rows = None


# -- look-ahead -------------------------------------------------------------------------------------------------------
class ReachesOn(Plain):
    """Reads the next candle through the base array of its own."""

    def evaluate(self, candles: Candles) -> Evaluation:
        found, all_of_them = super().evaluate(candles), candles.close
        while all_of_them.base is not None:
            all_of_them = all_of_them.base
        later = all_of_them[-1] if len(all_of_them) > len(candles) else candles.close[-1]
        return found._replace(score=float(later))


class Remembers(Plain):
    """Its answers depend on earlier calls."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.highest = 0.0

    def evaluate(self, candles: Candles) -> Evaluation:
        self.highest = max(self.highest, float(candles.close[-1]))
        return super().evaluate(candles)._replace(facts=(("highest", self.highest),))


class RemembersAtClose(Plain):
    """The same for `on_close`."""

    count = 0

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        type(self).count += 1
        return Close(trade.stop, kept=(("count", float(self.count)),))


class Centred(Sound):
    """A moving average whose window is centred on the candle, as in many smoothed indicators."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.rows = Rows(self.columns, decided, ("short", "long"), closed, 0, ("crossed",))

    def columns(self, candles: Candles) -> Columns:
        found = columns(candles)
        return found._replace(short=np.convolve(candles.close, np.ones(SHORT) / SHORT, "same"))


def decided_by_the_next(found: Columns, row: int, params: Any, owner: Any) -> Decided:
    if found.close[row + 1] > found.close[row]:
        return Decided(1, float(found.low[row]) * 0.99, float("nan"), 1.0, 1.0, 5.0)
    return Decided(0, 0.0, 0.0, 0.0, 0.0, 0.0)


class ReadsOn(Sound):
    """Its rows read the next row."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.rows = Rows(columns, decided_by_the_next, ("short", "long"), closed, 0, ("crossed",))


# -- where data begins ------------------------------------------------------------------------------------------------
class FromTheFirst(Plain):
    """A mean of all candles."""

    def evaluate(self, candles: Candles) -> Evaluation:
        return super().evaluate(candles)._replace(facts=(("mean", float(candles.close.mean())),))


class ColumnFromTheFirst(Sound):
    """The same in a column."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.rows = Rows(self.columns, decided, ("short", "long"), closed, 0, ("crossed",))

    def columns(self, candles: Candles) -> Columns:
        count = np.arange(1, len(candles) + 1)
        return columns(candles)._replace(long=np.cumsum(candles.close) / count)


class TrailsFromTheFirst(Plain):
    """A stop by the lowest low of all candles."""

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        return Close(float(candles.low.min()) * 0.5)


# -- rows and methods -------------------------------------------------------------------------------------------------
class SaysOtherwise(Sound):
    """`evaluate` returns another stop than its rows."""

    def evaluate(self, candles: Candles) -> Evaluation:
        found = super().evaluate(candles)
        return found._replace(stop=found.stop * 0.99)


class LeavesOtherwise(Sound):
    """`on_close` holds where its rows exit."""

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        return Close(trade.stop)


def decided_beyond_numbers(found: Columns, row: int, params: Any, owner: Any) -> Decided:
    one = decided(found, row, params, owner)
    return Decided(one.side, one.stop, one.risk_price, float((row * 10**12) * 10**9 % 7), one.score, one.pct)


class CountsTooFar(Sound):
    """Integers beyond 64 bits, which only plain Python has."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.rows = Rows(columns, decided_beyond_numbers, ("short", "long"), closed, 0, ("crossed",))


class Raises(Plain):
    def evaluate(self, candles: Candles) -> Evaluation:
        raise ZeroDivisionError("by nothing")


class Impossible(Plain):
    def evaluate(self, candles: Candles) -> Evaluation:
        return super().evaluate(candles)._replace(side=1, stop=float(candles.close[-1]) * 2)


class RowsRaise(Sound):
    """Its columns raise an error."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.rows = Rows(self.columns, decided, ("short", "long"), closed, 0, ("crossed",))

    def columns(self, candles: Candles) -> Columns:
        raise KeyError("no such column")


def cut(history: History, rows: slice) -> History:
    """A part of a market."""
    names = ("time", "open", "high", "low", "close", "volume", "filled")
    return History(history.symbol, history.timeframe_ms, *(getattr(history, name)[rows] for name in names))
