"""The entry rule, one row a case: a reading in, the decision out. Every bound from both sides, long and short."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bot.strategy import rule
from bot.strategy.params import APEX
from bot.strategy.rule import Points, Reading, SignalReason
from tests.strategy.given import LONG_READING, flipped

ENTER, FLAT = SignalReason.ENTER, 0


def reading(**changes: Any) -> Reading:
    return LONG_READING._replace(**changes)


def test_the_case_that_all_others_change_is_a_full_signal() -> None:
    signal = rule.decide(LONG_READING, APEX)
    assert (signal.side, signal.why, signal.score) == (1, ENTER, 5)
    assert signal.stop == pytest.approx(99.2 - 0.5 * 0.8)


FILTERS: list[tuple[str, dict[str, float], SignalReason]] = [
    ("close on VWAP", {"vwap": 100.5}, SignalReason.NO_TREND),
    ("close just over VWAP", {"vwap": 100.499}, ENTER),
    ("fast EMA on the middle one", {"ema_fast": 100.3}, SignalReason.NO_TREND),
    ("fast EMA just over", {"ema_fast": 100.301}, ENTER),
    ("middle EMA on the slow one", {"ema_slow": 100.3}, SignalReason.NO_TREND),
    ("middle EMA just over", {"ema_slow": 100.299}, ENTER),
    ("histogram at 0", {"histogram": 0.0, "last_histogram": -0.1}, SignalReason.NO_TREND),
    ("histogram just over 0", {"histogram": 0.001, "last_histogram": 0.0}, ENTER),
    ("ADX under 20", {"adx": 19.999}, SignalReason.WEAK_TREND),
    ("ADX at 20", {"adx": 20.0}, ENTER),
    ("volume at half its mean of 5", {"volume": 120.0, "volume_5": 240.0}, SignalReason.THIN_VOLUME),
    ("volume just over half", {"volume": 120.0, "volume_5": 239.99}, ENTER),
    ("volume under 30 % of its mean of 20", {"volume": 120.0, "volume_20": 400.1}, SignalReason.DRY_VOLUME),
    ("volume at 30 %", {"volume": 120.0, "volume_20": 400.0}, ENTER),
    ("no volume at all", {"volume": 0.0, "volume_2": 0.0, "volume_5": 0.0, "volume_20": 0.0}, SignalReason.THIN_VOLUME),
]


@pytest.mark.parametrize(("changes", "why"), [row[1:] for row in FILTERS], ids=[row[0] for row in FILTERS])
@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
def test_market_and_volume_filters(changes: dict[str, float], why: SignalReason, side: int) -> None:
    now = reading(**changes)
    signal = rule.decide(now if side > 0 else flipped(now), APEX)
    assert signal.why == why
    assert signal.side == (side if why == ENTER else FLAT)


POINTS: list[tuple[str, str, dict[str, float], bool]] = [
    ("EMA21 at 0.5 % of close", "pullback", {"ema_middle": 199.0, "close": 200.0, "vwap": 150.0}, True),
    ("EMA21 beyond 0.5 %", "pullback", {"ema_middle": 198.99, "close": 200.0, "vwap": 150.0}, False),
    ("EMA21 at 0.5 % over close", "pullback", {"ema_middle": 201.0, "close": 200.0, "vwap": 150.0}, True),
    ("VWAP at 0.5 %", "pullback", {"ema_middle": 150.0, "close": 200.0, "vwap": 199.0}, True),
    ("VWAP beyond 0.5 %", "pullback", {"ema_middle": 150.0, "close": 200.0, "vwap": 198.99}, False),
    ("RSI at 30, price rising", "rsi", {"rsi": 30.0}, True),
    ("RSI under 30", "rsi", {"rsi": 29.99}, False),
    ("RSI at 70, price rising", "rsi", {"rsi": 70.0}, True),
    ("RSI over 70", "rsi", {"rsi": 70.01}, False),
    ("price unchanged", "rsi", {"last_close": 100.5}, False),
    ("price falling", "rsi", {"last_close": 100.51}, False),
    ("price just rising", "rsi", {"last_close": 100.49}, True),
    ("histogram unchanged", "histogram", {"histogram": 0.2, "last_histogram": 0.2}, False),
    ("histogram rising", "histogram", {"histogram": 0.2, "last_histogram": 0.199}, True),
    ("histogram falling", "histogram", {"histogram": 0.2, "last_histogram": 0.201}, False),
    ("volume at 60 % of its mean of 2", "volume", {"volume": 60.0, "volume_2": 100.0}, True),
    ("volume under 60 %", "volume", {"volume": 59.99, "volume_2": 100.0}, False),
]


@pytest.mark.parametrize(("point", "changes", "held"), [row[1:] for row in POINTS], ids=[row[0] for row in POINTS])
@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
def test_points(point: str, changes: dict[str, float], held: bool, side: int) -> None:
    now = reading(**changes)
    found = rule.points(rule.conditions(now if side > 0 else flipped(now), side, APEX))
    assert getattr(found, point) is held


# last open, last close | open, high, low, close | a point?
SHAPES: list[tuple[str, tuple[float, float], tuple[float, float, float, float], bool]] = [
    ("covers the body before it", (10.0, 9.0), (8.5, 11.0, 8.5, 10.5), True),
    ("covers it with equal ends", (10.0, 9.0), (9.0, 10.0, 9.0, 10.0), True),
    ("opens inside the body", (10.0, 9.0), (9.1, 10.5, 9.1, 10.5), False),
    ("closes inside the body", (10.0, 9.0), (9.0, 9.9, 9.0, 9.9), False),
    ("body before it of the same colour", (9.0, 10.0), (8.5, 11.0, 8.5, 10.5), False),
    ("body before it of no colour", (9.5, 9.5), (9.0, 10.5, 9.0, 10.5), False),
    ("covers with the wrong colour", (10.0, 9.0), (10.5, 10.5, 8.5, 8.5), False),
    ("hammer", (9.0, 10.0), (10.0, 11.0, 8.0, 11.0), True),
    ("hammer with a falling body", (9.0, 10.0), (11.0, 11.0, 8.0, 10.0), True),
    ("lower wick just short of twice the body", (9.0, 10.0), (10.0, 11.0, 8.01, 11.0), False),
    ("upper wick at half the body", (9.0, 10.0), (10.0, 11.5, 8.0, 11.0), True),
    ("upper wick over half the body", (9.0, 10.0), (10.0, 11.51, 8.0, 11.0), False),
    ("no body", (9.0, 10.0), (10.0, 10.0, 8.0, 10.0), False),
    ("upside-down hammer", (9.0, 10.0), (10.0, 13.0, 10.0, 11.0), False),
]


@pytest.mark.parametrize(("last", "now", "held"), [row[1:] for row in SHAPES], ids=[row[0] for row in SHAPES])
@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
def test_candle_shapes(
    last: tuple[float, float], now: tuple[float, float, float, float], held: bool, side: int
) -> None:
    opening, high, low, close = now
    shape = reading(open=opening, high=high, low=low, close=close, last_open=last[0], last_close=last[1])
    if side < 0:  # mirrored at 0, where floats lose nothing
        shape = reading(open=-opening, high=-low, low=-high, close=-close, last_open=-last[0], last_close=-last[1])
    assert rule.points(rule.conditions(shape, side, APEX)).candle is held


@pytest.mark.parametrize("held", range(6))
def test_three_of_five_points_are_needed(held: int) -> None:
    spoil: list[dict[str, float]] = [
        {"rsi": 71.0},
        {"last_histogram": 0.3},
        {"volume_2": 210.0},
        {"last_open": 100.0},
        {"ema_middle": 99.5, "ema_slow": 99.0, "vwap": 99.5},
    ]
    now = LONG_READING
    for changes in spoil[held:]:
        now = now._replace(**changes)
    signal = rule.decide(now, APEX)
    assert signal.score == held
    assert (signal.side, signal.why) == ((1, ENTER) if held >= 3 else (FLAT, SignalReason.LOW_SCORE))
    assert signal.trend == 1


@pytest.mark.parametrize("name", Reading._fields)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_one_unknown_number_and_there_is_no_decision(name: str, value: float) -> None:
    signal = rule.decide(LONG_READING._replace(**{name: value}), APEX)
    assert (signal.side, signal.why) == (FLAT, SignalReason.NOT_READY)
    assert signal.points == Points(False, False, False, False, False)


def test_the_stop_lies_half_an_atr_beyond_the_swing() -> None:
    now = reading(swing_low=98.0, swing_high=103.0, atr=1.0)
    assert rule.stop_price(now, 1, APEX) == 97.5
    assert rule.stop_price(now, -1, APEX) == 103.5


# ADX, histogram, ATR, volume, mean of 20 -> momentum
MOMENTUM = [
    (25.0, 0.5, 1.0, 100.0, 100.0, 0.2 + 0.15 + 0.15),
    (50.0, 1.0, 1.0, 200.0, 100.0, 1.0),
    (80.0, 3.0, 1.0, 900.0, 100.0, 1.0),
    (25.0, -0.5, 1.0, 100.0, 100.0, 0.5),
    (0.0, 0.5, 0.0, 100.0, 0.0, 0.0),
]


@pytest.mark.parametrize(("adx", "hist", "atr", "volume", "mean", "expected"), MOMENTUM)
def test_momentum(adx: float, hist: float, atr: float, volume: float, mean: float, expected: float) -> None:
    now = reading(adx=adx, histogram=hist, atr=atr, volume=volume, volume_20=mean)
    assert rule.momentum(now) == pytest.approx(expected)
