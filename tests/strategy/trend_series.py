"""Series E of the rule's table: 122 days by hand, with a hundred still days before them so that the market is old enough."""

from __future__ import annotations

import numpy as np

from bot.backtest.history import History
from bot.domain.candles import Candles, fill_flat
from bot.domain.clock import DAY

#: When day 0 opens (ms UTC).
DAY_0 = 1_767_225_600_000
STILL = 100

CLOSES = [100.0] * (STILL + 100) + [float(one) for one in (*range(101, 111), 105, 104, *range(105, 115))]


def series(until: int, low_of_111: float = 103.0, more: int = 0) -> Candles:
    """The candles of days -100 to `until`, the last included; `more` are still days after day 121."""
    rows, before = [], 100.0
    closes = [*CLOSES, *([114.0] * more)]
    for number, close in enumerate(closes[: until + STILL + 1]):
        day = number - STILL
        high, low = {110: (111.0, 104.0), 111: (106.0, low_of_111)}.get(day, (close + 1.0, close - 1.0))
        rows.append((DAY_0 + day * DAY, before, high, low, close, 1.0))
        before = close
    return Candles.of(DAY, rows)


def closed_at(day: int) -> int:
    """When a day closes (ms UTC)."""
    return DAY_0 + (day + 1) * DAY


def history(candles: Candles, symbol: str = "BTC-USD") -> History:
    """The candles of a market, with every missing day filled in."""
    whole = fill_flat(candles)
    columns = {name: getattr(whole, name) for name in ("time", "open", "high", "low", "close", "volume")}
    return History(symbol, DAY, **columns, filled=~np.isin(whole.time, candles.time))
