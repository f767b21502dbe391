"""From what was read, and the file from before, to the candles of the new file: every interval once, none missing. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bot.domain.candles import Times
from bot.download.files import About, Table
from bot.download.spans import Span
from bot.download.staging import Stored


def assembled(about: About, stored: Stored, before: Table | None, end: int) -> Table | None:
    """The candles up to `end` (ms UTC), from the first one that there is; None without any.

    The file's candles stay as they are; what an interrupted download had read outside of that time is left out. An interval
    without a candle is flat at the close before it; its source is the one that has nothing there.
    """
    time, prices, source = stored.time, stored.prices, np.array(stored.sources, object)
    if before is not None:
        time = np.concatenate([before.time, time])
        prices = np.concatenate([before.prices, prices])
        source = np.concatenate([np.array(before.source, object), source])
    time, first = np.unique(time, return_index=True)  # of two, the file's
    inside = slice(*np.searchsorted(time, (about.since, end)))
    time, first = time[inside], first[inside]
    if not len(time):
        return None
    grid = np.arange(int(time[0]), end, about.timeframe_ms, dtype=np.int64)
    at = np.searchsorted(time, grid, side="right") - 1
    traded = time[at] == grid
    rows = prices[first][at]
    rows[~traded] = np.column_stack([rows[~traded, 3]] * 4 + [np.zeros(int((~traded).sum()))])
    named = source[first][at]
    for span, name in stored.spans:
        named[~traded & _inside(grid, span)] = name
    return Table(about, grid, rows, [str(one) for one in named], (rows[:, 4] == 0.0).tolist())


def _inside(grid: Times, span: Span) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (grid >= span.start) & (grid < span.end)
    return found
