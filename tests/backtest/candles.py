"""Candles for tests, and files of them in every format."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

START = 1_735_689_600_000  # 2025-01-01
MINUTE = 60_000
COLUMNS = ("time", "open", "high", "low", "close", "volume")
Columns = dict[str, Any]


def columns(count: int, step_ms: int = 5 * MINUTE, seed: int = 7) -> Columns:
    """A random walk of valid candles."""
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.002, count)))
    opening = np.concatenate(([100.0], close[:-1]))
    wick = 1.0 + random.uniform(0.0, 0.002, (2, count))
    return {
        "time": START + step_ms * np.arange(count),
        "open": opening,
        "high": np.maximum(opening, close) * wick[0],
        "low": np.minimum(opening, close) / wick[1],
        "close": close,
        "volume": random.lognormal(3.0, 1.0, count),
    }


def write(path: Path, data: Columns) -> Path:
    """Write the columns to a file, in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(data)
    if path.suffix == ".parquet":
        pa.parquet.write_table(table, path)
    elif path.suffix == ".feather":
        pa.feather.write_feather(table, path)
    elif path.suffix == ".csv":
        pa.csv.write_csv(table, path)
    else:
        rows = [list(row) for row in zip(*(np.asarray(data[name]).tolist() for name in COLUMNS), strict=True)]
        text = json.dumps(rows).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def as_freqtrade(data: Columns) -> Columns:
    """The columns as freqtrade writes them: a `date` with a time zone instead of the time."""
    dates = pa.array(data["time"]).cast(pa.timestamp("ms", tz="UTC"))
    return {"date": dates, **{name: data[name] for name in COLUMNS[1:]}}
