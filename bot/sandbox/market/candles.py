"""Candles in whole ticks and lots, and the source of generated candles.

Owns the column arithmetic. Prices are counts of ticks and quantities counts of lots, so that sums are exact.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple, Protocol

import numpy as np

from bot.sandbox.market.coins import Listing
from bot.sandbox.market.noise import Floats, Ints, bell, draws, key, uniforms, wave
from bot.sandbox.market.path import CoinDay, CoinPath
from bot.sandbox.market.weather import MINUTES

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


class Candles(NamedTuple):
    """Consecutive candles, one column each; `first_id` is the id of the first trade in them."""

    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    prints: Ints
    first_id: int

    def part(self, lo: int, hi: int) -> Candles:
        """The candles lo..hi-1."""
        first_id = self.first_id + int(self.prints[:lo].sum())
        open_, high, low, close, volume, prints = (column[lo:hi] for column in self[:6])
        return Candles(open_, high, low, close, volume, prints, first_id)


class CandleSource(Protocol):
    """The source of one symbol's candles: generated or replayed."""

    @property
    def step_ms(self) -> int:
        """Length of its candles, a divisor of a day."""

    @property
    def first_ms(self) -> int:
        """Open time of the first candle."""

    @property
    def end_ms(self) -> int | None:
        """Close time of the last candle; None if there is no end."""

    def day(self, day: int) -> Candles:
        """All candles of a UTC day; flat and empty without trades."""


class GeneratedCandles:
    """One-minute candles of one symbol, made from its coin's path."""

    step_ms = MINUTE_MS
    end_ms = None

    def __init__(self, seed: int, listing: Listing, tick: Decimal, path: CoinPath, first_day: int) -> None:
        self.first_ms = first_day * DAY_MS
        self._listing = listing
        self._log_tick = np.log(float(tick))
        self._path = path
        self._first_day = first_day
        self._key = key(seed, listing.symbol)

    def day(self, day: int) -> Candles:
        """Candles of a UTC day."""
        coin = self._path.day(day)
        prints = _spread_prints(int(self._prints(np.array([day]))[0]), coin.busy)
        before = self._prints(np.arange(self._first_day, day)).sum()
        open_, high, low, close = self._ticks(coin, day)
        return settled(open_, high, low, close, self._volume(coin, day, prints), prints, 1 + int(before))

    def _prints(self, days: Ints) -> Ints:
        """Number of trades per day."""
        busy = np.exp(0.5 * (uniforms(self._key, days) - 0.5))
        return (self._listing.prints * busy).astype(np.int64)

    def _ticks(self, coin: CoinDay, day: int) -> tuple[Ints, ...]:
        """The coin's path in this symbol's ticks, shifted by its basis."""
        basis = self._basis(day) if self._listing.basis else 0.0
        return tuple(
            np.maximum(np.rint(np.exp(column + basis - self._log_tick)), 1).astype(np.int64) for column in coin[:4]
        )

    def _basis(self, day: int) -> Floats:
        """The symbol's deviation from its coin's USD price, in log units; continuous over midnight."""
        ends = bell(self._key ^ 1, day), bell(self._key ^ 1, day + 1)
        knots = draws(self._key ^ 1, day).standard_normal(MINUTES // 30 - 1)
        return self._listing.basis * 1e-4 * wave(ends, knots, MINUTES)

    def _volume(self, coin: CoinDay, day: int, prints: Ints) -> Ints:
        """Distributes the day's turnover over its minutes, at least one lot per trade."""
        price = float(np.exp(coin.open[0]))
        size = self._listing.turnover / MINUTES / price / float(self._listing.lot)
        lots = np.rint(size * coin.busy * np.exp(0.6 * (uniforms(self._key ^ 2, np.array([day])) - 0.5)))
        return np.where(prints > 0, np.maximum(lots.astype(np.int64), prints), 0)


def _spread_prints(total: int, busy: Floats) -> Ints:
    """Distributes a day's trades over its minutes by their activity; the first minute always has one."""
    weight = np.cumsum(busy**0.7)
    upto = np.floor(weight * ((total - 1) / weight[-1]) + 1e-9).astype(np.int64)
    upto[-1] = total - 1
    prints: Ints = np.diff(upto, prepend=0)
    prints[0] += 1
    return prints


def settled(open_: Ints, high: Ints, low: Ints, close: Ints, volume: Ints, prints: Ints, first_id: int) -> Candles:
    """Adjusts each candle to what its number of trades can print: none, one, two, three or more."""
    traded = np.maximum.accumulate(np.where(prints > 0, np.arange(len(prints)), 0))
    close = close[traded]
    open_ = np.where(prints >= 2, open_, close)
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    high, low = np.maximum(high, top), np.minimum(low, bottom)
    upper = (prints >= 4) | ((prints == 3) & (high - top >= bottom - low))
    lower = (prints >= 4) | ((prints == 3) & (high - top < bottom - low))
    return Candles(open_, np.where(upper, high, top), np.where(lower, low, bottom), close, volume, prints, first_id)
