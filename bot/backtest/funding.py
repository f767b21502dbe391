"""Reads funding rates from a folder of candles: what holding a swap costs or earns.

A file is named `<symbol>-funding.csv` or `.parquet` (`BTC-USDT-SWAP-funding.csv`), with the columns `time` (ms UTC, when a rate falls
due) and `rate` (a fraction of the position's value, which a long pays and a short earns; 0.0001 is 0.01 %). Or it is freqtrade's, such
as `BTC_USDT_USDT-8h-funding_rate.feather`: a candle for each rate, which is the candle's open (freqtrade/exchange/exchange.py,
`_fetch_funding_rate_history`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bot.backtest.candle_names import BadCandles, CandleFile, funding_files
from bot.backtest.candle_rows import read_rows
from bot.backtest.history import History
from bot.domain.candles import Series, Times


def funding_rates(folder: Path, histories: Sequence[History]) -> dict[str, Series]:
    """The rate that falls due in each candle, by symbol; markets without a file are left out. Raises BadCandles."""
    files = funding_files(folder)
    return {one.symbol: by_candle(one, *_rates(files[one.symbol])) for one in histories if one.symbol in files}


def by_candle(history: History, time: Times, rate: Series) -> Series:
    """The sum of the rates that fall due in each candle, including those at its open."""
    row = (time - int(history.time[0])) // history.timeframe_ms
    inside = (row >= 0) & (row < len(history))
    return np.asarray(np.bincount(row[inside], weights=rate[inside], minlength=len(history)), np.float64)


def _rates(file: CandleFile) -> tuple[Times, Series]:
    """Each time once, with its rate."""
    if file.timeframe:
        rows = read_rows(file)
        times, rates = rows.time, rows.open
    else:
        times, rates = _read(file.path)
    if not np.isfinite(rates).all():
        raise BadCandles(f"{file.path.name}: a rate is not a number")
    time, first = np.unique(times, return_index=True)
    return time, rates[first]


def _read(file: Path) -> tuple[Times, Series]:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    try:
        table = pa.parquet.read_table(file) if file.suffix == ".parquet" else pa.csv.read_csv(file)
        return table["time"].to_numpy().astype(np.int64), table["rate"].to_numpy().astype(np.float64)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise BadCandles(f"{file.name}: the columns time (ms UTC) and rate are needed ({error})") from None
