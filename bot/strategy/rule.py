"""APEX: market filter, score, stop and size of an entry, and what a close means for a trade that is held.

Owns the decisions at a candle's close, as plain scalar functions over floats, ints and NamedTuples. Live calls
this text as it stands; the backtest compiles the very same text, so it holds no reductions, no powers and no
library calls. Never knows equity, exchange or clock. NaN passes no condition.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

from bot.strategy.base import Closed, Decided
from bot.strategy.exits import FLAT, LONG, SHORT, Trade, tighter
from bot.strategy.grid import towards
from bot.strategy.indicators import Indicators
from bot.strategy.params import ApexParams, Owner


class Why(IntEnum):
    """Why a candle leads to a trade, or what spoke against it first."""

    ENTER = 0
    NOT_READY = 1
    NO_TREND = 2
    WEAK_TREND = 3
    THIN_VOLUME = 4
    DRY_VOLUME = 5
    LOW_SCORE = 6


class Reading(NamedTuple):
    """One closed candle with its indicators, and what is needed of the candle before it (`last_`)."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    ema_fast: float
    ema_middle: float
    ema_slow: float
    rsi: float
    atr: float
    adx: float
    histogram: float
    vwap: float
    swing_low: float
    swing_high: float
    volume_2: float
    volume_5: float
    volume_20: float
    last_open: float
    last_close: float
    last_histogram: float


class Points(NamedTuple):
    """The five points of the score."""

    pullback: bool
    rsi: bool
    candle: bool
    histogram: bool
    volume: bool


class Signal(NamedTuple):
    """The decision of one close. `side` is 0 unless `why` is ENTER; `trend` is what the market filter saw."""

    side: int
    why: Why
    trend: int
    score: int
    points: Points
    stop: float
    momentum: float


def reading(columns: Indicators, row: int) -> Reading:
    """The row of one closed candle; `row` must have a candle before it."""
    return Reading(
        float(columns.open[row]),
        float(columns.high[row]),
        float(columns.low[row]),
        float(columns.close[row]),
        float(columns.volume[row]),
        float(columns.ema_fast[row]),
        float(columns.ema_middle[row]),
        float(columns.ema_slow[row]),
        float(columns.rsi[row]),
        float(columns.atr[row]),
        float(columns.adx[row]),
        float(columns.histogram[row]),
        float(columns.vwap[row]),
        float(columns.swing_low[row]),
        float(columns.swing_high[row]),
        float(columns.volume_2[row]),
        float(columns.volume_5[row]),
        float(columns.volume_20[row]),
        float(columns.open[row - 1]),
        float(columns.close[row - 1]),
        float(columns.histogram[row - 1]),
    )


def decided(columns: Indicators, row: int, params: ApexParams, owner: Owner) -> Decided:
    """The rule at the close of one row, in numbers."""
    now = reading(columns, row)
    signal = decide(now, params)
    pct = size_pct(now.adx, signal.score, params, owner) if signal.side != FLAT else 0.0
    return Decided(signal.side, signal.stop, math.nan, signal.momentum, float(signal.score), pct)


def decide(now: Reading, params: ApexParams) -> Signal:
    """The rule at one close. The stop and the momentum are given whenever a trend was seen, for the log."""
    if not ready(now):
        return nothing(Why.NOT_READY)
    side = trend(now)
    if side == FLAT:
        return nothing(Why.NO_TREND)
    found = points(now, side, params)
    total = score(found)
    why = blocked_by(now, total, params)
    entered = side if why == Why.ENTER else FLAT
    return Signal(entered, why, side, total, found, stop_price(now, side, params), momentum(now))


def nothing(why: Why) -> Signal:
    """No trend to speak of: no side, no points."""
    return Signal(FLAT, why, FLAT, 0, Points(False, False, False, False, False), math.nan, 0.0)


def ready(now: Reading) -> bool:
    """Whether every number is known: one NaN or infinity among them makes the sum one."""
    prices = now.open + now.high + now.low + now.close + now.last_open + now.last_close
    averages = now.ema_fast + now.ema_middle + now.ema_slow + now.vwap + now.swing_low + now.swing_high
    gauges = now.rsi + now.atr + now.adx + now.histogram + now.last_histogram
    volumes = now.volume + now.volume_2 + now.volume_5 + now.volume_20
    return math.isfinite(prices + averages + gauges + volumes)


def trend(now: Reading) -> int:
    """The side of the market: close beyond VWAP, the EMAs in order, the histogram with them."""
    if now.close > now.vwap and now.ema_fast > now.ema_middle > now.ema_slow and now.histogram > 0.0:
        return LONG
    if now.close < now.vwap and now.ema_fast < now.ema_middle < now.ema_slow and now.histogram < 0.0:
        return SHORT
    return FLAT


def blocked_by(now: Reading, total: int, params: ApexParams) -> Why:
    """What blocks an entry with the trend first, or ENTER."""
    if now.adx < params.adx_floor:
        return Why.WEAK_TREND
    if now.volume <= params.volume_floor_of_5 * now.volume_5:
        return Why.THIN_VOLUME
    if now.volume < params.volume_floor_of_20 * now.volume_20:
        return Why.DRY_VOLUME
    if total < params.score_needed:
        return Why.LOW_SCORE
    return Why.ENTER


