"""The clock's part of the rule, with the time as an argument."""

from __future__ import annotations

import pytest

from bot.strategy import timing

MINUTE = 60_000
CLOSE = 1_767_225_600_000
FIVE = 5 * MINUTE


@pytest.mark.parametrize(
    ("offset", "blocked"),
    [(-FIVE - 1, False), (-FIVE, True), (0, True), (FIVE, True), (FIVE + 1, False)],
)
def test_nothing_is_entered_within_five_minutes_of_an_event(offset: int, blocked: bool) -> None:
    events = [CLOSE - 10_000 * MINUTE, CLOSE, CLOSE + 10_000 * MINUTE]
    assert timing.blocked_by_news(events, CLOSE + offset) is blocked


def test_an_empty_calendar_blocks_nothing() -> None:
    assert not timing.blocked_by_news([], CLOSE)


@pytest.mark.parametrize(("offset", "waits"), [(0, True), (5_999, True), (6_000, False)])
def test_the_first_seconds_of_a_candle_are_left_alone(offset: int, waits: bool) -> None:
    assert timing.excluded(CLOSE + offset, CLOSE, 6_000) is waits


def test_no_exclusion_when_the_owner_wants_none() -> None:
    assert not timing.excluded(CLOSE, CLOSE, 0)


@pytest.mark.parametrize(("offset", "valid"), [(-1, False), (0, True), (FIVE - 1, True), (FIVE, False)])
def test_a_signal_is_valid_for_its_candle(offset: int, valid: bool) -> None:
    assert timing.still_valid(CLOSE + offset, CLOSE, FIVE) is valid


@pytest.mark.parametrize(
    ("stopped_out", "barred"),
    [(None, False), (CLOSE - FIVE - 1, False), (CLOSE - FIVE, True), (CLOSE - 1, True), (CLOSE + 1, True)],
)
def test_a_stop_out_bars_its_candle(stopped_out: int | None, barred: bool) -> None:
    assert timing.barred(stopped_out, CLOSE, FIVE) is barred
