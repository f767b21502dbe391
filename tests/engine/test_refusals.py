"""When refused stops are retried, and when refusals are final."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.clock import SECOND
from bot.engine.refusals import AT_LEAST, PAUSES, TIMES, Refusals


def test_pauses_grow_and_end() -> None:
    refused, now = Refusals(), 0
    for pause in (PAUSES.first_ms, PAUSES.first_ms * 2, PAUSES.first_ms * 4):
        refused.record("a", "no", now, counts=True)
        assert refused.pauses("a", now + pause - 1)
        assert not refused.pauses("a", now + pause)
        now += pause
    assert not refused.pauses("b", now)


def test_a_clock_that_is_set_back_pauses_nothing_for_long() -> None:
    refused = Refusals()
    refused.record("a", "no", 3_600_000, counts=True)
    assert not refused.pauses("a", 0)


def test_a_stop_that_rests_ends_it() -> None:
    refused = Refusals()
    for at in (0, AT_LEAST, AT_LEAST * 2):
        refused.record("a", "no", at, counts=True)
    assert refused.is_final("a", AT_LEAST * 2)
    refused.forget("a")
    assert not refused.is_final("a", AT_LEAST * 3)
    assert refused.reason("a") is None


@pytest.mark.parametrize(("last", "final"), [(AT_LEAST - 1, False), (AT_LEAST, True)])
def test_refusals_are_final_from_that_moment_on(last: int, *, final: bool) -> None:
    refused = Refusals()
    for at in (0, *range(1, TIMES - 1), last):
        refused.record("a", "no", at, counts=True)
    assert refused.is_final("a", last) is final


@given(st.lists(st.tuples(st.integers(0, 20 * SECOND), st.booleans()), max_size=12))
def test_it_is_believed_only_after_enough_that_count_over_long_enough(given_ones: list[tuple[int, bool]]) -> None:
    refused, now, counted = Refusals(), 0, []
    for apart, counts in given_ones:
        now += apart
        refused.record("a", "no", now, counts=counts)
        counted += [now] if counts else []
        assert refused.is_final("a", now) == (len(counted) >= TIMES and now - counted[0] >= AT_LEAST)
