"""How much: a strategy's percentage, the smallest size that can be traded out of again, and what the account
allows.

Owns the size of an entry in whole lots, as plain scalar text that live and backtest share. Money is in the
quote currency. A lot count turns into an exact quantity by one multiplication (see `exact`), so no later
rounding can bring a size below the smallest that was checked here. Never looks at limits across positions:
they come in as `ceiling`.
"""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import NamedTuple, TypeVar

from bot.strategy.grid import cents, whole_down, whole_up
from bot.strategy.params import RiskSettings

# A stop may fill this far below its price, and the venue's minimum cost is kept with this margin.
STOP_SLIP = 0.02
COST_MARGIN = 1.1


Number = TypeVar("Number", Decimal, float)


class SizingResult(IntEnum):
    """How a size came about, or why there is none."""

    WANTED = 0
    RAISED = 1
    OVER_EQUITY = 2
    OVER_CASH = 3
    OVER_CEILING = 4


class Minimums(NamedTuple):
    """What the venue takes: `lot` in base units, `lots` the minimum quantity in lots, `cost` the minimum
    value.
    """

    lot: float
    lots: int
    cost: float


class BuyingPower(NamedTuple):
    """What an entry may be paid from.

    `fee` is the taker fee, `coin_fee` what of it the venue takes in the coin (0 where it takes it in the quote)
    and `slippage` how far above the close the order may fill, all as fractions; `ceiling` is the most that one
    order may be worth (infinite when nothing limits it).
    """

    equity: float
    free: float
    fee: float
    slippage: float
    ceiling: float
    coin_fee: float = 0.0


class Size(NamedTuple):
    """The size of an entry. `lots` is 0 when it is skipped; then `smallest_value` was more than `allowed`."""

    fit: SizingResult
    lots: int
    smallest: int
    smallest_value: float
    allowed: float


def worst_price(close: Number, ask: Number, slippage: Number, tick: Number) -> Number:
    """What limits on value count an entry at: the worst price it may fill at, never below the close it was decided at."""
    return max(close, ask * (1 + slippage) + tick)


def smallest_tradeable(stop: float, coin_fee: float, minimums: Minimums) -> int:
    """Lots that can be stopped out and sold: after an entry fee taken in the coin, rounded down to lot and
    valued at the stop price less 2 %, they still meet the minimum quantity and 1.1 x the minimum cost.

    `coin_fee` is 0 where the fee is taken in the quote, and for what is held: that is net of it already.
    """
    for_cost = whole_up(cents(COST_MARGIN * minimums.cost), stop * (1.0 - STOP_SLIP) * minimums.lot)
    kept = max(minimums.lots, for_cost, 1)
    return whole_up(float(kept), 1.0 - coin_fee) if coin_fee > 0.0 else kept


def size(
    pct: float,
    entry: float,
    stop: float,
    buying_power: BuyingPower,
    minimums: Minimums,
    risk_settings: RiskSettings,
    least_part: float = 0.0,
) -> Size:
    """The lots of an entry at `entry` with its stop at `stop` (both above 0).

    The rule's percentage of equity, as far as free cash and ceiling reach; when that is below the smallest
    tradeable size, this one, if it is within the owner's bound for small accounts; else none. What is less than `least_part` (a
    fraction) of the rule's percentage counts as too small to be traded.
    """
    smallest = smallest_tradeable(stop, buying_power.coin_fee, minimums)
    lot_value = entry * minimums.lot
    if least_part > 0.0:
        smallest = max(smallest, whole_up(cents(least_part * buying_power.equity * pct / 100.0), lot_value))
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
