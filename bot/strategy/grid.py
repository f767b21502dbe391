"""Rounding to the grids of a venue: prices in ticks and sizes in lots, with the same counts for floats and decimals.

Owns the rounding of all floats of the rules, as plain scalar code for live and backtest. A float that represents a decimal is off
by some units of its sixteenth digit: a quotient that is an integer within that error counts as one.
"""

from __future__ import annotations

import math

# The relative error of an exact quotient after five roundings; other quotients of real prices are farther from an integer.
NOISE = 1e-15


def rounded(value: float) -> float:
    """The value rounded to 12 significant digits (below 1e-11: to 22 decimals)."""
    if value == 0.0 or not math.isfinite(value):
        return value
    scale = 1.0
    while abs(value) * scale < 1e11 and scale < 1e22:
        scale *= 10.0
    return math.floor(value * scale + 0.5) / scale


def cents(money: float) -> float:
    """Money rounded to 1e-8 of the quote, before it is converted to lots."""
    return math.floor(money * 1e8 + 0.5) / 1e8


def compared(momentum: float) -> float:
    """A momentum rounded for comparison: to 12 decimals, or unchanged if it is too large to have as many."""
    return math.floor(momentum * 1e12 + 0.5) / 1e12 if abs(momentum) < 1e3 else momentum


def whole_down(value: float, step: float) -> int:
    """The number of whole steps in `value`, correct for exact multiples despite float errors."""
    count = value / step
    nearest = math.floor(count + 0.5)
    return nearest if abs(count - nearest) <= NOISE * abs(count) else math.floor(count)


def whole_up(value: float, step: float) -> int:
    """The fewest whole steps that reach `value`, correct for exact multiples despite float errors."""
    count = value / step
    nearest = math.floor(count + 0.5)
    return nearest if abs(count - nearest) <= NOISE * abs(count) else math.ceil(count)


def towards(side: int, price: float, tick: float) -> float:
    """A stop's price rounded to the grid towards the market: up for a long, down for a short. Tick 0 means no grid."""
    price = rounded(price)
    if not math.isfinite(price) or tick <= 0.0:
        return price
    ticks = whole_up(price, tick) if side > 0 else whole_down(price, tick)
    return rounded(ticks * tick)
