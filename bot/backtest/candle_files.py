"""Loads candles of many markets from a folder of files, ready to be walked.

Owns the choice of the file for each market. Repairs what can be repaired and counts the repairs; refuses the rest with one line.
Formats: `candle_names`, `candle_rows`; repairs: `repair`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bot.backtest.candle_names import BadCandles, CandleFile, candle_files, files_for
from bot.backtest.candle_rows import read_rows
from bot.backtest.history import History
from bot.backtest.repair import Repairs, in_words, joined, repaired
from bot.domain.candles import parse_timeframe

__all__ = ["MAX_HOLES", "BadCandles", "Loaded", "load"]

#: A file with a larger share of filled candles is refused: it says too little about a rule.
MAX_HOLES = 0.05


class Loaded(NamedTuple):
    """The markets sorted by name, and the repairs made to each file."""

    histories: tuple[History, ...]
    repairs: dict[str, Repairs]

    @property
    def notes(self) -> list[str]:
        """A line for each market whose file needed repairs."""
        return [f"{symbol}: {words}" for symbol, found in self.repairs.items() if (words := in_words(found))]


def load(folder: Path, pairs: Sequence[str], timeframe: str, max_holes: float = MAX_HOLES) -> Loaded:
    """The candles of `pairs` (none: of all markets in the folder) in `timeframe`.

    Raises BadCandles with one line for a folder, market, file or timeframe that cannot be used.
    """
    try:
        parse_timeframe(timeframe)
    except ValueError as error:
        raise BadCandles(str(error)) from None
    chosen = files_for(candle_files(folder), pairs, timeframe)
    read = [_history(file, timeframe, max_holes) for file in chosen]
    return Loaded(tuple(one for one, _ in read), {one.symbol: repairs for one, repairs in read})


def _history(file: CandleFile, timeframe: str, max_holes: float) -> tuple[History, Repairs]:
    name = file.path.name
    candles, filled, repairs = repaired(read_rows(file), file.timeframe_ms)
    wanted = parse_timeframe(timeframe)
    if not len(candles):
        raise BadCandles(f"{name}: none of its {repairs.rows} candles can be used ({in_words(repairs)})")
    if repairs.hole_share > max_holes:
        raise BadCandles(
            f"{name}: {repairs.hole_share:.1%} of its candles are missing, more than {max_holes:.1%}: "
            f"get them, or allow it with --max-holes {_upwards(repairs.hole_share)}"
        )
    if wanted != file.timeframe_ms:
        candles, filled = joined(candles, filled, wanted)
        if not len(candles):
            raise BadCandles(f"{name}: it is too short to make a single whole candle of {timeframe}")
    return History(
        file.symbol,
        wanted,
        candles.time,
        candles.open,
        candles.high,
        candles.low,
        candles.close,
        candles.volume,
        filled,
        name if wanted == file.timeframe_ms else f"{name}, joined",
    ), repairs


def _upwards(share: float) -> str:
    """The share rounded up to a whole percent, as a fraction."""
    return f"{int(share * 100 + 1) / 100:g}"
