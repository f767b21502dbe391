"""What a walk reads and what it keeps: arrays and numbers only, so that its text can be compiled.

Owns their meaning. A *market* is a number in the order of symbols, a *row* counts candles from the start of the earliest market,
and a *cell* is the place of a candle in columns that hold all markets one after the other.
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

#: Places in `State.money`; the last is the sum of the day's shares of equity that were in positions.
CASH, EQUITY, BEST, MIDNIGHT, SHARES = range(5)
#: Places in `State.counts`; the last are the gates of a drawdown that was passed, and of today's loss.
HELD, TRADES, LEGS, DAYS, DAY_ROWS, HALTED, HALTED_TODAY = range(7)


class Grid(NamedTuple):
    """The candles of all markets. `start` is the open time of row 0 (ms UTC); trading begins at row `since` and ends before `rows`.

    Market m has its first candle at row `first[m]`, `size[m]` of them, from cell `base[m]` on. `funding` is the rate due when a
    candle opens. Each cell has `parts` finer candles (0: none given), NaN where they are not known.
    """

    start: int
    timeframe: int
    since: int
    rows: int
    first: Integers
    base: Integers
    size: Integers
    open: Series
    high: Series
    low: Series
    close: Series
    funding: Series
    parts: int
    fine_open: Series
    fine_high: Series
    fine_low: Series
    fine_close: Series


class Signals(NamedTuple):
    """Every decision to enter, by row and then by rank. `out_at` is NaN where the strategy gets out at the stop; `score` NaN for
    none. `quiet`: too many flat candles; `to_news` as in `snapshot.Symbol`.
    """

    row: Integers
    market: Integers
    side: Integers
    stop: Series
    out_at: Series
    score: Series
    pct: Series
    quiet: NDArray[np.bool_]
    to_news: Integers


class Venue(NamedTuple):
    """What the venue asks of each market, and `coin`, a number per base coin; `listed` is when it was listed (ms UTC)."""

    lot: Series
    tick: Series
    min_lots: Integers
    min_cost: Series
    coin: Integers
    listed: Integers


class Conditions(NamedTuple):
    """On what terms all of it is traded. `half` is half the spread as a fraction, `coin_fee` what of the fee is taken in the coin."""

    fee: float
    half: float
    coin_fee: float
    equity: float
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


class State(NamedTuple):
    """What the account holds in the middle of a walk. `held` lists the markets with a position, in the order of entry; `trades`
    holds the position of each market, `number` its row of the result, `leaving` the reason it is sold for at the next open.
    """

    money: Series
    counts: Integers
    held: Integers
    number: Integers
    leaving: Integers
    stopped_at: Integers
    lost: Integers
    cooled_at: Integers
    coin_held: Integers
    trades: list[Trade]


class Found(NamedTuple):
    """The columns of a result, as long as they can become; `skips` counts by gate."""

    signal: Integers
    entry_row: Integers
    entry_price: Series
    qty: Series
    stop: Series
    r: Series
    fee: Series
    funding: Series
    exit_row: Integers
    exit_reason: Integers
    pnl: Series
    leg_trade: Integers
    leg_row: Integers
    leg_price: Series
    leg_qty: Series
    leg_fee: Series
    leg_reason: Integers
    skips: Integers
    day: Integers
    day_equity: Series
    day_share: Series


class Run(NamedTuple):
    """One walk: what it reads, how its strategy answers (see `house`), and what it keeps and finds."""

    grid: Grid
    signals: Signals
    venue: Venue
    on: Conditions
    rule: Any
    state: State
    found: Found


def begun(markets: int, coins: int, equity: float) -> State:
    """An account before its first trade."""
    money = np.full(5, equity)
    money[SHARES] = 0.0
    none = Trade(1, 1.0, 1.0, 1.0, 1.0, 0, 0, 1, 0, 0.0, 0, ())
    return State(
        money,
        np.zeros(7, np.int64),
        np.zeros(markets, np.int64),
        np.zeros(markets, np.int64),
        np.zeros(markets, np.int64),
        np.zeros(markets, np.int64),
        np.zeros(markets, np.int64),
        np.zeros(markets, np.int64),
        np.zeros(coins, np.int64),
        [none for _ in range(markets)],
    )


def room_for(signals: int, targets: int, days: int, gates: int) -> Found:
    """Columns for as many trades as there are signals; what is never touched costs nothing."""
    legs = signals * (targets + 1)

    def whole(size: int) -> Integers:
        return np.empty(size, np.int64)

    def real(size: int) -> Series:
        return np.empty(size)

    return Found(
        whole(signals),
        whole(signals),
        real(signals),
        real(signals),
        real(signals),
        real(signals),
        real(signals),
        real(signals),
        whole(signals),
        whole(signals),
        real(signals),
        whole(legs),
        whole(legs),
        real(legs),
        real(legs),
        real(legs),
        whole(legs),
        np.zeros(gates, np.int64),
        whole(days),
        real(days),
        real(days),
    )


# -- places and times -------------------------------------------------------------------------------------------------
def cell_of(grid: Grid, market: int, row: int) -> int:
    """The cell of a market's candle."""
    return int(grid.base[market] + row - grid.first[market])


def has_next(grid: Grid, market: int, row: int) -> bool:
    """Whether a market has a candle after this row."""
    return bool(row + 1 < grid.first[market] + grid.size[market])


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
