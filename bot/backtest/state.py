"""What a walk reads and writes: records and numbers only, so that its code can be compiled.

Owns their meaning. A *market* is a number in the order of symbols, a *row* counts candles from the start of the earliest market,
and a *cell* is the place of a candle in columns that hold all markets one after another. Few arrays with many fields, because each
array argument of a compiled function takes time to compile.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bot.domain.candles import Series
from bot.strategy.exits import Trade
from bot.strategy.params import RiskSettings

DAY_MS = 86_400_000

Records = Any
"""An array of records; their fields are attributes of its elements."""


def fields(whole: str, real: str = "") -> list[tuple[str, str]]:
    """Fields of a record: the names of integer fields, then of float fields."""
    return [*((name, "i8") for name in whole.split()), *((name, "f8") for name in real.split())]


#: `open` is NaN where a strategy that leaves gaps out has no candle.
CANDLE = np.dtype(fields("", "open high low close"), align=True)
#: One market: its first candle's row, its first cell and how many it has; what the venue asks, `half` the spread and the `coin_fee`
#: (the part of a purchase's fee that is taken in the coin) as fractions; `coin`, a number per base coin, and when it was `listed` (ms
#: UTC; 0: within a day of the earliest market, so that it may be any age). Then what the walk keeps: the row of its open trade, the
#: reason it will be sold for at the next open (0: none), its last stop-out (ms UTC), when its last trade `ended_at` (ms UTC) and by
#: which reason (-1: there was none), losses in a row and the end of their cooldown. In record `i` for all markets: whether coin `i`
#: is held, and market number `i` among those with a position, in the order of their entries.
MARKET = np.dtype(
    fields(
        "first cells_from candles min_lots coin listed trade leaving stopped_at ended_at ended_by lost cooled_at coin_held held",
        "lot tick min_cost half coin_fee",
    ),
    align=True,
)
#: One decision to enter. `out_at` is NaN if the strategy exits at the stop, `score` if it gives none; `quiet`: too many
#: flat candles (1); `to_news` as in `snapshot.Symbol`.
SIGNAL = np.dtype(fields("row market side quiet to_news", "stop out_at score pct"), align=True)
TRADE = np.dtype(fields("signal entry_row exit_row exit_reason", "entry_price qty stop r fee funding pnl"), align=True)
LEG = np.dtype(fields("trade row reason", "price qty fee"), align=True)
#: The last close of a UTC day (ms), equity then, and the mean share of it in positions.
DAY = np.dtype(fields("close", "equity share"), align=True)
#: The account. Time: when row 0 opens (ms UTC); decisions are those of rows `since` to `rows` (exclusive); each cell has `parts`
#: finer candles (0: none), from cell `fine_from` on, NaN if not known. Terms: `targets` is the number of the strategy's targets; flags
#: are 1 or 0. State of the walk: money, how many signals were handled, how many entries of this close were `refused` at the next open
#: and keep their slots, and how far the records are filled. `shares` sums the day's shares of equity in positions over `day_rows`
#: closes; `halted` and `halted_today` are the gates of the drawdown and of the daily loss once they were reached.
ACCOUNT = np.dtype(
    [
        *fields("start timeframe since rows parts fine_from"),
        *fields("slots shorts sits_out_stops next_open at_price targets max_losses cooldown_ms min_age_ms"),
        *fields(
            "",
            "fee slippage least_part max_exposure_pct max_coin_exposure_pct max_order max_day_pct max_drawdown_pct",
        ),
        *fields("", " ".join(RiskSettings._fields)),
        *fields(
            "signals held refused trades legs days day_rows halted halted_today", "cash equity best midnight shares"
        ),
    ],
    align=True,
)


class Run(NamedTuple):
    """One walk. `funding` is the rate that falls due when a cell's candle opens; `rule` gives the strategy's answers (see `hooks`);
    `positions` holds the position of each market. The walk stores the gate that `blocked` each signal.
    """

    candles: Records
    funding: Series
    signals: Records
    blocked: NDArray[np.int64]
    rule: Any
    account: Records
    markets: Records
    trades: Records
    legs: Records
    days: Records
    positions: list[Trade]


def records(size: int, kind: np.dtype[Any]) -> Records:
    """Uninitialized records: unused memory costs nothing."""
    return np.empty(size, kind).view(np.recarray)


def filled(kind: np.dtype[Any], columns: dict[str, NDArray[Any]]) -> Records:
    """Records from columns of one length; a field without a column is 0."""
    found = np.zeros(len(next(iter(columns.values()))), kind)
    for name, column in columns.items():
        found[name] = column
    return found.view(np.recarray)


def record_of(values: Any) -> Records:
    """The numbers of a NamedTuple as one record; any other value unchanged."""
    if not hasattr(values, "_asdict"):
        return values
    kinds = [(name, "i8" if isinstance(value, int) else "f8") for name, value in values._asdict().items()]
    return np.array([tuple(values)], np.dtype(kinds, align=True)).view(np.recarray)[0]


def flat(kept: int) -> Trade:
    """The placeholder for a market without a position. A compiled trade always has the same number of `kept` values."""
    return Trade(1, 1.0, 1.0, 1.0, 1.0, 0, 0, 1, 0, 0.0, 0, (0.0,) * kept)  # type: ignore[arg-type]


# -- places and times -------------------------------------------------------------------------------------------------
# They take one record instead of a `Run`: the references of all its arrays are counted at each call, which takes long to compile.
def cell_of(here: Any, row: int) -> int:
    """The cell of a market's candle."""
    return int(here.cells_from + row - here.first)


def has_next(here: Any, row: int) -> bool:
    """Whether a market has a candle after this row."""
    return bool(row + 1 < here.first + here.candles)


def is_missing(candle: Any) -> bool:
    """Whether nothing was traded in this candle and the strategy leaves such gaps out: nothing can be bought or sold."""
    return math.isnan(candle.open)


def closes_at(account: Any, row: int) -> int:
    """When the candle of a row closes (ms UTC)."""
    return int(account.start + (row + 1) * account.timeframe)


def is_midnight(account: Any, row: int) -> bool:
    """Whether the candle of a row is the first of its UTC day."""
    return bool(closes_at(account, row - 1) % DAY_MS < account.timeframe)


def quantity(lots: int, lot: float) -> float:
    """The base units in a number of lots, with no more digits than a lot has."""
    per_unit = math.floor(1.0 / lot + 0.5)
    return lots / per_unit if abs(per_unit * lot - 1.0) <= 1e-12 else lots * lot


def as_money(value: float) -> Decimal:
    """Marks a float as money for the type checker: the gates take Decimals live and floats in a backtest."""
    return value  # type: ignore[return-value]
