"""Candle and funding files in Parquet, as backtests read them: written whole, then put in place by a rename.

A candle file has no holes: an interval without a candle is flat at the close before it, marked `filled`, as is every candle in which
nothing was traded. `source` names the exchange and its way. The file's own metadata says what it covers, so that a later download
asks only for the rest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bot.brokers.history import Rate
from bot.domain.candles import Series, Times
from bot.download.spans import Span

if TYPE_CHECKING:
    import pyarrow as pa

_KEY = b"nija"
PRICES = ("open", "high", "low", "close", "volume")


class BadFile(Exception):
    """A file that a download cannot continue with; the text is one line that says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class About:
    """What a candle file holds: whose candles, of what length, from when on (`since`, ms UTC: the exchange has none between that
    and the first candle), and the SHA-256 of the files that they came from.
    """

    origin: str
    symbol: str
    timeframe_ms: int
    since: int
    digests: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """The candles of a file: consecutive times, and for each row open, high, low, close, volume, its source and its mark."""

    about: About
    time: Times
    prices: Series
    source: list[str]
    filled: list[bool]

    @property
    def span(self) -> Span:
        return Span(self.about.since, int(self.time[-1]) + self.about.timeframe_ms)


def read(file: Path) -> Table | None:
    """The candles of a file; None if there is none. Raises `BadFile` for one that no download has written."""
    if not file.exists():
        return None
    import pyarrow as pa
    import pyarrow.parquet

    try:
        table = pa.parquet.read_table(file)
        about = About(**json.loads((table.schema.metadata or {})[_KEY]))
        prices = np.column_stack([np.asarray(table[name].to_numpy(), np.float64) for name in PRICES])
        time = np.asarray(table["time"].to_numpy(), np.int64)
        return Table(about, time, prices, table["source"].to_pylist(), table["filled"].to_pylist())
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException):
        raise BadFile(
            f"{file} was not written by nija download, or it is damaged: move it away, or name another --out"
        ) from None


def write(file: Path, table: Table) -> None:
    """Put the candles in place. Raises `OSError`."""
    import pyarrow as pa

    columns = {
        "time": pa.array(table.time, pa.int64()),
        **{name: pa.array(table.prices[:, at], pa.float64()) for at, name in enumerate(PRICES)},
        "source": pa.array(table.source, pa.string()),
        "filled": pa.array(table.filled, pa.bool_()),
    }
    made = pa.table(columns)
    _replace(file, made.replace_schema_metadata({_KEY: json.dumps(asdict(table.about), sort_keys=True)}))


def write_funding(file: Path, rates: Sequence[Rate]) -> None:
    """Put rates of funding in place. Raises `OSError`."""
    import pyarrow as pa

    times, values = (
        pa.array([one.time for one in rates], pa.int64()),
        pa.array([one.rate for one in rates], pa.float64()),
    )
    _replace(file, pa.table({"time": times, "rate": values}))


def read_funding(file: Path) -> list[Rate]:
    """The rates of a file; none if there is no file. Raises `BadFile`."""
    if not file.exists():
        return []
    import pyarrow as pa
    import pyarrow.parquet

    try:
        table = pa.parquet.read_table(file, columns=["time", "rate"])
        return [Rate(*row) for row in zip(table["time"].to_pylist(), table["rate"].to_pylist(), strict=True)]
    except (OSError, KeyError, pa.ArrowException):
        raise BadFile(f"{file} has no columns time and rate: move it away, or name another --out") from None


def _replace(file: Path, table: pa.Table) -> None:
    import pyarrow.parquet

    fresh = file.with_name(f".{file.name}.new")
    try:
        with fresh.open("wb") as out:
            pyarrow.parquet.write_table(table, out, compression="zstd")
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
