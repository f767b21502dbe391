"""Candles: their format, their faults, and intervals without trades."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from bot.domain.candles import (
    Candle,
    Candles,
    Fault,
    Flaw,
    fill_flat,
    flat_share,
    inspect,
    parse_timeframe,
    too_quiet,
)

MINUTE = 60_000
START = 1_767_225_600_000


def at(minute: int) -> int:
    return START + minute * MINUTE


def sound(minute: int, **changes: Any) -> Candle:
    return Candle(at(minute), 10.0, 12.0, 9.0, 11.0, 5.0)._replace(**changes)


def candles(*rows: Candle) -> Candles:
    return Candles.of(MINUTE, rows)


ODD_CANDLES: list[tuple[str, dict[str, float], list[Fault]]] = [
    ("sound", {}, []),
    ("flat without trades", {"open": 10.0, "high": 10.0, "low": 10.0, "close": 10.0, "volume": 0.0}, []),
    ("NaN close", {"close": math.nan}, [Fault.NOT_A_NUMBER]),
    ("NaN volume", {"volume": math.nan}, [Fault.NOT_A_NUMBER]),
    ("infinite high", {"high": math.inf}, [Fault.NOT_A_NUMBER]),
    ("zero low", {"low": 0.0}, [Fault.NOT_POSITIVE]),
    ("negative low", {"low": -1.0}, [Fault.NOT_POSITIVE]),
    ("high under low", {"high": 8.0}, [Fault.INCONSISTENT]),
    ("close over high", {"close": 12.5}, [Fault.INCONSISTENT]),
    ("open under low", {"open": 8.5}, [Fault.INCONSISTENT]),
    ("negative volume", {"volume": -0.1}, [Fault.NEGATIVE_VOLUME]),
    ("zero price and negative volume", {"low": 0.0, "volume": -1.0}, [Fault.NOT_POSITIVE, Fault.NEGATIVE_VOLUME]),
]


@pytest.mark.parametrize(("changes", "faults"), [row[1:] for row in ODD_CANDLES], ids=[row[0] for row in ODD_CANDLES])
def test_faults_of_one_candle(changes: dict[str, Any], faults: list[Fault]) -> None:
    found = inspect(candles(sound(0), sound(1, **changes), sound(2)))
    assert found == tuple(Flaw(fault, at(1)) for fault in faults)


ODD_TIMES: list[tuple[str, list[int], list[Flaw]]] = [
    ("in a row", [0, 1, 2], []),
    ("one missing", [0, 2, 3], [Flaw(Fault.GAP, at(2))]),
    ("the same twice", [0, 1, 1, 2], [Flaw(Fault.DUPLICATE, at(1))]),
    ("swapped", [0, 2, 1, 3], [Flaw(Fault.GAP, at(2)), Flaw(Fault.OUT_OF_ORDER, at(1)), Flaw(Fault.GAP, at(3))]),
]


@pytest.mark.parametrize(("minutes", "flaws"), [row[1:] for row in ODD_TIMES], ids=[row[0] for row in ODD_TIMES])
def test_faults_of_times(minutes: list[int], flaws: list[Flaw]) -> None:
    assert inspect(candles(*(sound(minute) for minute in minutes))) == tuple(flaws)


def test_a_candle_between_two_candle_times() -> None:
    found = inspect(candles(sound(0), sound(1, time=at(1) + 1)))
    assert Flaw(Fault.OFF_GRID, at(1) + 1) in found


def test_no_candles_have_no_fault() -> None:
    assert inspect(candles()) == ()
    assert flat_share(candles()) == 0.0
    assert len(fill_flat(candles())) == 0


def test_times_without_trades_are_filled_flat() -> None:
    filled = fill_flat(candles(sound(0), sound(3, open=13.0, high=14.0)), until=at(5))
    flat = [Candle(at(minute), 11.0, 11.0, 11.0, 11.0, 0.0) for minute in (1, 2, 4, 5)]
    assert [filled.candle(i) for i in range(6)] == [
        sound(0),
        *flat[:2],
        sound(3, open=13.0, high=14.0),
        *flat[2:],
    ]
    assert inspect(filled) == ()


def test_what_is_complete_stays_as_it_is() -> None:
    whole = candles(sound(0), sound(1))
    assert [fill_flat(whole).candle(i) for i in range(2)] == [sound(0), sound(1)]
    assert len(fill_flat(whole, until=at(0))) == 2


@pytest.mark.parametrize(("quiet", "sits_out"), [(0, False), (5, False), (6, True), (50, True)])
def test_more_than_a_tenth_without_trades_sits_out(quiet: int, sits_out: bool) -> None:
    rows = [sound(i, volume=0.0) for i in range(30)]
    rows += [sound(30 + i, volume=0.0 if i < quiet else 1.0) for i in range(50)]
    assert flat_share(candles(*rows)) == quiet / 50
    assert too_quiet(candles(*rows)) is sits_out


def test_rows_may_be_decimal_strings() -> None:
    found = Candles.of(MINUTE, [(at(0), "10.10", Decimal("12.5"), "9", "11.25", "0.00000001")])
    assert found.candle(0) == Candle(at(0), 10.1, 12.5, 9.0, 11.25, 1e-8)
    assert found.time.dtype == np.int64


def test_append_keeps_the_newest() -> None:
    grown = candles(sound(0), sound(1)).append(sound(2, close=10.5), keep=2)
    assert [grown.candle(i) for i in range(2)] == [sound(1), sound(2, close=10.5)]
    assert grown.closed_at == at(3)


def test_a_slice_is_candles() -> None:
    part = candles(sound(0), sound(1), sound(2))[1:]
    assert [part.candle(i) for i in range(len(part))] == [sound(1), sound(2)]


def test_candles_cannot_be_changed() -> None:
    column = np.array([1.0])
    found = Candles(MINUTE, np.array([at(0)]), column, column, column, column, column)
    with pytest.raises(ValueError, match="read-only"):
        found.close[0] = 2.0
    column[0] = 1.5  # the caller's own array stays the caller's


@pytest.mark.parametrize(
    ("time", "close"),
    [
        (np.array([at(0)]), np.array([1.0, 2.0])),
        (np.array([at(0)]), np.array([1])),
        (np.array([at(0)]), np.array([1.0], dtype=np.float32)),
        (np.array([float(at(0))]), np.array([1.0])),
        (np.array([[at(0)]]), np.array([[1.0]])),
    ],
)
def test_a_wrong_shape_or_type_is_refused(time: Any, close: Any) -> None:
    good = np.array([1.0])
    with pytest.raises(ValueError, match="expected"):
        Candles(MINUTE, time, good, good, good, close, good)


def test_a_timeframe_must_be_positive() -> None:
    with pytest.raises(ValueError, match="timeframe"):
        Candles.of(0, [])


@pytest.mark.parametrize(
    ("text", "length"),
    [("1m", MINUTE), ("5m", 5 * MINUTE), ("15m", 15 * MINUTE), ("1h", 60 * MINUTE), ("1d", 1440 * MINUTE)],
)
def test_timeframes(text: str, length: int) -> None:
    assert parse_timeframe(text) == length


@pytest.mark.parametrize("text", ["", "m", "5", "0m", "-5m", "5x", "5 m", "1.5h", "²m"])
def test_texts_that_are_no_timeframe(text: str) -> None:
    with pytest.raises(ValueError, match="timeframe"):
        parse_timeframe(text)
