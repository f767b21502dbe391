"""What a report page shows, as plain values. Text is plain text: `write` escapes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bot.backtest.figures import Figure
from bot.domain.candles import Series, Times


class Kind(StrEnum):
    """How a browser shows the values of a column. `NAME` is an index into `Listing.names`, `TIME` is in ms UTC.

    `NUMBER` has as many digits as it needs, `AMOUNT` two decimals, `FINE` four, `MONEY` two and a sign, `SIGNED` three and a sign.
    `HIDDEN` serves the charts alone.
    """

    NAME = "name"
    TIME = "time"
    NUMBER = "number"
    AMOUNT = "amount"
    FINE = "fine"
    MONEY = "money"
    SIGNED = "signed"
    HIDDEN = "hidden"


class Cell(NamedTuple):
    """A cell of a table. `sign` is -1, 0 or 1 where it is a result, which also has its sign in the text."""

    text: str
    sign: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """A short table; its first column holds names, the others numbers. `note` says how to read it; `long` ones scroll."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    long: bool = False


class Column(NamedTuple):
    """A column of a `Listing`; `key` names it for the charts."""

    key: str
    name: str
    kind: Kind
    values: Sequence[Any] | NDArray[Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """A table of any length, shown page by page, to be saved as a CSV file. `names` are the texts that `NAME` columns refer to."""

    title: str
    file: str
    names: Sequence[str]
    columns: Sequence[Column]
    note: str = ""

    def __len__(self) -> int:
        return len(self.columns[0].values)


class Chart(NamedTuple):
    """Candles of one market, one every `step_ms` from `start` (ms UTC)."""

    pair: str
    start: int
    step_ms: int
    open: Series
    high: Series
    low: Series
    close: Series


class Equity(NamedTuple):
    """Equity at some times (ms UTC), in `currency`."""

    time: Times
    value: Series
    currency: str


class Bin(NamedTuple):
    """How many `trades` have a result from `low` to `high`."""

    low: float
    high: float
    trades: int


@dataclass(frozen=True, slots=True)
class Page:
    """All of one page. `play` says whose money it is, unless it is the owner's. `trades` may carry hidden columns for the charts:
    `stop`, `risk`, `legs`; `targets` are the prices of its targets in multiples of the risk.
    """

    title: str
    subtitle: str
    verdict: str
    sentence: str
    tiles: Sequence[Figure]
    equity: Equity
    figures: Sequence[Figure]
    tested: Sequence[Figure]
    months: Table
    results: Sequence[Bin]
    trades: Listing
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    charts_note: str = ""
    targets: Sequence[float] = ()
    listings: Sequence[Listing] = ()
    notes: Sequence[str] = ()
    play: str = ""
    equity_note: str = ""
    tested_title: str = "What was tested"
    differences: Table | None = None


def bins(values: Series, most: int = 40) -> tuple[Bin, ...]:
    """Results in bins of a round width, one edge at zero; what lies beyond the outer percentiles is in the outermost bins."""
    known = values[np.isfinite(values)]
    if not len(known):
        return ()
    low, high = (float(one) for one in np.quantile(known, (0.005, 0.995)))
    low, high = min(low, 0.0), max(high, 0.0)
    width = _round_up((high - low) / most) if high - low > most * np.finfo(float).tiny else 1.0
    first, last = int(np.floor(low / width)), int(np.ceil(high / width))
    last = max(last, first + 1)
    place = np.clip(np.floor(known / width).astype(np.int64), first, last - 1) - first
    counts = np.bincount(place, minlength=last - first)
    return tuple(
        Bin((first + at) * width, (first + at + 1) * width, int(count)) for at, count in enumerate(counts.tolist())
    )


def _round_up(width: float) -> float:
    """The next width that reads well: 1, 2 or 5 times a power of ten."""
    ten = 10.0 ** np.floor(np.log10(width))
    return float(next(step * ten for step in (1.0, 2.0, 5.0, 10.0) if step * ten >= width * (1.0 - 1e-9)))
