"""The size of an entry: by the strategy's percentage, the smallest size that can be sold again, and the account's means.

Owns sizes in whole lots, as plain scalar code for live and backtest. Money is in the quote currency. One multiplication converts
lots to an exact quantity (see `exact`), so no later rounding can reduce a size below the smallest one checked here. Limits across
positions are passed in as `ceiling`.
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple, TypeVar

from bot.strategy.grid import cents, whole_down, whole_up
from bot.strategy.params import RiskSettings

# How far below its price a stop may fill, and the margin over the venue's minimum cost.
STOP_SLIP = 0.02
COST_MARGIN = 1.1


Number = TypeVar("Number", Decimal, float)


class SizingResult(IntEnum):
    """How a size was determined, or why there is none."""

    WANTED = 0
    RAISED = 1
    OVER_EQUITY = 2
    OVER_CASH = 3
    OVER_CEILING = 4


class Minimums(NamedTuple):
    """The venue's minimums: `lot` in base units, `lots` the minimum quantity in lots, `cost` the minimum
    value.
    """

    lot: float
    lots: int
    cost: float


class BuyingPower(NamedTuple):
    """The money available for an entry.

    `fee` is the taker fee, `coin_fee` the part of it that the venue takes in the coin (0 if it takes it in the quote) and
    `slippage` how far above the close the order may fill, all as fractions. `ceiling` is the largest value of one order
    (infinite without a limit).
    """

    equity: float
    free: float
    fee: float
    slippage: float
    ceiling: float
    coin_fee: float = 0.0


class Size(NamedTuple):
    """The size of an entry. `lots` is 0 if there is none: `smallest_value` exceeds `allowed`."""

    fit: SizingResult
    lots: int
    smallest: int
    smallest_value: float
    allowed: float


def worst_price(close: Number, ask: Number, slippage: Number, tick: Number) -> Number:
    """The price at which limits on value count an entry: the worst price of its fill, at least the close of the decision."""
    return max(close, ask * (1 + slippage) + tick)


def smallest_tradeable(stop: float, coin_fee: float, minimums: Minimums) -> int:
    """The fewest lots that can be sold again: after an entry fee taken in the coin, rounded down to lots and valued at the stop
    price less 2 %, they still meet the minimum quantity and 1.1 x the minimum cost.

    `coin_fee` is 0 if the fee is taken in the quote, and for a position, which is net of it already.
    """
    for_cost = whole_up(cents(COST_MARGIN * minimums.cost), stop * (1.0 - STOP_SLIP) * minimums.lot)
    kept = max(minimums.lots, for_cost, 1)
    return whole_up(float(kept), 1.0 - coin_fee) if coin_fee > 0.0 else kept


def size(
    pct: float, entry: float, stop: float, buying_power: BuyingPower, minimums: Minimums, risk_settings: RiskSettings
) -> Size:
    """The lots of an entry at `entry` with its stop at `stop` (both above 0).

    The strategy's percentage of equity, limited by free cash and ceiling. If that is below the smallest tradeable size, the
    smallest size is used, provided that it is within the owner's bound for small accounts; else there is none.
    """
    smallest = smallest_tradeable(stop, buying_power.coin_fee, minimums)
    lot_value = entry * minimums.lot
    value = smallest * lot_value
    payable = min(buying_power.free / ((1.0 + buying_power.fee) * (1.0 + buying_power.slippage)), buying_power.ceiling)
    wanted = whole_down(cents(max(min(buying_power.equity * pct / 100.0, payable), 0.0)), lot_value)
    if wanted >= smallest:
        return Size(SizingResult.WANTED, wanted, smallest, value, value)
    most = max(pct, risk_settings.max_position_pct_small) / 100.0
    of_equity = cents(buying_power.equity * most)
    of_cash = cents(min(buying_power.free * most, payable))
    if cents(value) > of_equity:
        return Size(SizingResult.OVER_EQUITY, 0, smallest, value, of_equity)
    if cents(value) > buying_power.ceiling:
        return Size(SizingResult.OVER_CEILING, 0, smallest, value, buying_power.ceiling)
    if cents(value) > of_cash:
        return Size(SizingResult.OVER_CASH, 0, smallest, value, of_cash)
    return Size(SizingResult.RAISED, smallest, smallest, value, min(of_equity, of_cash))
