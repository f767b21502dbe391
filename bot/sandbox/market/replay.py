"""Candles from files instead of generated ones: `<BASE>-<QUOTE>-<timeframe>.csv` or `.parquet`.

Reads and checks the files. An error is one line that names the file and the place. Nothing is repaired; missing rows
mean times without trades.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bot.sandbox.market.candles import DAY_MS, MINUTE_MS, Candles, settled
from bot.sandbox.market.coins import Listing
from bot.sandbox.market.noise import Floats, Ints
from bot.sandbox.market.values import MarketError

COLUMNS = ("time", "open", "high", "low", "close", "volume")
UNITS = {"m": MINUTE_MS, "h": 60 * MINUTE_MS, "d": DAY_MS}
FEWEST, MOST = 4, 60
"""Number of trades printed in a candle, and the most in each of its minutes."""


class CandleFile(NamedTuple):
    """One candle file."""

    path: Path
    symbol: str
    step_ms: int


class Rows(NamedTuple):
    """The contents of a file."""

    time: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class ReplayedCandles:
    """One symbol's candles from a file. Before the first candle and after the last the price is constant."""

    def __init__(self, file: CandleFile, listing: Listing, tick: Decimal) -> None:
        rows = read(file)
        self.step_ms = file.step_ms
        self.first_ms = int(rows.time[0])
        self.end_ms = int(rows.time[-1]) + file.step_ms
        slots = (rows.time - self.first_ms) // file.step_ms
        length = int(slots[-1]) + 1
        open_, high, low, close = (
            np.maximum(_spaced(np.rint(column / float(tick)), slots, length), 1) for column in rows[1:5]
        )
        volume = _spaced(np.rint(rows.volume / float(listing.lot)), slots, length)
        prints = np.minimum(_prints(volume, listing, file.step_ms), volume)
        self._all = settled(open_, high, low, close, volume, prints, 1)
        self._ids = 1 + np.concatenate(([0], np.cumsum(prints)))

    def day(self, day: int) -> Candles:
        """Candles of a UTC day."""
        at = (day * DAY_MS - self.first_ms) // self.step_ms + np.arange(DAY_MS // self.step_ms)
        last = len(self._all.open) - 1
        inside = (at >= 0) & (at <= last)
        near = np.clip(at, 0, last)
        still = np.where(at < 0, self._all.open[0], self._all.close[-1])
        open_, high, low, close = (np.where(inside, column[near], still) for column in self._all[:4])
        volume, prints = (np.where(inside, column[near], 0) for column in self._all[4:6])
        return Candles(open_, high, low, close, volume, prints, int(self._ids[min(max(int(at[0]), 0), last + 1)]))


def files(folder: Path) -> dict[str, CandleFile]:
    """The folder's candle files by symbol; the finest if there are several timeframes."""
    if not folder.is_dir():
        raise MarketError(f"no folder of candles at {folder}")
    found: dict[str, CandleFile] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in {".csv", ".parquet"}:
            file = _named(path)
            if file.symbol not in found or file.step_ms < found[file.symbol].step_ms:
                found[file.symbol] = file
    if not found:
        raise MarketError(f"no candle files <BASE>-<QUOTE>-<timeframe>.csv or .parquet in {folder}")
    return found


def read(file: CandleFile) -> Rows:
    """All rows of a file, checked."""
    rows = _parquet(file.path) if file.path.suffix == ".parquet" else _csv(file.path)
    if not len(rows.time):
        raise MarketError(f"{file.path.name} holds no candles")
    wrong = _wrong(rows, file.step_ms)
    if wrong:
        raise MarketError(f"{file.path.name}: {wrong}")
    return rows


def _named(path: Path) -> CandleFile:
    """Symbol and timeframe from the file name."""
    symbol, _, timeframe = path.stem.rpartition("-")
    count, unit = timeframe[:-1], UNITS.get(timeframe[-1:], 0)
    step_ms = int(count) * unit if count.isdecimal() else 0
    if not step_ms or DAY_MS % step_ms or "-" not in symbol:
        raise MarketError(f"{path.name}: expected <BASE>-<QUOTE>-<timeframe> such as BTC-USD-5m, at most a day")
    return CandleFile(path, symbol, step_ms)


def _csv(path: Path) -> Rows:
    with path.open(newline="", encoding="utf-8") as text:
        lines = csv.DictReader(text)
        missing = [name for name in COLUMNS if name not in (lines.fieldnames or ())]
        if missing:
            raise MarketError(f"{path.name}: no column {', '.join(missing)}")
        times: list[int] = []
        values: list[list[float]] = []
        for line in lines:
            try:
                times.append(int(line["time"]))
                values.append([float(line[name]) for name in COLUMNS[1:]])
            except (TypeError, ValueError) as error:
                raise MarketError(f"{path.name}: line {lines.line_num} is no candle: {error}") from error
    return Rows(np.array(times, np.int64), *np.array(values, np.float64).reshape(-1, 5).T)


def _parquet(path: Path) -> Rows:
    try:
        parquet = import_module("pyarrow.parquet")
        pyarrow = import_module("pyarrow")
    except ModuleNotFoundError as error:
        raise MarketError(f"{path.name}: reading .parquet needs the research tools (pyarrow); or use .csv") from error
    try:
        table = parquet.read_table(path, columns=list(COLUMNS))
    except (pyarrow.ArrowException, OSError) as error:
        raise MarketError(f"{path.name}: no candles: {str(error).splitlines()[0]}") from error
    time, *values = (table.column(name).to_numpy() for name in COLUMNS)
    return Rows(time.astype(np.int64), *(column.astype(np.float64) for column in values))


def _wrong(rows: Rows, step_ms: int) -> str | None:
    """The first error in the rows, if any."""
    top, bottom = np.maximum(rows.open, rows.close), np.minimum(rows.open, rows.close)
    flat = (rows.high == rows.low) & (rows.open == rows.close)
    finite = np.isfinite(np.array(rows[1:])).all(axis=0)
    checks = {
        "its time is not a multiple of the timeframe": rows.time % step_ms != 0,
        "its time is not after the one before": np.diff(rows.time, prepend=rows.time[0] - 1) <= 0,
        "a number is missing or infinite": ~finite,
        "a price is not above 0, or the volume is below": (rows.low <= 0) | (rows.volume < 0),
        "high or low do not enclose open and close": (rows.high < top) | (rows.low > bottom),
        "the price moves without volume": (rows.volume == 0) & ~flat,
    }
    for what, bad in checks.items():
        if bad.any():
            row = int(np.argmax(bad))
            return f"candle {row + 1} of {len(rows.time)} ({moment(int(rows.time[row]))}): {what}"
    return None


def moment(time_ms: int) -> str:
    """A time in readable form."""
    if abs(time_ms) > 8_000_000_000_000:
        return f"time {time_ms} is not in milliseconds"
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _spaced(column: Floats, slots: Ints, length: int) -> Ints:
    """A column on an even grid, with zeros where there is no candle."""
    even = np.zeros(length, np.int64)
    even[slots] = column.astype(np.int64)
    return even


def _prints(volume: Ints, listing: Listing, step_ms: int) -> Ints:
    """Number of trades to print in each candle: the symbol's usual number, scaled with its volume."""
    minutes = step_ms / MINUTE_MS
    usual = volume[volume > 0].mean() if volume.any() else 1.0
    prints = listing.prints / 1440 * minutes * (0.3 + 0.7 * volume / usual)
    return np.where(volume > 0, np.clip(prints.astype(np.int64), FEWEST, int(MOST * minutes) + FEWEST), 0)
