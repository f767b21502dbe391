"""Candles and values to test the rule with, and the rule written a second time from its description.

The second writing is slow, scalar and shares nothing with the first: lists, plain recursions, no TA-Lib.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from bot.domain.candles import Candle, Candles, Series
from bot.strategy.exits import Trade
from bot.strategy.rule import Reading

FIVE_MINUTES = 300_000
MIDNIGHT = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def candles_of(rows: list[Candle], timeframe_ms: int = FIVE_MINUTES) -> Candles:
    return Candles.of(timeframe_ms, rows)


def walk(seed: int, count: int, start: int = MIDNIGHT) -> Candles:
    """A random walk with slow waves, so that trends come and go; prices in cents."""
    rng = np.random.default_rng(seed)
    drift = 0.0006 * np.sin(np.arange(count) / 40.0)
    close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.002, count) + drift)), 2)
    opening = np.concatenate(([100.0], close[:-1]))
    high = np.round(np.maximum(opening, close) * (1.0 + np.abs(rng.normal(0.0, 0.001, count))), 2)
    low = np.round(np.minimum(opening, close) * (1.0 - np.abs(rng.normal(0.0, 0.001, count))), 2)
    high, low = np.maximum(high, np.maximum(opening, close)), np.minimum(low, np.minimum(opening, close))
    volume = np.round(rng.lognormal(3.0, 0.5, count), 3)
    time = start + FIVE_MINUTES * np.arange(count, dtype=np.int64)
    return Candles(FIVE_MINUTES, time, opening, high, low, close, volume)


def mirrored(candles: Candles, around: float) -> Candles:
    """The same market upside down: what was a long case is now the short one."""

    def flip(prices: Series) -> Series:
        return 2.0 * around - prices

    return Candles(
        candles.timeframe_ms,
        candles.time,
        flip(candles.open),
        flip(candles.low),
        flip(candles.high),
        flip(candles.close),
        candles.volume,
    )


#: A candle on which a long scores 5 of 5 and nothing objects.
LONG_READING = Reading(
    open=100.1,
    high=100.6,
    low=100.0,
    close=100.5,
    volume=120.0,
    ema_fast=100.4,
    ema_middle=100.3,
    ema_slow=99.0,
    rsi=55.0,
    atr=0.8,
    adx=27.0,
    histogram=0.2,
    vwap=99.8,
    swing_low=99.2,
    swing_high=101.0,
    volume_2=110.0,
    volume_5=100.0,
    volume_20=100.0,
    last_open=100.4,
    last_close=100.1,
    last_histogram=0.1,
)


def flipped(reading: Reading) -> Reading:
    """The short case of a long reading, mirrored at its close."""

    def flip(price: float) -> float:
        return 2.0 * reading.close - price

    return reading._replace(
        open=flip(reading.open),
        high=flip(reading.low),
        low=flip(reading.high),
        ema_fast=flip(reading.ema_fast),
        ema_middle=flip(reading.ema_middle),
        ema_slow=flip(reading.ema_slow),
        rsi=100.0 - reading.rsi,
        histogram=-reading.histogram,
        vwap=flip(reading.vwap),
        swing_low=flip(reading.swing_high),
        swing_high=flip(reading.swing_low),
        last_open=flip(reading.last_open),
        last_close=flip(reading.last_close),
        last_histogram=-reading.last_histogram,
    )


#: Bought 100 lots at 100 with R = 2 and a fee of 0.1 %; legs of 50, 25 and 25 lots at 102, 104 and 106.
LONG_TRADE = Trade(
    side=1,
    entry=100.0,
    stop=98.0,
    r=2.0,
    breakeven=100.0 * 1.001 / 0.999,
    initial=100,
    held=100,
    smallest=10,
    stage=0,
)
SHORT_TRADE = LONG_TRADE._replace(side=-1, stop=102.0, breakeven=100.0 * 0.999 / 1.001)


class Expected(NamedTuple):
    """What the second writing of the rule says."""

    side: int
    score: int
    stop: float
    momentum: float


def ema(values: list[float], period: int) -> list[float]:
    result = [values[0]]
    for value in values[1:]:
        result.append(result[-1] + 2.0 / (period + 1) * (value - result[-1]))
    return result


def wilder(values: list[float], period: int) -> list[float]:
    result = [values[0]]
    for value in values[1:]:
        result.append(result[-1] + (value - result[-1]) / period)
    return result


def rsi(close: list[float], period: int) -> list[float]:
    moves = [0.0] + [b - a for a, b in pairwise(close)]
    gains = wilder([max(move, 0.0) for move in moves], period)
    losses = wilder([max(-move, 0.0) for move in moves], period)
    return [100.0 * g / (g + loss) if g + loss else 0.0 for g, loss in zip(gains, losses, strict=True)]


def true_range(candles: Candles) -> list[float]:
    rows = [candles.candle(i) for i in range(len(candles))]
    ranges = [rows[0].high - rows[0].low]
    for last, row in pairwise(rows):
        ranges.append(max(row.high, last.close) - min(row.low, last.close))
    return ranges


def adx(candles: Candles, period: int) -> list[float]:
    rows = [candles.candle(i) for i in range(len(candles))]
    up, down = [0.0], [0.0]
    for last, row in pairwise(rows):
        rise, fall = row.high - last.high, last.low - row.low
        up.append(rise if rise > fall and rise > 0 else 0.0)
        down.append(fall if fall > rise and fall > 0 else 0.0)
    span, plus, minus = (wilder(values, period) for values in (true_range(candles), up, down))
    index = []
    for s, p, m in zip(span, plus, minus, strict=True):
        index.append(100.0 * abs(p / s - m / s) / (p / s + m / s) if p + m else 0.0)
    return wilder(index, period)


def histogram(close: list[float]) -> list[float]:
    macd = [a - b for a, b in zip(ema(close, 12), ema(close, 26), strict=True)]
    return [value - signal for value, signal in zip(macd, ema(macd, 9), strict=True)]


def vwap(candles: Candles) -> list[float]:
    result, worth, volume, day = [], 0.0, 0.0, -1
    for row in (candles.candle(i) for i in range(len(candles))):
        if row.time // 86_400_000 != day:
            day, worth, volume = row.time // 86_400_000, 0.0, 0.0
        worth += (row.high + row.low + row.close) / 3.0 * row.volume
        volume += row.volume
        result.append(worth / volume if volume else math.nan)
    return result


class SecondWriting:
    """The rule from its description, candle by candle."""

    def __init__(self, candles: Candles) -> None:
        self.rows = [candles.candle(i) for i in range(len(candles))]
        close = [row.close for row in self.rows]
        self.e9, self.e21, self.e50 = ema(close, 9), ema(close, 21), ema(close, 50)
        self.rsi, self.adx = rsi(close, 14), adx(candles, 14)
        self.atr, self.hist, self.vwap = wilder(true_range(candles), 14), histogram(close), vwap(candles)

    def decide(self, i: int) -> Expected:
        """Long or short of row `i`; the short case is decided on the mirrored market by its caller."""
        row, last = self.rows[i], self.rows[i - 1]
        long = row.close > self.vwap[i] and self.e9[i] > self.e21[i] > self.e50[i] and self.hist[i] > 0
        short = row.close < self.vwap[i] and self.e9[i] < self.e21[i] < self.e50[i] and self.hist[i] < 0
        if not (long or short):
            return Expected(0, 0, math.nan, 0.0)
        score = sum(
            (
                abs(row.close - self.e21[i]) <= 0.005 * row.close or abs(row.close - self.vwap[i]) <= 0.005 * row.close,
                30 <= self.rsi[i] <= 70 and (row.close > last.close if long else row.close < last.close),
                bullish(last, row) if long else bearish(last, row),
                self.hist[i] > self.hist[i - 1] if long else self.hist[i] < self.hist[i - 1],
                row.volume >= 0.6 * self.mean_volume(i, 2),
            )
        )
        blocked = (
            self.adx[i] < 20 or row.volume <= 0.5 * self.mean_volume(i, 5) or row.volume < 0.3 * self.mean_volume(i, 20)
        )
        lows, highs = (min(r.low for r in self.rows[i - 9 : i + 1]), max(r.high for r in self.rows[i - 9 : i + 1]))
        stop = lows - 0.5 * self.atr[i] if long else highs + 0.5 * self.atr[i]
        momentum = (
            0.4 * min(self.adx[i], 50) / 50
            + 0.3 * min(abs(self.hist[i]) / self.atr[i], 1)
            + 0.3 * min(row.volume / self.mean_volume(i, 20), 2) / 2
        )
        side = (1 if long else -1) if score >= 3 and not blocked else 0
        return Expected(side, score, stop, momentum)

    def mean_volume(self, i: int, count: int) -> float:
        return sum(row.volume for row in self.rows[i - count + 1 : i + 1]) / count


def bullish(last: Candle, row: Candle) -> bool:
    engulfs = last.close < last.open and row.open <= last.close and row.close >= last.open and row.close > row.open
    body, bottom, top = abs(row.close - row.open), min(row.open, row.close), max(row.open, row.close)
    return engulfs or (body > 0 and bottom - row.low >= 2 * body and row.high - top <= 0.5 * body)


def bearish(last: Candle, row: Candle) -> bool:
    engulfs = last.close > last.open and row.open >= last.close and row.close <= last.open and row.close < row.open
    body, bottom, top = abs(row.close - row.open), min(row.open, row.close), max(row.open, row.close)
    return engulfs or (body > 0 and row.high - top >= 2 * body and bottom - row.low <= 0.5 * body)
