"""The price of a coin in USD, minute by minute, one day at a time and any day at once.

Owns the generated path: the level at each midnight is a sum of slow waves, the day between two midnights is
trend plus noise, tilted so that it meets both. Knows nothing of symbols, ticks or trades.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bot.sandbox.market.coins import Coin
from bot.sandbox.market.noise import Floats, Ints, bells, draws, key
from bot.sandbox.market.weather import MINUTES, Climate

LEVEL_SCALES = (1, 2, 4, 8, 16, 32, 64)
REVERTING = 0.6
"""Share of the noise that does not wander off but returns to the trend: the pull-backs."""
MEMORY = 45
"""Minutes after which that share has forgotten where it was."""
DRIFT = 0.18
"""Strength of the trends, in units of the minute's typical move."""


class CoinDay(NamedTuple):
    """1440 minutes of a coin: log prices, each minute's weight in the day's turnover, mean 1."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    busy: Floats


class CoinPath:
    """A coin's generated price under one seed. Pure: the same day is always the same."""

    def __init__(self, seed: int, coin: Coin) -> None:
        self._coin = coin
        self._climate = Climate(seed, coin.name, coin.slot)
        self._level = key(seed, coin.name, "level")
        self._noise = key(seed, coin.name, "noise")
        self._minute = coin.vol / np.sqrt(5.0)

    def day(self, day: int) -> CoinDay:
        """All minutes of a day (days since 1970-01-01 UTC)."""
        start, end = self._levels(np.array([day, day + 1]))
        weather = self._climate.of(day)
        dice = draws(self._noise, day)
        sigma = self._minute * weather.vol
        walk = self._walk(dice, sigma) + DRIFT * self._minute * weather.trend
        close = start + walk + (end - start - walk[-1]) * np.arange(1, MINUTES + 1) / MINUTES
        open_ = np.concatenate(([start], close[:-1]))
        surprise = np.abs(close - open_) / self._minute
        busy = weather.busy * (0.35 + surprise) * np.exp(0.35 * dice.standard_normal(MINUTES))
        high, low = _wicks(dice, open_, close, sigma)
        return CoinDay(open_, high, low, close, busy / busy.mean())

    def _levels(self, days: Ints) -> Floats:
        """Log price at midnight."""
        total = np.full(days.shape, np.log(self._coin.price))
        for scale in LEVEL_SCALES:
            block, inside = np.divmod(days, scale)
            left, right = bells(self._level ^ (scale << 8), block), bells(self._level ^ (scale << 8), block + 1)
            total += self._coin.wander * 0.6 * np.sqrt(scale) * (left + (right - left) * inside / scale)
        return total

    def _walk(self, dice: np.random.Generator, sigma: Floats) -> Floats:
        """Noise as a log price from 0: one part walks freely, the other returns to its own recent mean."""
        free, back = (np.cumsum(sigma * _fat(dice)) for _ in range(2))
        return np.sqrt(1 - REVERTING) * free + np.sqrt(REVERTING) * (back - _recent_mean(back))


def _fat(dice: np.random.Generator) -> Floats:
    """Fat-tailed shocks with variance 1: normals of uneven size and, about once a day, a real blow."""
    shocks = dice.standard_normal(MINUTES) * np.exp(0.4 * dice.standard_normal(MINUTES) - 0.16)
    blow = dice.random(MINUTES) < 0.7 / MINUTES
    return np.where(blow, shocks * 5.0, shocks)


def _recent_mean(walk: Floats) -> Floats:
    """Mean of the last MEMORY minutes, of fewer at the day's start."""
    total = np.concatenate(([0.0], np.cumsum(walk)))
    upto = np.arange(1, MINUTES + 1)
    since = np.maximum(upto - MEMORY, 0)
    return (total[upto] - total[since]) / (upto - since)


def _wicks(dice: np.random.Generator, open_: Floats, close: Floats, sigma: Floats) -> tuple[Floats, Floats]:
    """High and low of a Brownian bridge from open to close: the law of its extremes, drawn by inversion."""
    move = close - open_
    noise = -2.0 * (0.9 * sigma) ** 2
    up = np.sqrt(move**2 + noise * np.log(dice.random(MINUTES)))
    down = np.sqrt(move**2 + noise * np.log(dice.random(MINUTES)))
    return open_ + (move + up) / 2, open_ + (move - down) / 2
