"""APEX: market filter, score, stop and size of an entry, and what a close means for an open trade.

Owns the decisions at a candle's close, as plain scalar functions of floats, ints and NamedTuples. Live calls this code and the
backtest compiles it, so it contains no reductions, no powers and no library calls. Does not depend on equity, exchange or clock.
NaN passes no condition.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

from bot.strategy.base import Closed, Decided
from bot.strategy.exits import FLAT, LONG, SHORT, Trade, tighter
from bot.strategy.grid import towards
from bot.strategy.indicators import Indicators
from bot.strategy.params import ApexParams, RiskSettings


class SignalReason(IntEnum):
    """Why a candle leads to a trade, or the first reason why not."""

    ENTER = 0
    NOT_READY = 1
    NO_TREND = 2
    WEAK_TREND = 3
    THIN_VOLUME = 4
    DRY_VOLUME = 5
    LOW_SCORE = 6


class Reading(NamedTuple):
    """One closed candle with its indicators, and the values needed from the candle before it (`last_`)."""

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


class Found(NamedTuple):
    """One condition at one close: the value, its limit, and whether the condition holds."""

    value: float
    limit: float
    held: bool


class Conditions(NamedTuple):
    """All conditions of an entry on one side except the score, in the order they are checked.

    The first seven are required. The others make the points, one point each for: near the middle EMA or VWAP; RSI in its range and the
    close moving; one of two shapes, an engulfing candle or a rejection; the histogram moving; enough volume.
    """

    vwap: Found
    ema_fast: Found
    ema_middle: Found
    histogram: Found
    adx: Found
    volume_5: Found
    volume_20: Found
    near_ema: Found
    near_vwap: Found
    rsi_low: Found
    rsi_high: Found
    close_moving: Found
    engulfed: Found
    engulfing_open: Found
    engulfing_close: Found
    body: Found
    wick_against: Found
    wick_ahead: Found
    histogram_moving: Found
    volume_2: Found


class Signal(NamedTuple):
    """The decision of one close. `side` is 0 unless `why` is ENTER; `trend` is the market filter's result."""

    side: int
    why: SignalReason
    trend: int
    score: int
    points: Points
    stop: float
    momentum: float


def reading(columns: Indicators, row: int) -> Reading:
    """The values of one row; there must be a candle before it."""
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


def at_row(columns: Indicators, row: int, params: ApexParams, risk_settings: RiskSettings) -> Decided:
    """The rule at the close of one row, in numbers."""
    now = reading(columns, row)
    signal = decide(now, params)
    pct = size_pct(now.adx, signal.score, params, risk_settings) if signal.side != FLAT else 0.0
    return Decided(signal.side, signal.stop, math.nan, signal.momentum, float(signal.score), pct)


def decide(now: Reading, params: ApexParams) -> Signal:
    """The rule at one close. Stop and momentum are set whenever there is a trend, for the log."""
    side = possible(now)
    return decided(now, side, conditions(now, side, params), params)


def possible(now: Reading) -> int:
    """The only side on which there can be a trend."""
    return LONG if now.close > now.vwap else SHORT


def decided(now: Reading, side: int, asked: Conditions, params: ApexParams) -> Signal:
    """The decision for a side, by its conditions."""
    if not ready(now):
        return nothing(SignalReason.NOT_READY)
    if not trending(asked):
        return nothing(SignalReason.NO_TREND)
    found = points(asked)
    total = score(found)
    why = blocked_by(asked, total, params)
    entered = side if why == SignalReason.ENTER else FLAT
    return Signal(entered, why, side, total, found, stop_price(now, side, params), momentum(now))


def nothing(why: SignalReason) -> Signal:
    """The signal without a trend: no side, no points."""
    return Signal(FLAT, why, FLAT, 0, Points(False, False, False, False, False), math.nan, 0.0)


def ready(now: Reading) -> bool:
    """Whether all values are finite: a single NaN or infinity makes a sum non-finite."""
    prices = now.open + now.high + now.low + now.close + now.last_open + now.last_close
    averages = now.ema_fast + now.ema_middle + now.ema_slow + now.vwap + now.swing_low + now.swing_high
    gauges = now.rsi + now.atr + now.adx + now.histogram + now.last_histogram
    volumes = now.volume + now.volume_2 + now.volume_5 + now.volume_20
    return math.isfinite(prices + averages + gauges + volumes)


