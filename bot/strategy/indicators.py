"""Indicators: computes the columns that a decision reads from candles.

Computes each indicator over whole columns, identically for one live decision and for years of history. A value that cannot be
known yet is NaN, which no condition of the strategy accepts. It decides nothing.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import talib

from bot.domain.candles import Candles, Series
from bot.strategy.params import ApexParams

DAY_MS = 86_400_000


class Indicators(NamedTuple):
    """Columns of equal length, one row per candle. `volume_2` is the mean of the last two volumes."""

    open: Series
    high: Series
    low: Series
    close: Series
    volume: Series
    ema_fast: Series
    ema_middle: Series
    ema_slow: Series
    rsi: Series
    atr: Series
    adx: Series
    histogram: Series
    vwap: Series
    swing_low: Series
    swing_high: Series
    volume_2: Series
    volume_5: Series
    volume_20: Series


def indicators(candles: Candles, params: ApexParams) -> Indicators:
    """All indicators of the strategy. Recursive ones need about 500 candles until their start no longer matters."""
    high, low, close, volume = candles.high, candles.low, candles.close, candles.volume
    return Indicators(
        open=candles.open,
        high=high,
        low=low,
        close=close,
        volume=volume,
        ema_fast=talib.EMA(close, params.ema_fast),
        ema_middle=talib.EMA(close, params.ema_middle),
        ema_slow=talib.EMA(close, params.ema_slow),
        rsi=talib.RSI(close, params.rsi_period),
        atr=talib.ATR(high, low, close, params.atr_period),
        adx=talib.ADX(high, low, close, params.adx_period),
        histogram=talib.MACD(close, params.macd_fast, params.macd_slow, params.macd_signal)[2],
        vwap=vwap(candles),
        swing_low=talib.MIN(low, params.swing),
        swing_high=talib.MAX(high, params.swing),
        volume_2=mean_of_last(volume, 2),
        volume_5=mean_of_last(volume, 5),
        volume_20=mean_of_last(volume, 20),
    )


def vwap(candles: Candles) -> Series:
    """Typical price (H+L+C)/3 weighted by volume since 00:00 UTC, the current candle included.

    NaN on a first day whose beginning is not among the candles, and until the first trade of a day. Each day is summed from its
    own midnight, so that a short window gives bit-identical results to a long one.
    """
    result = np.full(len(candles), np.nan)
    worth = (candles.high + candles.low + candles.close) / 3.0 * candles.volume
    for start, end in _whole_days(candles):
        volume = np.cumsum(candles.volume[start:end])
        np.divide(np.cumsum(worth[start:end]), volume, out=result[start:end], where=volume > 0.0)
    return result


def mean_of_last(values: Series, count: int) -> Series:
    """Mean of the last `count` values, the current one included; NaN before there are as many.

    Each row is summed separately: a running sum would accumulate rounding errors from before the window.
    """
    result = np.full(len(values), np.nan)
    if len(values) >= count:
        total = values[count - 1 :].copy()
        for back in range(1, count):
            total += values[count - 1 - back : len(values) - back]
        result[count - 1 :] = total / count
    return result


def _whole_days(candles: Candles) -> list[tuple[int, int]]:
    """Row spans of the UTC days whose midnight is among the candles; the last day may be incomplete."""
    if len(candles) == 0:
        return []
    turns = np.flatnonzero(np.diff(candles.time // DAY_MS)) + 1
    bounds = [0, *(int(turn) for turn in turns), len(candles)]
    begins_at_midnight = int(candles.time[0]) % DAY_MS == 0
    spans = list(pairwise(bounds))
    return spans if begins_at_midnight else spans[1:]
