"""Candles from files, as an exchange would show them: up to the current market time and no further."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bot.domain.candles import Candles
from bot.domain.clock import Clock

_COLUMNS = 6


class Replayed:
    """Reads `<symbol>-<timeframe in minutes>m.csv` from a folder, with a header line and the columns time (ms UTC of the open),
    open, high, low, close, volume. A market without a file has no candles. Raises `OSError` or `ValueError` for a file that
    cannot be read.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._files: dict[tuple[str, int], Candles] = {}

    def candles(self, symbol: str, timeframe_ms: int, count: int) -> Candles:
        """The newest `count` candles that have closed, oldest first."""
        key = (symbol, timeframe_ms)
        if key not in self._files:
            self._files[key] = self._read(symbol, timeframe_ms)
        whole = self._files[key]
        closed = int(np.searchsorted(whole.time, self._clock.market_ms() - timeframe_ms, side="right"))
        return whole[max(closed - count, 0) : closed]

    def close(self) -> None:
        """There is nothing to close."""

    def _read(self, symbol: str, timeframe_ms: int) -> Candles:
        file = self._folder / f"{symbol}-{timeframe_ms // 60_000}m.csv"
        if not file.exists():
            return Candles.of(timeframe_ms, [])
        rows = np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2, usecols=range(_COLUMNS))
        time = rows[:, 0].astype(np.int64)
        return Candles(timeframe_ms, time, *(np.ascontiguousarray(rows[:, i]) for i in range(1, _COLUMNS)))
