"""Candles as columns, and the checks for faults in them.

Defines the only form in which price history reaches a strategy: float64 columns, oldest first, each row identified by its open
time. Finds faults and fills intervals without trades. It never asks an exchange and never decides what to do about a fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]
Times = NDArray[np.int64]
Number = float | str | Decimal
Row = tuple[int, Number, Number, Number, Number, Number]

QUIET_WINDOW = 50
QUIET_SHARE = 0.10

_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_COLUMNS = ("open", "high", "low", "close", "volume")


class Candle(NamedTuple):
    """One closed candle. `time` is when it opened (ms UTC); `volume` is in base units."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float


class Fault(Enum):
    """What can be wrong with a candle."""

    NOT_A_NUMBER = "not a number"
    NOT_POSITIVE = "price not positive"
    INCONSISTENT = "high and low do not contain open and close"
    NEGATIVE_VOLUME = "negative volume"
    DUPLICATE = "same time twice"
    OUT_OF_ORDER = "older than the candle before it"
    OFF_GRID = "opens between two candle times"
    GAP = "candles missing before it"


class Flaw(NamedTuple):
    """A fault and the open time (ms UTC) of the candle that shows it."""

    fault: Fault
    time: int


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Read-only columns of equal length. The constructor accepts faulty content; `inspect` finds the faults.

    A wrong shape or dtype is a programming error and raises ValueError.
    """

    timeframe_ms: int
    time: Times
    open: Series
    high: Series
    low: Series
    close: Series
    volume: Series

    def __post_init__(self) -> None:
        if self.timeframe_ms <= 0:
            raise ValueError(f"timeframe of {self.timeframe_ms} ms")
        _freeze(self, "time", np.dtype(np.int64), self.time.shape)
        for name in _COLUMNS:
            _freeze(self, name, np.dtype(np.float64), self.time.shape)

    @classmethod
    def of(cls, timeframe_ms: int, rows: Iterable[Row]) -> Candles:
        """Build columns from rows of (open time ms, open, high, low, close, volume); numbers may be decimal strings."""
        table = [(int(row[0]), *(float(value) for value in row[1:])) for row in rows]
        time = np.array([row[0] for row in table], dtype=np.int64)
        columns = (np.array([row[i] for row in table], dtype=np.float64) for i in range(1, 6))
        return cls(timeframe_ms, time, *columns)

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, span: slice) -> Candles:
        columns = (getattr(self, name)[span] for name in _COLUMNS)
        return Candles(self.timeframe_ms, self.time[span], *columns)

    @property
    def closed_at(self) -> int:
        """When the last candle closed (ms UTC). Raises IndexError when there is none."""
        return int(self.time[-1]) + self.timeframe_ms

    def candle(self, index: int) -> Candle:
        """The candle at `index`, as plain numbers."""
        return Candle(int(self.time[index]), *(float(getattr(self, name)[index]) for name in _COLUMNS))

    def append(self, candle: Candle, keep: int) -> Candles:
        """These candles and one more, limited to the newest `keep`."""
        time = np.append(self.time, np.int64(candle.time))[-keep:]
        columns = (np.append(getattr(self, name), getattr(candle, name))[-keep:] for name in _COLUMNS)
        return Candles(self.timeframe_ms, time, *columns)


def parse_timeframe(text: str) -> int:
    """Milliseconds of `1m`, `5m`, `1h`, `1d`. Raises a one-line ValueError for anything else."""
    count, unit = text[:-1], text[-1:]
    if unit not in _UNIT_MS or not (count.isascii() and count.isdigit()) or int(count) == 0:
        raise ValueError(f"timeframe {text!r}: a whole number and m, h or d is needed, like 5m")
    return int(count) * _UNIT_MS[unit]


def inspect(candles: Candles) -> tuple[Flaw, ...]:
    """All faults in these candles, in candle order; empty if a decision may be based on them."""
    found = [(int(index), fault) for fault, wrong in _faults(candles) for index in np.flatnonzero(wrong)]
    found.sort(key=lambda entry: entry[0])
    return tuple(Flaw(fault, int(candles.time[index])) for index, fault in found)


def fill_flat(candles: Candles, until: int | None = None) -> Candles:
    """The same candles with intervals without trades filled in: flat at the previous close, volume zero.

    `until` is the open time (ms UTC) of the last candle wanted; without it only inner gaps are filled. Times must increase on
    the candle grid (see `inspect`).
    """
    if len(candles) == 0:
        return candles
    last = max(int(candles.time[-1]), until or 0)
    time = np.arange(int(candles.time[0]), last + 1, candles.timeframe_ms, dtype=np.int64)
    source = np.searchsorted(candles.time, time, side="right") - 1
    traded = candles.time[source] == time
    close = candles.close[source]
    return Candles(
        candles.timeframe_ms,
        time,
        np.where(traded, candles.open[source], close),
        np.where(traded, candles.high[source], close),
        np.where(traded, candles.low[source], close),
        close,
        np.where(traded, candles.volume[source], 0.0),
    )


def flat_share(candles: Candles, window: int = QUIET_WINDOW) -> float:
    """The share (0..1) of candles without a trade among the last `window`; 0 when there are none."""
    recent = candles.volume[-window:]
    return float(np.count_nonzero(recent == 0.0)) / len(recent) if len(recent) else 0.0


def too_quiet(candles: Candles) -> bool:
    """Whether more than 10 % of the last 50 candles are flat; such a symbol is not traded."""
    return flat_share(candles) > QUIET_SHARE


def _freeze(candles: Candles, name: str, dtype: np.dtype[np.generic], shape: Sequence[int]) -> None:
    column = getattr(candles, name)
    if column.ndim != 1 or column.dtype != dtype or column.shape != shape:
        raise ValueError(f"{name}: {dtype} of length {shape} expected, got {column.dtype} {column.shape}")
    view = column.view()
    view.flags.writeable = False
    object.__setattr__(candles, name, view)


def _faults(candles: Candles) -> tuple[tuple[Fault, NDArray[np.bool_]], ...]:
    """Each fault with a mask of the candles that have it. A NaN is reported once, not also as inconsistent."""
    prices = np.array([candles.open, candles.high, candles.low, candles.close])
    finite = np.isfinite(prices).all(axis=0) & np.isfinite(candles.volume)
    body_low, body_high = np.minimum(candles.open, candles.close), np.maximum(candles.open, candles.close)
    step = np.diff(candles.time, prepend=candles.time[:1] - candles.timeframe_ms)
    return (
        (Fault.NOT_A_NUMBER, ~finite),
        (Fault.NOT_POSITIVE, finite & (prices <= 0.0).any(axis=0)),
        (Fault.INCONSISTENT, finite & ((candles.low > body_low) | (candles.high < body_high))),
        (Fault.NEGATIVE_VOLUME, finite & (candles.volume < 0.0)),
        (Fault.DUPLICATE, step == 0),
        (Fault.OUT_OF_ORDER, step < 0),
        (Fault.OFF_GRID, candles.time % candles.timeframe_ms != 0),
        (Fault.GAP, step > candles.timeframe_ms),
    )
