"""Turns the rows of a file into candles that can be walked: drops impossible candles and fills missing ones.

Owns the repairs and how they are counted. A dropped candle leaves a hole like a missing one. Holes are filled with flat candles at
the previous close, as live does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bot.backtest.candle_rows import Rows
from bot.domain.candles import Candles, Fault, Series, faults, fill_flat

#: What makes a single candle impossible. Order and duplicates are checked among the remaining ones.
_IMPOSSIBLE = {Fault.NOT_A_NUMBER, Fault.NOT_POSITIVE, Fault.INCONSISTENT, Fault.NEGATIVE_VOLUME}


class Repairs(NamedTuple):
    """What was wrong with the rows of a file. `holes` is the number of filled candles, `gaps` the number of runs of them."""

    rows: int = 0
    impossible: int = 0
    off_grid: int = 0
    unsorted: int = 0
    doubles: int = 0
    candles: int = 0
    holes: int = 0
    gaps: int = 0
    longest_gap: int = 0

    @property
    def hole_share(self) -> float:
        """The share (0..1) of filled candles."""
        return self.holes / self.candles if self.candles else 0.0


def in_words(found: Repairs) -> str:
    """The repairs as text for people; empty if there are none."""
    counts = {
        "impossible": found.impossible,
        "off the grid": found.off_grid,
        "twice": found.doubles,
        "out of order": found.unsorted,
        "missing": found.holes,
    }
    said = [f"{count} {what}" for what, count in counts.items() if count]
    return ", ".join(said) + (f" (longest gap {found.longest_gap})" if found.gaps else "")


class Repaired(NamedTuple):
    """Candles without gaps. `filled` marks those without trades: filled here, or marked in the file."""

    candles: Candles
    filled: NDArray[np.bool_]
    repairs: Repairs


def repaired(rows: Rows, timeframe_ms: int) -> Repaired:
    """The candles in order, without duplicates and holes; possibly none."""
    written = Candles(timeframe_ms, rows.time, rows.open, rows.high, rows.low, rows.close, rows.volume)
    wrong = dict(faults(written))
    impossible = np.logical_or.reduce([wrong[fault] for fault in _IMPOSSIBLE])
    off_grid = wrong[Fault.OFF_GRID] & ~impossible
    unsorted = int(np.count_nonzero(wrong[Fault.OUT_OF_ORDER]))
    kept = ~(impossible | off_grid)
    candles, marked = _taken(written, kept, rows.filled) if not kept.all() else (written, rows.filled)
    if unsorted:
        candles, marked = _taken(candles, np.argsort(candles.time, kind="stable"), marked)
    first = np.diff(candles.time, prepend=-1) != 0
    doubles = int(np.count_nonzero(~first))
    if doubles:
        candles, marked = _taken(candles, first, marked)
    whole, filled, gaps = _filled(candles, marked)
    counted = Repairs(
        len(rows.time),
        int(impossible.sum()),
        int(off_grid.sum()),
        unsorted,
        doubles,
        len(whole),
        int(gaps.sum()),
        len(gaps),
        int(gaps.max(initial=0)),
    )
    return Repaired(whole, filled, counted)


def _taken(
    candles: Candles, rows: NDArray[np.bool_] | NDArray[np.int64], marked: NDArray[np.bool_]
) -> tuple[Candles, NDArray[np.bool_]]:
    """The selected rows, in the given order."""
    taken = Candles(
        candles.timeframe_ms,
        candles.time[rows],
        candles.open[rows],
        candles.high[rows],
        candles.low[rows],
        candles.close[rows],
        candles.volume[rows],
    )
    return taken, marked[rows]


def _filled(candles: Candles, marked: NDArray[np.bool_]) -> tuple[Candles, NDArray[np.bool_], NDArray[np.int64]]:
    """The candles without holes, which of them are filled, and the length of each gap."""
    step = np.diff(candles.time) // candles.timeframe_ms
    gaps = step[step > 1] - 1
    if not len(gaps):
        return candles, marked, gaps
    whole = fill_flat(candles)
    filled = np.ones(len(whole), np.bool_)
    filled[(candles.time - candles.time[0]) // candles.timeframe_ms] = marked
    return whole, filled, gaps


def joined(candles: Candles, filled: NDArray[np.bool_], timeframe_ms: int) -> tuple[Candles, NDArray[np.bool_]]:
    """Longer candles, each built from all of its shorter ones and filled if all of them are. Incomplete ones are left out."""
    count = timeframe_ms // candles.timeframe_ms
    start = int(-(candles.time[0] // candles.timeframe_ms) % count) if len(candles) else 0
    whole = max(len(candles) - start, 0) // count
    span = slice(start, start + whole * count)

    def parts(column: Series) -> Series:
        return column[span].reshape(whole, count)

    made = Candles(
        timeframe_ms,
        candles.time[span][::count].copy(),
        parts(candles.open)[:, 0].copy(),
        parts(candles.high).max(axis=1),
        parts(candles.low).min(axis=1),
        parts(candles.close)[:, -1].copy(),
        parts(candles.volume).sum(axis=1),
    )
    return made, np.logical_and.reduce(filled[span].reshape(whole, count), axis=1)
