"""Reads one candle file into columns. Does not judge the candles: `repair` does."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from bot.backtest.candle_names import BadCandles, CandleFile
from bot.domain.candles import Series, Times

if TYPE_CHECKING:
    import pyarrow as pa

PRICES = ("open", "high", "low", "close", "volume")
#: freqtrade calls the time of a candle `date`.
TIMES = ("time", "date")
#: Candle times lie between 1990 and 2100; times in seconds or nanoseconds fall outside.
_EARLIEST, _LATEST = 631_152_000_000, 4_102_444_800_000


class Rows(NamedTuple):
    """The rows of a file, in its order; NaN where there is no number. `filled` marks candles in which nothing was traded."""

    time: Times
    open: Series
    high: Series
    low: Series
    close: Series
    volume: Series
    filled: NDArray[np.bool_]


def read_rows(file: CandleFile) -> Rows:
    """All rows of a file that have a time. Raises BadCandles with one line for a file that is not a table of candles."""
    readers = {"parquet": _parquet, "feather": _feather, "csv": _csv, "json": _json, "json.gz": _json}
    try:
        rows = readers[file.format](file)
    except OSError as error:  # pyarrow raises it for damaged files too
        raise BadCandles(f"{file.path.name} cannot be read: {_line(error)}") from error
    if not len(rows.time):
        raise BadCandles(f"{file.path.name} holds no candles: remove it, or download it again")
    low, high = int(rows.time.min()), int(rows.time.max())
    if low < _EARLIEST or high > _LATEST:
        odd = low if low < _EARLIEST else high
        raise BadCandles(f"{file.path.name}: {odd} is not the time of a candle: milliseconds since 1970 UTC are needed")
    return rows


def _parquet(file: CandleFile) -> Rows:
    import pyarrow.parquet

    def read() -> pa.Table:
        with pyarrow.parquet.ParquetFile(file.path, memory_map=True) as source:
            return source.read(_columns(file, source.schema_arrow.names))

    return _table(file, read)


def _feather(file: CandleFile) -> Rows:
    import pyarrow.feather

    def read() -> pa.Table:
        table = pyarrow.feather.read_table(file.path)
        return table.select(_columns(file, table.column_names))

    return _table(file, read)


def _csv(file: CandleFile) -> Rows:
    import pyarrow.csv

    def read() -> pa.Table:
        with file.path.open(encoding="utf-8", errors="replace") as text:
            header = text.readline().strip().split(",")
        names = _columns(file, [name.strip(' "\ufeff') for name in header])
        types = dict.fromkeys(PRICES, pyarrow.float64()) | {"filled": pyarrow.bool_()}
        options = pyarrow.csv.ConvertOptions(include_columns=names, column_types=types, strings_can_be_null=True)
        return pyarrow.csv.read_csv(file.path, convert_options=options)

    return _table(file, read)


def _columns(file: CandleFile, names: list[str]) -> list[str]:
    """The columns to read, out of those in the file."""
    time = next((name for name in TIMES if name in names), "")
    missing = [name for name in PRICES if name not in names]
    if not time or missing:
        lacking = ", ".join([*([] if time else ["time"]), *missing])
        raise BadCandles(
            f"{file.path.name} has no column {lacking}: time (ms UTC), open, high, low, close, volume are needed"
        )
    return [time, *PRICES, *(["filled"] if "filled" in names else [])]


def _table(file: CandleFile, read: Callable[[], pa.Table]) -> Rows:
    import pyarrow as pa

    try:
        table = read()
        known = table.filter(table.column(0).is_valid()) if table.column(0).null_count else table
        open_, high, low, close, volume = (_prices(known.column(name)) for name in PRICES)
        return Rows(_times(known.column(0)), open_, high, low, close, volume, _marks(known))
    except pa.ArrowException as error:
        raise BadCandles(f"{file.path.name} cannot be read: {_line(error)}") from error


def _times(column: pa.ChunkedArray) -> Times:
    """Milliseconds UTC from a column of integers or timestamps; a timestamp without a zone is UTC."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", tz=column.type.tz), safe=False)
    return np.asarray(np.from_dlpack(_whole(_as(column, pa.int64()))), np.int64)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece; one that is needs no copy."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """The column converted to that type. `cast` is called only if needed, because it imports all of pyarrow's functions."""
    return column if column.type == kind else column.cast(kind)


def _prices(column: pa.ChunkedArray) -> Series:
    """The numbers of a column, NaN for null. `from_dlpack` avoids `to_numpy`, which spends half a second importing pandas."""
    import pyarrow as pa

    numbers = _whole(_as(column, pa.float64()))
    known = numbers.fill_null(float("nan")) if numbers.null_count else numbers
    return np.asarray(np.from_dlpack(known), np.float64)


def _marks(table: pa.Table) -> NDArray[np.bool_]:
    """The column `filled`, or all False if there is none."""
    import pyarrow as pa

    if "filled" not in table.column_names:
        return np.zeros(len(table), np.bool_)
    marks = table.column("filled").cast(pa.bool_()).fill_null(False).cast(pa.uint8())
    return np.asarray(np.from_dlpack(marks.combine_chunks()), np.uint8).view(np.bool_)


def _json(file: CandleFile) -> Rows:
    """freqtrade's rows of [ms, open, high, low, close, volume]."""
    try:
        raw = file.path.read_bytes()
        rows = orjson.loads(gzip.decompress(raw) if file.format == "json.gz" else raw)
        table = np.array(rows, np.float64).reshape(-1, 6)
    except (ValueError, TypeError, EOFError) as error:
        raise BadCandles(
            f"{file.path.name} cannot be read: {_line(error)}: rows of [ms, open, high, low, close, volume] are needed"
        ) from error
    table = table[np.isfinite(table[:, 0])]
    time, open_, high, low, close, volume = (np.ascontiguousarray(column) for column in table.T)
    return Rows(time.astype(np.int64), open_, high, low, close, volume, np.zeros(len(table), np.bool_))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