def conditions(now: Reading, side: int, params: ApexParams) -> Conditions:
    """The conditions of an entry on `side`, with their results.

    Whether the RSI moves is read from the close: Wilder's RSI rises exactly when the close does, and for an unchanged close the
    RSI differs only by rounding. A candle engulfs if the one before it went against the trade and its body covers that one's
    body; equal ends count. It rejects with a long wick against the trade and a short wick with it, whatever its colour: a hammer,
    or for a short a shooting star.
    """
    near = params.pullback * now.close
    body = abs(now.close - now.open)
    lower = min(now.open, now.close) - now.low
    upper = now.high - max(now.open, now.close)
    against, ahead = (lower, upper) if side == LONG else (upper, lower)
    return Conditions(
        beyond(side, now.close, now.vwap),
        beyond(side, now.ema_fast, now.ema_middle),
        beyond(side, now.ema_middle, now.ema_slow),
        beyond(side, now.histogram, 0.0),
        reaching(LONG, now.adx, params.adx_floor),
        beyond(LONG, now.volume, params.volume_floor_of_5 * now.volume_5),
        reaching(LONG, now.volume, params.volume_floor_of_20 * now.volume_20),
        reaching(SHORT, abs(now.close - now.ema_middle), near),
        reaching(SHORT, abs(now.close - now.vwap), near),
        reaching(LONG, now.rsi, params.rsi_low),
        reaching(SHORT, now.rsi, params.rsi_high),
        beyond(side, now.close, now.last_close),
        beyond(-side, now.last_close, now.last_open),
        reaching(-side, now.open, now.last_close),
        reaching(side, now.close, now.last_open),
        beyond(LONG, body, 0.0),
        reaching(LONG, against, params.long_wick * body),
        reaching(SHORT, ahead, params.short_wick * body),
        beyond(side, now.histogram, now.last_histogram),
        reaching(LONG, now.volume, params.volume_of_2 * now.volume_2),
    )


def beyond(side: int, value: float, limit: float) -> Found:
    """Above the limit for a long, below it for a short."""
    return Found(value, limit, value > limit if side == LONG else value < limit)


def reaching(side: int, value: float, limit: float) -> Found:
    """At the limit or beyond it, on that side."""
    return Found(value, limit, value >= limit if side == LONG else value <= limit)


def trending(asked: Conditions) -> bool:
    """Whether there is a trend on that side: close beyond VWAP, EMAs in order, histogram on their side."""
    return asked.vwap.held and asked.ema_fast.held and asked.ema_middle.held and asked.histogram.held


def blocked_by(asked: Conditions, total: int, params: ApexParams) -> SignalReason:
    """The first reason against an entry in a trend, or ENTER."""
    if not asked.adx.held:
        return SignalReason.WEAK_TREND
    if not asked.volume_5.held:
        return SignalReason.THIN_VOLUME
    if not asked.volume_20.held:
        return SignalReason.DRY_VOLUME
    if not enough(total, params).held:
        return SignalReason.LOW_SCORE
    return SignalReason.ENTER


def enough(total: int, params: ApexParams) -> Found:
    """Whether the score has the required points."""
    return reaching(LONG, float(total), float(params.score_needed))


def points(asked: Conditions) -> Points:
    """The five points."""
    engulfing = asked.engulfed.held and asked.engulfing_open.held and asked.engulfing_close.held
    rejection = asked.body.held and asked.wick_against.held and asked.wick_ahead.held
    return Points(
        asked.near_ema.held or asked.near_vwap.held,
        asked.rsi_low.held and asked.rsi_high.held and asked.close_moving.held,
        engulfing or rejection,
        asked.histogram_moving.held,
        asked.volume_2.held,
    )


def score(found: Points) -> int:
    """The number of points, 0 to 5."""
    total = 1 if found.pullback else 0
    total += 1 if found.rsi else 0
    total += 1 if found.candle else 0
    total += 1 if found.histogram else 0
    total += 1 if found.volume else 0
    return total


def stop_price(now: Reading, side: int, params: ApexParams) -> float:
    """Beyond the last swing by a fraction of the ATR, not rounded to a grid yet."""
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
    """part / whole; 0 if `whole` is not positive."""
    return part / whole if whole > 0.0 else 0.0


def size_pct(adx: float, score: int, params: ApexParams, risk_settings: RiskSettings) -> float:
    """Percent of equity for a signal: more for a stronger trend and a higher score, within the owner's
    bounds.
    """
    pct = adx_pct(adx, params) * score_weight(score, params)
    return min(max(pct, risk_settings.min_position_pct), risk_settings.max_position_pct)


def adx_pct(adx: float, params: ApexParams) -> float:
    """Percent of equity by trend strength; a band includes its lower bound, not its upper one."""
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

    An entry requires the fast EMA strictly on its side, so the first close with it on the other side is the crossing. Checking
    the state instead of the change also catches a crossing while NIJA was not running.
    """
    return side * (ema_fast - ema_middle) < 0.0


class AtClose(NamedTuple):
    """The values read at a close while a trade is open."""

    ema_fast: float
    ema_middle: float
    atr: float


def closed(trade: Trade, close: float, now: AtClose, params: ApexParams) -> Closed:
    """Exit when the EMAs cross; otherwise trail the stop from the first target on."""
    out = turned(trade.side, now.ema_fast, now.ema_middle)
    return Closed(trailed(trade, close, now.atr, params), 1 if out else 0)


def trailed(trade: Trade, close: float, atr: float, params: ApexParams) -> float:
    """The stop after a close: from the first target on it follows the close at a distance."""
    if trade.stage < 1:
        return trade.stop
    follows = towards(trade.side, close - trade.side * params.trail_atr * atr, trade.tick)
    return tighter(trade.side, trade.stop, follows)
