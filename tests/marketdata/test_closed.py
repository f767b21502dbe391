"""Which candles may be decided on: a table of what can be wrong, and the past that must not change."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.candles import Candles, inspect
from bot.domain.events import Unfit
from bot.marketdata.closed import NONE, QUIET, joined, judged, mended
from bot.marketdata.port import NOT_THERE
from tests.marketdata.given import FRAME, START, candles, row

CLOSE = START + 60 * FRAME
WHOLE = candles(*range(60))

# what was delivered -> why it may not be decided on
UNFIT = [
    (Candles.of(FRAME, []), NONE),
    (candles(*range(59)), NOT_THERE),
    (candles(*range(60, 62)), NOT_THERE),
    (candles(*range(60), volume=0.0), QUIET),
    (Candles.of(FRAME, [row(59, math.nan)]), Unfit(f"candle of {CLOSE - FRAME}: not a number")),
    (Candles.of(FRAME, [row(59, -5.0)]), Unfit(f"candle of {CLOSE - FRAME}: price not positive")),
    (candles(58, 59, 59), Unfit(f"candle of {CLOSE - FRAME}: same time twice")),
    (candles(59, 58), Unfit(f"candle of {CLOSE - 2 * FRAME}: older than the candle before it")),
    (candles(56, 59), Unfit(f"candle of {CLOSE - FRAME}: candles missing before it")),
]


@pytest.mark.parametrize(("given", "why"), UNFIT)
def test_what_is_wrong_is_said(given: Candles, why: Unfit) -> None:
    assert judged(given, CLOSE, fills_gaps=True) == why


@pytest.mark.parametrize("more", [0, 1, 2])
def test_candles_end_with_the_close_that_is_decided_on(more: int) -> None:
    found = judged(candles(*range(60 + more)), CLOSE, fills_gaps=True)
    assert isinstance(found, Candles)
    assert (found.closed_at, len(found)) == (CLOSE, 60)


def test_only_a_gap_is_mended() -> None:
    assert inspect(mended(candles(*range(50), *range(52, 60)), 60, fills_gaps=True)) == ()
    assert len(mended(candles(*range(50), *range(52, 60)), 60, fills_gaps=True)) == 60
    for shown in (candles(58, 59, 59), Candles.of(FRAME, [row(50), row(59, math.nan)])):
        assert inspect(mended(shown, 60, fills_gaps=True))


def test_filled_candles_are_those_of_the_window() -> None:
    found = mended(candles(0, 30, *range(32, 60)), 40, fills_gaps=True)
    assert (int(found.time[0]), len(found)) == (START + 30 * FRAME, 30)
    assert len(mended(candles(*range(0, 60, 2), 59), 40, fills_gaps=True)) == 40


def test_a_gap_is_no_flaw_to_whoever_wants_it_left_out() -> None:
    shown = candles(*range(50), *range(52, 60))
    assert judged(shown, CLOSE, fills_gaps=False) is shown
    assert mended(shown, 60, fills_gaps=False) is shown


@given(st.integers(1, 60), st.integers(0, 8), st.integers(1, 10))
def test_joining_gives_what_one_question_would_have_given(known: int, overlap: int, new: int) -> None:
    fresh = candles(*range(max(known - overlap, 0), known + new))
    found = joined(candles(*range(known)), fresh, most=40)
    whole = candles(*range(known + new))[-40:]
    assert found is not None
    rows = [[one.candle(i) for i in range(len(one))] for one in (found, whole)]
    assert rows[0] == rows[1]


@given(st.integers(2, 60), st.integers(1, 8))
def test_another_past_joins_nothing(known: int, overlap: int) -> None:
    overlap = min(overlap, known)
    numbers = range(known - overlap, known + 1)
    fresh = Candles.of(FRAME, [row(number, 100.5 + number % 7) for number in numbers])
    assert joined(candles(*range(known)), fresh, most=720) is None
