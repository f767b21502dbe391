"""The grids of a venue: prices in ticks, sizes in lots, so that floats and exact decimals give the same count.

Owns the one rounding of the rule's floats, as plain scalar text that live and backtest share. A float that
stands for a decimal is off by some units of its sixteenth digit: a quotient that is a whole number but for
that counts as one. Never knows what is rounded, nor why.
"""

from __future__ import annotations

import math

# What is left of an exact quotient after five roundings, and less than any other quotient of real prices has.
NOISE = 1e-15


def rounded(value: float) -> float:
    """The nearest number of 12 significant digits (below 1e-11: of 22 decimals), as its decimal text reads."""
    if value == 0.0 or not math.isfinite(value):
        return value
    scale = 1.0
    while abs(value) * scale < 1e11 and scale < 1e22:
        scale *= 10.0
    return math.floor(value * scale + 0.5) / scale


def cents(money: float) -> float:
    """Money to 1e-8 of the quote, as it is before it becomes lots."""
    return math.floor(money * 1e8 + 0.5) / 1e8


def compared(momentum: float) -> float:
    """What a rank is compared by: 12 decimals, or all that a float has where that is less."""
    return math.floor(momentum * 1e12 + 0.5) / 1e12 if abs(momentum) < 1e3 else momentum


def whole_down(value: float, step: float) -> int:
    """Whole steps in `value`: an exact multiple is not one less."""
    count = value / step
    nearest = math.floor(count + 0.5)
    return nearest if abs(count - nearest) <= NOISE * abs(count) else math.floor(count)


def whole_up(value: float, step: float) -> int:
    """The fewest steps that reach `value`: an exact multiple is not one more."""
    count = value / step
    nearest = math.floor(count + 0.5)
    return nearest if abs(count - nearest) <= NOISE * abs(count) else math.ceil(count)


def towards(side: int, price: float, tick: float) -> float:
    """A stop's price on the grid, to the side of the market: up for a long, down for a short. Tick 0 is no grid."""
    price = rounded(price)
    if not math.isfinite(price) or tick <= 0.0:
        return price
    ticks = whole_up(price, tick) if side > 0 else whole_down(price, tick)
    return rounded(ticks * tick)
