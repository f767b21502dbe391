"""The candles of one market as a backtest walks them.

Owns the form between whoever reads files and whoever walks: columns on a full grid, so that a row's time follows from its
number. Never reads or repairs anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bot.domain.candles import Candles, Series, Times

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Columns of equal length, a row for every candle between the first and the last.

    `time` is when a candle opened (ms UTC); `filled` marks the times without a trade, which are flat at the close before them
    with volume 0. `source` says where the candles came from: a file's name, and what it was made of.
    """

    symbol: str
    timeframe_ms: int
    time: Times
    open: Series
    high: Series
    low: Series
    close: Series
    volume: Series
    filled: Flags
    source: str = ""

    def __post_init__(self) -> None:
        columns = (self.open, self.high, self.low, self.close, self.volume, self.filled)
        if len(self.time) == 0 or any(column.shape != self.time.shape for column in columns):
            raise ValueError(f"{self.symbol}: columns of one length above 0 are needed")
        if int(self.time[-1]) - int(self.time[0]) != (len(self.time) - 1) * self.timeframe_ms:
            raise ValueError(f"{self.symbol}: the rows do not follow each other on a grid of {self.timeframe_ms} ms")

    def __len__(self) -> int:
        return len(self.time)

    def before(self, until: int) -> History | None:
        """The candles that open before `until` (ms UTC); None where there are none."""
        count = int(self.time.searchsorted(until))
        if count >= len(self):
            return self
        if count == 0:
            return None
        columns = {
            name: getattr(self, name)[:count] for name in ("time", "open", "high", "low", "close", "volume", "filled")
        }
        return replace(self, **columns)

    @property
    def candles(self) -> Candles:
        """The same columns as a strategy reads them."""
        return Candles(self.timeframe_ms, self.time, self.open, self.high, self.low, self.close, self.volume)


def seen(history: History, *, fills_gaps: bool) -> Candles:
    """The candles that a strategy is shown: all of them, or those that were traded in."""
    candles = history.candles
    if fills_gaps:
        return candles
    traded = ~history.filled
    columns = (getattr(candles, name)[traded] for name in ("open", "high", "low", "close", "volume"))
    return Candles(candles.timeframe_ms, candles.time[traded], *columns)
