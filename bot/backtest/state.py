"""What a walk reads and what it keeps: records and numbers only, so that its text can be compiled.

Owns their meaning. A *market* is a number in the order of symbols, a *row* counts candles from the start of the earliest market,
and a *cell* is the place of a candle in columns that hold all markets one after the other. Few arrays of many fields, since each
array that a compiled function is given costs time to compile.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bot.backtest.result import Integers
from bot.domain.candles import Series
from bot.strategy.exits import Trade
from bot.strategy.params import Owner

DAY_MS = 86_400_000

Records = Any
"""An array of records whose fields are read as attributes of its elements."""

CANDLE = np.dtype([(name, "f8") for name in ("open", "high", "low", "close")])
#: One market: its first candle's row, its first cell and how many it has; what the venue asks; `coin`, a number per base coin,
#: and when it was `listed` (ms UTC). Then what the walk keeps: the row of its open trade, the reason it is sold for at the next
#: open (0: none), its last stop-out (ms UTC), losses in a row and until when they keep it out, and whether coin number `i` is
#: held, in record `i`.
MARKET = np.dtype(
    [
        *((name, "i8") for name in ("first", "cells_from", "candles", "min_lots", "coin", "listed")),
        *((name, "f8") for name in ("lot", "tick", "min_cost")),
        *((name, "i8") for name in ("trade", "leaving", "stopped_at", "lost", "cooled_at", "coin_held")),
    ]
)
#: One decision to enter. `out_at` is NaN where the strategy gets out at the stop, `score` where it gives none; `quiet`: too many
#: flat candles (1); `to_news` as in `snapshot.Symbol`.
SIGNAL = np.dtype(
    [
        *((name, "i8") for name in ("row", "market", "side", "quiet", "to_news")),
        *((name, "f8") for name in ("stop", "out_at", "score", "pct")),
    ]
)
TRADE = np.dtype(
    [
        *((name, "i8") for name in ("signal", "entry_row", "exit_row", "exit_reason")),
        *((name, "f8") for name in ("entry_price", "qty", "stop", "r", "fee", "funding", "pnl")),
    ]
)
LEG = np.dtype(
    [*((name, "i8") for name in ("trade", "row", "reason")), *((name, "f8") for name in ("price", "qty", "fee"))]
)
#: The last close of a UTC day (ms), equity then, and the mean share of it that was in positions.
DAY = np.dtype([("close", "i8"), ("equity", "f8"), ("share", "f8")])
#: The account: money, how many signals were looked at, and how far the records are filled. `shares` sums the day's shares of equity
#: in positions over `day_rows` closes; `halted` and `halted_today` are the gates of a drawdown and of a day's loss that were passed.
ACCOUNT = np.dtype(
    [
        *((name, "f8") for name in ("cash", "equity", "best", "midnight", "shares")),
        *((name, "i8") for name in ("signals", "held", "trades", "legs", "days", "day_rows", "halted", "halted_today")),
    ]
)


class Conditions(NamedTuple):
    """On what terms all of it is traded. `half` is half the spread as a fraction, `coin_fee` what of the fee is taken in the coin,
    `targets` how many the strategy has.
    """

    fee: float
    half: float
    coin_fee: float
    slots: int
    shorts: bool
    sits_out_stops: bool
    next_open: bool
    targets: int
    owner: Owner
    slippage: float
    max_exposure_pct: float
    max_coin_exposure_pct: float
    max_order: float
    max_day_pct: float
    max_drawdown_pct: float
    max_losses: int
    cooldown_ms: int
    min_age_ms: int


class Grid(NamedTuple):
    """The times of all candles: `start` is when row 0 opens (ms UTC). Decisions are those of rows from `since` to before `rows`.

    Each cell has `parts` finer candles (0: none are given).
    """

    start: int
    timeframe: int
    since: int
    rows: int
    parts: int


class Run(NamedTuple):
    """One walk. `fine` holds the finer candles of each cell, NaN where they are not known, `funding` the rate due when the candle
    opens, and `missing` marks cells that are no candles to a strategy which leaves gaps out; each may be empty. `rule` is how the
    strategy answers (see `house`). `held` lists the markets with a position in the order of their entries, `positions` the position
    of each market.
    """

    grid: Grid
    candles: Records
    fine: Records
    funding: Series
    missing: NDArray[np.bool_]
    signals: Records
    on: Conditions
    rule: Any
    markets: Records
    accounts: Records
    trades: Records
    legs: Records
    days: Records
    skips: Integers
    held: Integers
    positions: list[Trade]


def records(size: int, kind: np.dtype[Any]) -> Records:
    """Empty records; what is never touched costs nothing."""
    return np.empty(size, kind).view(np.recarray)


def filled(kind: np.dtype[Any], columns: dict[str, NDArray[Any]]) -> Records:
    """Records from columns of one length; a field without a column is 0."""
    found = np.zeros(len(next(iter(columns.values()))), kind)
    for name, column in columns.items():
        found[name] = column
    return found.view(np.recarray)


def flat() -> Trade:
    """Stands where a market has no position."""
    return Trade(1, 1.0, 1.0, 1.0, 1.0, 0, 0, 1, 0, 0.0, 0, ())


# -- places and times -------------------------------------------------------------------------------------------------
def cell_of(run: Run, market: int, row: int) -> int:
    """The cell of a market's candle."""
    return int(run.markets[market].cells_from + row - run.markets[market].first)


def has_next(run: Run, market: int, row: int) -> bool:
    """Whether a market has a candle after this row."""
    return bool(row + 1 < run.markets[market].first + run.markets[market].candles)


def is_missing(run: Run, cell: int) -> bool:
    """Whether nobody traded then, and the strategy leaves such times out: nothing can be bought or sold."""
    return len(run.missing) > 0 and bool(run.missing[cell])


def closes_at(grid: Grid, row: int) -> int:
    """When the candle of a row closes (ms UTC)."""
    return grid.start + (row + 1) * grid.timeframe


def is_midnight(grid: Grid, row: int) -> bool:
    """Whether the candle of a row is the first of its UTC day."""
    opens_at = grid.start + row * grid.timeframe
    return opens_at // DAY_MS > (opens_at - grid.timeframe) // DAY_MS


def quantity(lots: int, lot: float) -> float:
    """The base units of so many lots, with no more digits than a lot has."""
    per_unit = math.floor(1.0 / lot + 0.5)
    return lots / per_unit if abs(per_unit * lot - 1.0) <= 1e-12 else lots * lot


def as_money(value: float) -> Decimal:
    """The text of the gates takes Decimals live and floats here: this says so to whoever checks its types."""
    return value  # type: ignore[return-value]
