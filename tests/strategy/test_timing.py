"""The clock's part of the rule, with the time as an argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.strategy import timing

MINUTE = 60_000
CLOSE = 1_767_225_600_000
FIVE = 5 * MINUTE


@pytest.mark.parametrize("offset", [-FIVE - 1, -FIVE, -1, 0, 1, FIVE, FIVE + 1])
def test_how_far_the_nearest_event_is(offset: int) -> None:
    events = [CLOSE - 10_000 * MINUTE, CLOSE, CLOSE + 10_000 * MINUTE]
    assert timing.to_news(events, CLOSE + offset) == abs(offset)
    assert timing.to_news(events[:2], CLOSE + offset) == abs(offset)
    assert timing.to_news(events[1:], CLOSE + offset) == abs(offset)


@given(events=st.lists(st.integers(0, 10_000), max_size=6), now=st.integers(0, 10_000))
def test_no_event_is_nearer_than_that(events: list[int], now: int) -> None:
    assert timing.to_news(sorted(events), now) == min((abs(event - now) for event in events), default=timing.FAR)


@pytest.mark.parametrize(("offset", "waits"), [(0, True), (5_999, True), (6_000, False)])
def test_the_first_seconds_of_a_candle_are_left_alone(offset: int, waits: bool) -> None:
    assert timing.excluded(CLOSE + offset, CLOSE, 6_000) is waits


def test_no_exclusion_when_the_owner_wants_none() -> None:
    assert not timing.excluded(CLOSE, CLOSE, 0)


@pytest.mark.parametrize(("offset", "valid"), [(-1, False), (0, True), (FIVE - 1, True), (FIVE, False)])
def test_a_signal_is_valid_for_its_candle(offset: int, valid: bool) -> None:
    assert timing.still_valid(CLOSE + offset, CLOSE, FIVE) is valid
