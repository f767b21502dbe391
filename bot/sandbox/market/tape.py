"""The trades inside candles; they reproduce each candle's open, high, low, close and volume exactly.

Owns the interpolation only, for generated and replayed candles alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bot.sandbox.market.candles import Candles
from bot.sandbox.market.noise import Floats, Ints

MS_NS = 1_000_000
LAST_NS = 999_000
"""Prints fall into the first 999 microseconds of their millisecond; jumps come after them."""


class Prints(NamedTuple):
    """Trades in time order, one column each; `before` is the price before the first of them."""

    time_ns: Ints
    price: Ints
    qty: Ints
    buy: npt.NDArray[np.bool_]
    first_id: int
    before: int


def printed(candles: Candles, start_ms: int, step_ms: int, before: int, dice: np.random.Generator) -> Prints:
    """The trades of consecutive candles that start at `start_ms`."""
    count = candles.prints
    which = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    times = _times(nth, count[which], which, start_ms, step_ms, dice)
    price = _prices(candles, which, nth, dice)
    buy = _sides(price, before, dice)
    return Prints(times, price, _quantities(candles, which, nth, dice), buy, candles.first_id, before)


def _times(nth: Ints, count: Ints, which: Ints, start_ms: int, step_ms: int, dice: np.random.Generator) -> Ints:
    """Times in nanoseconds: one print at a random place in each equal slice of its candle."""
    inside = (nth + dice.random(len(nth)) * 0.98) / count * step_ms
    whole = np.minimum(inside.astype(np.int64), step_ms - 1)
    part = ((inside - whole) * LAST_NS).astype(np.int64)
    return (start_ms + which * step_ms + whole) * MS_NS + np.clip(part, 0, LAST_NS - 1)


def _prices(candles: Candles, which: Ints, nth: Ints, dice: np.random.Generator) -> Ints:
    """A noisy line through open, one extreme, the other extreme and close of each candle."""
    count = candles.prints
    low_first = dice.random(len(count)) < np.where(candles.close >= candles.open, 0.7, 0.3)
    one = np.where(low_first, candles.low, candles.high)
    two = np.where(low_first, candles.high, candles.low)
    at_one, at_two = _turns(count, dice)
    line = _through(candles, (one, two), (at_one, at_two), which, nth)
    rough = 0.12 * (candles.high - candles.low)[which] * dice.standard_normal(len(nth))
    price = np.rint(np.clip(line + rough, candles.low[which], candles.high[which])).astype(np.int64)
    first = np.cumsum(count) - count
    _pin(price, first, candles.open, count >= 1)
    _pin(price, first + count - 1, candles.close, count >= 1)
    lone = np.where(candles.high > np.maximum(candles.open, candles.close), candles.high, candles.low)
    _pin(price, first + 1, lone, count == 3)
    _pin(price, first + at_one, one, count >= 4)
    _pin(price, first + at_two, two, count >= 4)
    return price


def _turns(count: Ints, dice: np.random.Generator) -> tuple[Ints, Ints]:
    """Indexes of the prints at the first and the second extreme: 1 <= one < two <= count - 2 if possible."""
    inner = np.maximum(count - 2, 2)
    one = 1 + (dice.random(len(count)) * (inner - 1)).astype(np.int64)
    two = one + 1 + (dice.random(len(count)) * (inner - one)).astype(np.int64)
    return one, np.minimum(two, inner)


def _through(candles: Candles, extremes: tuple[Ints, Ints], turns: tuple[Ints, Ints], which: Ints, nth: Ints) -> Floats:
    """The piecewise linear curve open - extreme - extreme - close at each print."""
    one, two = extremes[0][which], extremes[1][which]
    at_one, at_two = turns[0][which], turns[1][which]
    last = np.maximum(candles.prints[which] - 1, at_two + 1)
    open_, close = candles.open[which], candles.close[which]
    rise = open_ + (one - open_) * (nth / at_one)
    middle = one + (two - one) * ((nth - at_one) / (at_two - at_one))
    end = two + (close - two) * ((nth - at_two) / (last - at_two))
    return np.where(nth <= at_one, rise, np.where(nth <= at_two, middle, end))


def _pin(price: Ints, where: Ints, to: Ints, when: npt.NDArray[np.bool_]) -> None:
    price[where[when]] = to[when]


def _sides(price: Ints, before: int, dice: np.random.Generator) -> npt.NDArray[np.bool_]:
    """The taker side: buyers where the price rose, sellers where it fell, either where it did not move."""
    move = np.diff(price, prepend=before)
    return np.where(move == 0, dice.random(len(price)) < 0.5, move > 0)


def _quantities(candles: Candles, which: Ints, nth: Ints, dice: np.random.Generator) -> Ints:
    """Uneven sizes of at least one lot that sum to each candle's volume exactly."""
    weight = dice.standard_exponential(len(which)) + 0.05
    total = np.bincount(which, weights=weight, minlength=len(candles.prints))
    spare = (candles.volume - candles.prints)[which]
    lots = 1 + np.floor(spare * (weight / total[which])).astype(np.int64)
    given = np.zeros(len(candles.prints), dtype=np.int64)
    np.add.at(given, which, lots)
    lots[nth == 0] += (candles.volume - given)[candles.prints > 0]
    return lots
