"""Walk-forward: no fold is tried on a candle that it was searched in, and what is said of the results."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backtest.folds import Fold, Measured, Tried, folds, outcome
from bot.backtest.objective import OBJECTIVES, value
from tests.backtest.results import DAY, START, result

MINUTES_5 = 300_000


@given(st.integers(1, 20), st.integers(0, 5_000))
def test_every_candle_is_tried_once_after_it_was_out_of_reach(count: int, more: int) -> None:
    end = START + (count + 1 + more) * MINUTES_5
    found = folds(START, end, MINUTES_5, count)
    assert [one.number for one in found] == list(range(1, count + 1))
    assert found[-1].until == end
    for one, following in pairwise(found):
        assert one.until == following.cut
    for one in found:
        assert one.since == START < one.cut < one.until
        assert (one.cut - START) % MINUTES_5 == 0


def test_without_folds_nothing_is_left_to_try_on() -> None:
    assert folds(0, DAY, MINUTES_5, 0) == (Fold(1, 0, DAY, DAY),)
    with pytest.raises(ValueError, match="3 candles are too few for 3 folds"):
        folds(0, 3 * MINUTES_5, MINUTES_5, 3)


def measured(mean: float, count: int = 200, seed: int = 1) -> Measured:
    in_r = np.random.default_rng(seed).normal(mean, 0.5, count)
    return Measured(count, float(in_r.mean()), float(in_r.sum()), 1.0, in_r, START + np.arange(count) * DAY // 4)


def tried(number: int, outside: float, own: float = -0.1, count: int = 200) -> Tried:
    fold = Fold(number, 0, number, number + 1)
    return Tried(
        fold, 50, {"x": 1.0}, measured(0.5), measured(outside, count, number), measured(own, count, number + 7)
    )


CASES = [
    ((tried(1, 0.5), tried(2, 0.5)), True, "holds out of sample: earned"),
    ((tried(1, -0.5), tried(2, -0.5)), False, "fails out of sample: loses"),
    ((tried(1, 0.0), tried(2, 0.01)), False, "fails out of sample: may be chance"),
    ((tried(1, 0.5, count=10), tried(2, 0.5, count=10)), False, "fails out of sample: too few trades"),
    ((tried(1, 1.0), tried(2, -0.2)), False, "fails out of sample: the last fold"),
    ((tried(1, 0.5, own=0.6), tried(2, 0.5, own=0.6)), False, "fails out of sample: the strategy's own parameters"),
    ((tried(1, 0.5)._replace(outside=None, own=None),), False, "not tried"),
]


@pytest.mark.parametrize(("found", "held", "says"), CASES, ids=[says for _, _, says in CASES])
def test_parameters_hold_only_where_they_were_not_searched(found: tuple[Tried, ...], held: bool, says: str) -> None:
    judged = outcome(found)
    assert judged.held is held
    assert judged.sentence.startswith(says)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_walk_with_hardly_any_trades_has_no_value(name: str) -> None:
    assert value(name, result(29)) is None
    better, worse = value(name, result(drift=0.3)), value(name, result(drift=-0.3))
    assert better is not None
    assert worse is not None
    assert better > 0.0 > worse
