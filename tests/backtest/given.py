"""Hand-made markets, and a strategy that follows a table: called candle by candle, or by compiled rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bot.backtest.history import History
from bot.backtest.result import Result
from bot.backtest.run import Backtest
from bot.backtest.terms import Account
from bot.domain.candles import Candles, Series
from bot.strategy.base import Close, Closed, Decided, Evaluation, Rows, Strategy, Trade

#: The cache of compiled code, kept for later test runs.
COMPILED = Path(__file__).resolve().parent.parent.parent / "build" / "numba"
FIVE_MINUTES = 300_000
MIDNIGHT = 1_767_225_600_000  # 2026-01-01T00:00:00Z


class Signal(NamedTuple):
    """A decision at the close of candle `at`; `close` marks an exit there instead."""

    at: int
    stop: float = 0.0
    side: int = 1
    momentum: float = 0.5
    pct: float = 10.0


class Columns(NamedTuple):
    side: Series
    stop: Series
    momentum: Series
    pct: Series
    leaves: Series


def decided(columns: Columns, row: int, params: Any, owner: Any) -> Decided:
    side = int(columns.side[row])
    return Decided(side, columns.stop[row], np.nan, columns.momentum[row], 3.0, columns.pct[row])


def closed(trade: Trade, close: float, now: Any, params: Any) -> Closed:
    return Closed(trade.stop, 1 if now.leaves > 0.0 else 0)


class Scripted(Strategy):
    """Enters at the signals in the table of a market, and exits at the closes of `leaves`."""

    required = 1
    widest_r = 0.2

    def __init__(self, table: dict[float, tuple[Sequence[Signal], Sequence[int]]], **values: Any) -> None:
        super().__init__()
        self.table = table
        """Signals and exits by the volume of a market's candles, which identifies the market."""
        for name, value in values.items():
            setattr(self, name, value)
        self.rows = Rows(self.columns, decided, ("leaves",), closed, 0, ("turn",))

    def columns(self, candles: Candles) -> Columns:
        found = Columns(*(np.zeros(len(candles)) for _ in range(5)))
        signals, leaves = self.table[float(candles.volume.max())]
        numbers = (candles.time - MIDNIGHT) // FIVE_MINUTES
        for one in signals:
            for row in np.flatnonzero(numbers == one.at):
                found.side[row], found.stop[row] = one.side, one.stop
                found.momentum[row], found.pct[row] = one.momentum, one.pct
        found.leaves[np.isin(numbers, leaves)] = 1.0
        return found

    def evaluate(self, candles: Candles) -> Evaluation:
        found, row = self.columns(candles), len(candles) - 1
        one = decided(found, row, 0, self.risk_settings)
        facts = (("pct", float(found.pct[row])),)
        close = float(candles.close[row])
        return Evaluation(one.side, candles.closed_at, close, one.stop, one.momentum, score=3.0, facts=facts)

    def size_pct(self, evaluation: Evaluation) -> float:
        return dict(evaluation.facts)["pct"]

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        leaves = self.columns(candles).leaves[-1] > 0.0
        return Close(trade.stop, "turn" if leaves else "")


Bar = tuple[float, float, float, float]


def market(bars: Sequence[Bar], symbol: str = "BTC-USD", volume: float = 1.0, first: int = 0) -> History:
    """Candles of open, high, low, close from `first` on; their volume is the market's key in a table."""
    count = len(bars)
    time = MIDNIGHT + FIVE_MINUTES * (first + np.arange(count, dtype=np.int64))
    columns = (np.array([bar[at] for bar in bars], np.float64) for at in range(4))
    return History(symbol, FIVE_MINUTES, time, *columns, np.full(count, volume), np.zeros(count, np.bool_))


def named(symbol: str, candles: Candles, volume: float | None = None) -> History:
    """Candles of a market, all of one volume if that is its key in a table."""
    count, columns = len(candles), {name: getattr(candles, name) for name in ("time", "open", "high", "low", "close")}
    volumes = candles.volume if volume is None else np.full(count, volume)
    return History(symbol, candles.timeframe_ms, *columns.values(), volumes, np.zeros(count, np.bool_))


def still(count: int, price: float = 100.0) -> list[Bar]:
    """A market that hardly moves."""
    return [(price, price + 0.1, price - 0.1, price)] * count


def walked(strategy: Strategy, histories: Sequence[History], account: Account, plainly: bool, **words: Any) -> Result:
    return Backtest(strategy, histories, compile_to=COMPILED, plainly=plainly, **words).walk(account)


def same(one: Result, other: Result) -> bool:
    """Whether two results are identical, to the last bit."""
    columns = [(one.trades, other.trades), (one.legs, other.legs)]
    names = [(left, right, name) for left, right in columns for name in left.__dataclass_fields__]
    equal = [np.array_equal(getattr(left, name), getattr(right, name), equal_nan=True) for left, right, name in names]
    return all(equal) and np.array_equal(one.day_equity, other.day_equity) and one.skips == other.skips