def points(now: Reading, side: int, params: ApexParams) -> Points:
    """The five points for entering on `side`."""
    return Points(
        pulled_back(now, params),
        moving(now, side, params),
        engulfing(now, side) or rejection(now, side, params),
        side * (now.histogram - now.last_histogram) > 0.0,
        now.volume >= params.volume_of_2 * now.volume_2,
    )


def score(found: Points) -> int:
    """How many points there are, 0 to 5."""
    total = 1 if found.pullback else 0
    total += 1 if found.rsi else 0
    total += 1 if found.candle else 0
    total += 1 if found.histogram else 0
    total += 1 if found.volume else 0
    return total


def pulled_back(now: Reading, params: ApexParams) -> bool:
    """Close is near the middle EMA or near VWAP."""
    near = params.pullback * now.close
    return abs(now.close - now.ema_middle) <= near or abs(now.close - now.vwap) <= near


def moving(now: Reading, side: int, params: ApexParams) -> bool:
    """RSI is in its middle range and the price moves with the trade.

    Wilder's RSI rises exactly when the close does; RSI values would leave an unchanged close to their rounding.
    """
    return params.rsi_low <= now.rsi <= params.rsi_high and side * (now.close - now.last_close) > 0.0


def engulfing(now: Reading, side: int) -> bool:
    """The candle before went against the trade, and this one's body covers that body; equal ends cover."""
    if side * (now.last_close - now.last_open) >= 0.0:
        return False
    return side * (now.last_close - now.open) >= 0.0 and side * (now.close - now.last_open) >= 0.0


def rejection(now: Reading, side: int, params: ApexParams) -> bool:
    """A hammer (short: a shooting star): long wick against the trade, short one with it, any colour."""
    body = abs(now.close - now.open)
    lower = min(now.open, now.close) - now.low
    upper = now.high - max(now.open, now.close)
    against, ahead = (lower, upper) if side == LONG else (upper, lower)
    return body > 0.0 and against >= params.long_wick * body and ahead <= params.short_wick * body


def stop_price(now: Reading, side: int, params: ApexParams) -> float:
    """Beyond the last swing by a part of the ATR; not on any grid yet."""
    if side == LONG:
        return now.swing_low - params.stop_atr * now.atr
    return now.swing_high + params.stop_atr * now.atr


def momentum(now: Reading) -> float:
    """Rank among signals that compete for a free slot, 0 to 1: trend strength, acceleration, volume."""
    strength = min(now.adx, 50.0) / 50.0
    acceleration = min(ratio(abs(now.histogram), now.atr), 1.0)
    activity = min(ratio(now.volume, now.volume_20), 2.0) / 2.0
    return 0.4 * strength + 0.3 * acceleration + 0.3 * activity


def ratio(part: float, whole: float) -> float:
    """part / whole; 0 when there is no whole."""
    return part / whole if whole > 0.0 else 0.0


def size_pct(adx: float, score: int, params: ApexParams, owner: Owner) -> float:
    """Percent of equity for a signal: more for a stronger trend and a better score, within the owner's
    bounds.
    """
    pct = adx_pct(adx, params) * score_weight(score, params)
    return min(max(pct, owner.min_position_pct), owner.max_position_pct)


def adx_pct(adx: float, params: ApexParams) -> float:
    """Percent of equity by trend strength; a band holds its lower bound, not its upper one."""
    if adx < params.adx_band_1:
        return params.pct_band_0
    if adx < params.adx_band_2:
        return params.pct_band_1
    if adx < params.adx_band_3:
        return params.pct_band_2
    if adx < params.adx_band_4:
        return params.pct_band_3
    return params.pct_band_4


def score_weight(score: int, params: ApexParams) -> float:
    """The factor for 3, 4 or 5 points."""
    if score >= 5:
        return params.weight_score_5
    return params.weight_score_4 if score == 4 else params.weight_score_3


def turned(side: int, ema_fast: float, ema_middle: float) -> bool:
    """Whether the fast EMA has crossed the middle one against the trade.

    An entry needs the fast EMA strictly on its side, so the first close that finds it on the other side
    is the crossing; asking for the state instead also catches a crossing that nobody was there to see.
    """
    return side * (ema_fast - ema_middle) < 0.0


class AtClose(NamedTuple):
    """What is read of a close while a trade is held."""

    ema_fast: float
    ema_middle: float
    atr: float


def closed(trade: Trade, close: float, now: AtClose, params: ApexParams) -> Closed:
    """Out when the EMAs cross; otherwise trail from the first target on."""
    out = turned(trade.side, now.ema_fast, now.ema_middle)
    return Closed(trailed(trade, close, now.atr, params), 1 if out else 0)


def trailed(trade: Trade, close: float, atr: float, params: ApexParams) -> float:
    """Where the stop belongs after a close: from the first target on it follows at a distance."""
    if trade.stage < 1:
        return trade.stop
    follows = towards(trade.side, close - trade.side * params.trail_atr * atr, trade.tick)
    return tighter(trade.side, trade.stop, follows)
