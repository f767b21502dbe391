"""The price of a coin in USD by minute. Any day can be computed on its own.

The level at each midnight is a sum of slow waves; the day between two midnights is trend plus noise, tilted to meet
both. Knows nothing of symbols, ticks or trades.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from bot.sandbox.market.coins import Coin
from bot.sandbox.market.noise import Floats, bell, draws, key
from bot.sandbox.market.weather import MINUTES, Climate

LEVEL_SCALES = (8, 16, 32, 64, 128)
"""Periods (days) of the slow waves that move the price away from its usual level."""
DRIFT = 0.266
"""Strength of trends, in units of a minute's typical move."""
REVERTING = 0.985
"""Share of the noise that reverts to the trend."""
MEMORY = 6
"""Minutes after which that share has reverted."""
WICK = 1.2
"""Reach of a minute's high and low, relative to a random walk."""
FLURRIES, FLURRY, CALM_DOWN = 2.0, 2.5, 25
"""Volatility bursts: number per day, size relative to the usual volatility, and decay in minutes."""
GAPS, GAP, GAPS_DOWN = 0.4, 13.0, 0.9
"""Lasting sudden moves: number per day, size in a minute's typical moves, and the share of falls."""


class CoinDay(NamedTuple):
    """1440 minutes of a coin: log prices, and each minute's weight in the day's turnover (mean 1)."""

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
        self._minute = coin.vol / math.sqrt(5.0)
        self.day = lru_cache(4)(self._day)

    def _day(self, day: int) -> CoinDay:
        """All minutes of a day (days since 1970-01-01 UTC)."""
        start, end = self._level_at(day), self._level_at(day + 1)
        weather = self._climate.of(day)
        dice = draws(self._noise, day)
        flurries = _flurries(dice)
        sigma = self._minute * weather.vol * (1.0 + flurries)
        walk = _walk(dice, sigma)
        tilt = (end - start - walk[-1]) * np.arange(1, MINUTES + 1) / MINUTES
        close = start + walk + tilt + DRIFT * self._minute * weather.trend
        open_ = np.concatenate(([start + DRIFT * self._minute * self._climate.trend_at(day * MINUTES)], close[:-1]))
        surprise = np.abs(close - open_) / self._minute
        busy = weather.busy * (1.0 + flurries) * (0.35 + surprise) * np.exp(0.25 * dice.standard_normal(MINUTES))
        high, low = _wicks(dice, open_, close, sigma)
        return CoinDay(open_, high, low, close, busy / busy.mean())

    def _level_at(self, day: int) -> float:
        """Log price at a midnight without the trend: waves of two days to two months around the coin's usual price."""
        total = math.log(self._coin.price)
        for scale in LEVEL_SCALES:
            block, inside = divmod(day, scale)
            left, right = (bell(self._level ^ (scale << 8), at) for at in (block, block + 1))
            total += 0.5 * self._coin.wander * math.sqrt(scale) * (left + (right - left) * inside / scale)
        return total


def _walk(dice: np.random.Generator, sigma: Floats) -> Floats:
    """Noise as a log price from 0: one part is a random walk, the other reverts to its recent mean."""
    free, back = (np.cumsum(sigma * _fat(dice)) for _ in range(2))
    gaps = np.cumsum(sigma * _gaps(dice))
    return math.sqrt(1 - REVERTING) * free + math.sqrt(REVERTING) * (back - _recent_mean(back)) + gaps


def _gaps(dice: np.random.Generator) -> Floats:
    """Lasting sudden moves, about GAPS per day, most of them down."""
    size = GAP * (dice.standard_exponential(MINUTES) * 0.5 + 0.5)
    side = np.where(dice.random(MINUTES) < GAPS_DOWN, -1.0, 1.0)
    return np.where(dice.random(MINUTES) < GAPS / MINUTES, side * size, 0.0)


def _flurries(dice: np.random.Generator) -> Floats:
    """Extra volatility: sudden bursts that decay slowly."""
    bursts = np.where(dice.random(MINUTES) < FLURRIES / MINUTES, FLURRY * dice.standard_exponential(MINUTES), 0.0)
    echo = np.exp(-np.arange(6 * CALM_DOWN) / CALM_DOWN)
    return np.convolve(bursts, echo)[:MINUTES]


def _fat(dice: np.random.Generator) -> Floats:
    """Shocks with variance 1 and fat tails."""
    return dice.standard_normal(MINUTES) * np.exp(0.4 * dice.standard_normal(MINUTES) - 0.16)


def _recent_mean(walk: Floats) -> Floats:
    """Mean of the last MEMORY minutes, or of fewer at the start of the day."""
    total = np.concatenate(([0.0], np.cumsum(walk)))
    upto = np.arange(1, MINUTES + 1)
    since = np.maximum(upto - MEMORY, 0)
    mean: Floats = (total[upto] - total[since]) / (upto - since)
    return mean


def _wicks(dice: np.random.Generator, open_: Floats, close: Floats, sigma: Floats) -> tuple[Floats, Floats]:
    """High and low of a Brownian bridge from open to close, drawn by inverting the distribution of its extremes."""
    move = close - open_
    noise = -2.0 * (WICK * sigma) ** 2
    up = np.sqrt(move**2 + noise * np.log(dice.random(MINUTES)))
    down = np.sqrt(move**2 + noise * np.log(dice.random(MINUTES)))
    return open_ + (move + up) / 2, open_ + (move - down) / 2
