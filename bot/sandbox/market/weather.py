"""The conditions of a coin's day by minute: trend, volatility, busy and quiet hours.

Each coin goes through cycles of rise, rest, fall and rest. The cycles of different coins are staggered, so that some
coin is nearly always in an uptrend. Never reads the resulting prices.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from bot.sandbox.market.noise import Floats, Ints, bell, draws, key, mixed, wave

MINUTES = 1440
CYCLE = 1500
"""Length of one cycle of a coin's trend, in minutes."""
SLOTS = 7
"""Number of coins whose cycles are spread evenly; further coins start half-way between."""
RISE, REST, FALL = 1110, 10, 355
"""Lengths of the parts of a cycle in minutes; the remainder is a rest at the bottom."""
SPAN, JITTER, FORCE = 0.05, 12, 0.08
"""Variation of cycles: fraction of each length, minutes of the start, log height."""
DRIVE, PULLBACK = (24, 38), (15, 27)
"""Lengths of the legs with and against the trend, in minutes."""
BACK, BACK_FALLING = 0.5, 0.15
"""Slope of a pullback relative to a drive, in a rise and in a fall."""
OWN, COMMON = 0.4, 0.06
"""Amplitude of a coin's own volatility waves and of those shared by all coins."""
SCALES = ((1440, 0.14), (360, 0.16), (90, 0.22), (30, 0.24), (10, 0.30))
"""Minutes between the knots of each volatility wave, and its weight."""
GRIND = 0.006
"""How much turnover drops as a trend rises: sell-offs are busy, rises are quiet."""


class Weather(NamedTuple):
    """One day of a coin: log price of the trend, volatility as a factor, turnover as a weight."""

    trend: Floats
    vol: Floats
    busy: Floats


class Climate:
    """The conditions of one coin under one seed."""

    def __init__(self, seed: int, coin: str, slot: int) -> None:
        self._vol = key(seed, coin, "vol")
        self._market = key(seed, "market", "vol")
        self._hours = daily_pattern()
        self._cycles = key(seed, coin, "cycles")
        self._cycle = lru_cache(16)(self._make_cycle)
        turn = mixed(key(seed, "stagger"), 0)
        place = (slot * (1 + turn % 6) + turn // 64) % SLOTS + (0.5 if slot >= SLOTS else 0.0)
        self._offset = CYCLE * place / SLOTS

    def of(self, day: int) -> Weather:
        """The conditions of a day (days since 1970-01-01 UTC)."""
        log_vol = OWN * waves(self._vol, day, SCALES) + COMMON * waves(self._market, day, SCALES[:3]) - 0.12
        trend = self._line(day * MINUTES + np.arange(1, MINUTES + 1))
        return Weather(trend, np.exp(log_vol) * self._hours**0.15, np.exp(0.9 * log_vol - GRIND * trend) * self._hours)

    def trend_at(self, minute: int) -> float:
        """Log price of the trend at a minute since 1970."""
        return float(self._line(np.array([minute]))[0])

    def _line(self, minutes: Ints) -> Floats:
        """The cycles that overlap some minutes, joined into one piecewise linear curve in log price."""
        first = int((minutes[0] - self._offset) // CYCLE) - 1
        last = int((minutes[-1] - self._offset) // CYCLE) + 1
        knots = np.concatenate([self._cycle(cycle) for cycle in range(first, last + 1)])
        line: Floats = np.interp(minutes, knots[:, 0], knots[:, 1])
        return line

    def _make_cycle(self, cycle: int) -> Floats:
        """(minute, level) of every turn of one cycle: up from 0 in drives and pullbacks, a rest, and down again."""
        dice = draws(self._cycles, cycle)
        begin = cycle * CYCLE + self._offset + JITTER * dice.uniform(-1, 1)
        spans = np.array([RISE, REST, FALL]) * dice.uniform(1 - SPAN, 1 + SPAN, 3)
        rise, rest, fall = spans * min(1.0, (CYCLE - 2 * JITTER) / spans.sum())
        up = _legs(dice, rise, BACK) * (1.0, math.exp(FORCE * dice.standard_normal()))
        down = _legs(dice, fall, BACK_FALLING)
        top = float(up[-1, 1])
        down = down * (1.0, -top / down[-1, 1]) + (rise + rest, top)
        hill: Floats = np.concatenate(([[0.0, 0.0]], up, [[rise + rest, top]], down))
        hill[:, 0] += begin
        return hill


def _legs(dice: np.random.Generator, length: float, back: float) -> Floats:
    """(minute, level) at the end of each leg of a trend: drives, with shorter and weaker pullbacks between them."""
    drives = max(1, round(length / (sum((*DRIVE, *PULLBACK)) / 2)))
    spans = dice.uniform((DRIVE[0], PULLBACK[0]), (DRIVE[1], PULLBACK[1]), (drives, 2)).ravel()[:-1]
    spans *= length / spans.sum()
    steps = spans * np.where(np.arange(len(spans)) % 2, -back, 1.0)
    return np.column_stack((np.cumsum(spans), np.cumsum(steps)))


def waves(key_: int, day: int, scales: tuple[tuple[int, float], ...]) -> Floats:
    """Sum of waves of several scales over a day; continuous from one day to the next."""
    dice = draws(key_, day)
    total = np.zeros(MINUTES)
    for scale, (period, height) in enumerate(scales):
        ends = bell(key_ ^ scale, day), bell(key_ ^ scale, day + 1)
        total += height * wave(ends, dice.standard_normal(MINUTES // period - 1), MINUTES)
    return total


def daily_pattern() -> Floats:
    """Activity of each minute of a UTC day, mean about 1: lowest near 03:00-05:00, highest near 14:00-16:00."""
    hour = np.arange(MINUTES) / 60
    return 1.0 - 0.28 * np.cos((hour - 3.5) / 24 * 2 * np.pi) + 0.22 * np.exp(-(((hour - 14.5) / 1.8) ** 2))
