"""What a coin's day is like: trends, volatility, busy and quiet hours, minute by minute.

Owns the regimes. Each coin goes through cycles of rise, rest, fall and rest; the cycles of different coins are
staggered, so that some coin is nearly always in an up-trend. Never looks at prices that came out of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bot.sandbox.market.noise import Floats, draws, key, mixed, wave

MINUTES = 1440
CYCLE = 480
"""Minutes of one cycle of a coin's trend; divides the day."""
SLOTS = 7
SCALES = ((1440, 0.22), (360, 0.20), (90, 0.20), (30, 0.18), (10, 0.20))
"""Minutes between the knots of each wave of volatility, and its height in log units."""


class Weather(NamedTuple):
    """One day of a coin: log price of its trend (from 0), volatility as a factor, turnover as a weight."""

    trend: Floats
    vol: Floats
    busy: Floats


class Climate:
    """The weather of one coin under one seed."""

    def __init__(self, seed: int, coin: str, slot: int) -> None:
        self._vol = key(seed, coin, "vol")
        self._market = key(seed, "market", "vol")
        self._cycles = key(seed, coin, "cycles")
        turn = mixed(key(seed, "stagger"), 0)
        self._offset = CYCLE * (((slot * (1 + turn % 6) + turn // 64) % SLOTS) / SLOTS)

    def of(self, day: int) -> Weather:
        """The weather of a day (days since 1970-01-01 UTC)."""
        log_vol = 0.75 * waves(self._vol, day) + 0.65 * waves(self._market, day) - 0.12
        hours = daily_pattern()
        return Weather(self._trend(day), np.exp(log_vol) * hours**0.4, np.exp(0.9 * log_vol) * hours)

    def _trend(self, day: int) -> Floats:
        """The cycles that touch this day, joined to one broken line in log price, zero at the day's start."""
        start = day * MINUTES
        first = (start - int(self._offset)) // CYCLE - 1
        times: list[float] = []
        slopes: list[float] = []
        for cycle in range(first, first + MINUTES // CYCLE + 3):
            for at, slope in self._phases(cycle):
                times.append(at - start)
                slopes.append(slope)
        levels = np.concatenate(([0.0], np.cumsum(np.diff(times) * slopes[:-1])))
        line = np.interp(np.arange(MINUTES + 1), times, levels)
        return line[1:] - line[0]

    def _phases(self, cycle: int) -> list[tuple[float, float]]:
        """(start minute, drift per minute) of rise, rest, fall, rest of one cycle."""
        dice = draws(self._cycles, cycle)
        jitter, up, top, down = dice.uniform(-1, 1, 4)
        force = np.exp(0.2 * dice.standard_normal(2))
        begin = cycle * CYCLE + self._offset + 30 * jitter
        rise = 230 + 40 * up
        rest = 50 + 20 * top
        fall = 130 + 30 * down
        return [
            (begin, 1.0 * force[0]),
            (begin + rise, 0.0),
            (begin + rise + rest, -1.0 * force[1]),
            (begin + rise + rest + fall, 0.0),
        ]


def waves(key_: int, day: int) -> Floats:
    """Sum of the waves of all scales over a day; continuous from one day to the next."""
    here, there = edges(key_, day), edges(key_, day + 1)
    dice = draws(key_, day)
    total = np.zeros(MINUTES)
    for (period, height), a, b in zip(SCALES, here, there, strict=True):
        knots = dice.standard_normal(MINUTES // period - 1)
        total += height * wave((a, b), knots, MINUTES)
    return total


def edges(key_: int, day: int) -> Floats:
    """Where each wave stands at the start of a day."""
    return draws(key_ ^ 0x5EED, day).standard_normal(len(SCALES))


def daily_pattern() -> Floats:
    """How busy each minute of a UTC day is, mean about 1: a trough near 03:00-05:00, a peak near 14:00-16:00."""
    hour = np.arange(MINUTES) / 60
    return 1.0 - 0.28 * np.cos((hour - 3.5) / 24 * 2 * np.pi) + 0.22 * np.exp(-(((hour - 14.5) / 1.8) ** 2))
