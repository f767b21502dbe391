"""Growing waits stay within their bounds, however often something fails."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.backoff import Backoff


@st.composite
def backoffs(draw: st.DrawFn) -> Backoff:
    first = draw(st.integers(1, 10**6))
    cap = first + draw(st.integers(0, 10**7))
    return Backoff(first, draw(st.floats(1.01, 10)), cap, draw(st.floats(0, 0.9)))


def waits(backoff: Backoff, times: int) -> list[int]:
    return list(itertools.accumulate(range(times), lambda last, _: backoff.after(last), initial=0))[1:]


def test_a_wait_doubles_up_to_its_cap() -> None:
    assert waits(Backoff(250, 2, 2_000), 6) == [250, 500, 1_000, 2_000, 2_000, 2_000]
    assert waits(Backoff(1_000, 1.5, 3_000), 5) == [1_000, 1_500, 2_250, 3_000, 3_000]


@given(backoffs(), st.integers(1, 3_000))
def test_waits_stay_within_their_bounds_and_grow_until_they_reach_the_longest(backoff: Backoff, times: int) -> None:
    row = waits(backoff, times)
    assert row[0] == backoff.first_ms
    assert all(backoff.first_ms <= wait <= backoff.cap_ms for wait in row)
    assert all(a < b or a == b == backoff.cap_ms for a, b in itertools.pairwise(row))


@given(backoffs(), st.integers(0, 10**400))
def test_no_wait_before_is_too_long(backoff: Backoff, last: int) -> None:
    """The last wait may come from another rule, or from before the bounds were changed."""
    assert backoff.first_ms <= backoff.after(last) <= backoff.cap_ms


@given(backoffs(), st.integers(0, 50), st.randoms(use_true_random=False))
def test_jitter_spreads_a_wait_within_the_same_bounds(backoff: Backoff, times: int, rng: random.Random) -> None:
    wait = waits(backoff, times + 1)[-1]
    spread = backoff.spread(wait, rng)
    assert backoff.first_ms <= spread <= backoff.cap_ms
    assert abs(spread - wait) <= wait * backoff.jitter + 1


def test_those_who_failed_together_try_again_apart_at_every_length() -> None:
    backoff, rng = Backoff(1_000, 2, 30_000, 0.2), random.Random(1)
    for wait in waits(backoff, 8):
        assert len({backoff.spread(wait, rng) for _ in range(20)}) > 10
