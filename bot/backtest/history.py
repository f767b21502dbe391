"""The candles of one market as a backtest walks them.

Owns the form between reading files and walking: columns without gaps, so that a row's time follows from its number. Does not read
or repair anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bot.domain.candles import Candles, Series, Times

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Columns of equal length, with a row for every candle from the first to the last.

    `time` is when a candle opens (ms UTC). `filled` marks candles without a trade: they are flat at the previous close, with
    volume 0. `source` is the name of the file, with `joined` if the candles were built from shorter ones.
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
        """The candles that open before `until` (ms UTC); None if there are none."""
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
