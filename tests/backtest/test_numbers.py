"""The statistics of a backtest against independent formulas, and their confidence intervals."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from bot.backtest.alternatives import hold
from bot.backtest.bootstrap import DRAWS, Interval, Verdict, expectancy_interval, verdict
from bot.backtest.fees import TAKER, newcomer, next_worse
from bot.backtest.history import History
from bot.backtest.numbers import DAYS, cagr, drawdown, numbers, profit_factor, returns, sharpe, sortino, spread_paid
from bot.backtest.terms import Costs
from tests.backtest.results import DAY, START, result

CURVES = [
    [100.0, 110.0, 90.0, 95.0, 120.0],
    [100.0, 99.0, 98.0, 97.0],
    [100.0, 100.0, 101.0, 100.5],
    (10_000.0 * np.cumprod(1.0 + np.random.default_rng(7).normal(0.001, 0.02, 500))).tolist(),
    (10_000.0 * np.cumprod(1.0 + np.random.default_rng(8).normal(-0.002, 0.02, 500))).tolist(),
]


@pytest.mark.parametrize("curve", CURVES)
def test_ratios_are_those_of_an_independent_library(curve: list[float]) -> None:
    import empyrical  # takes a second, and every worker loads this module

    values = np.array(curve)
    daily = returns(values)
    year: Any = {"annualization": DAYS}
    fallen = drawdown(values)
    assert cagr(daily) == pytest.approx(empyrical.annual_return(daily, **year))
    assert sharpe(daily) == pytest.approx(empyrical.sharpe_ratio(daily, **year))
    assert sortino(daily) == pytest.approx(empyrical.sortino_ratio(daily, **year))
    assert -fallen.depth == pytest.approx(empyrical.max_drawdown(daily))
    assert cagr(daily) / fallen.depth == pytest.approx(empyrical.calmar_ratio(daily, **year))


@pytest.mark.parametrize(
    ("curve", "depth", "days"),
    [
        ([100.0], 0.0, 0),
        ([100.0, 110.0, 120.0], 0.0, 0),
        ([100.0, 90.0, 100.0, 80.0, 110.0], 0.2, 1),
        ([100.0, 90.0, 95.0, 99.0, 110.0, 55.0], 0.5, 3),
        ([100.0, 50.0, 60.0, 70.0], 0.5, 3),
        ([100.0, 0.0], 1.0, 1),
    ],
)
def test_a_drawdown_is_as_deep_and_as_long_as_it_was(curve: list[float], depth: float, days: int) -> None:
    assert drawdown(np.array(curve)) == (pytest.approx(depth), days)


def test_numbers_that_do_not_exist_are_none_and_all_others_are_json() -> None:
    nothing = result(0, 1, day_equity=np.array([10_000.0]))
    found = numbers(nothing).document()
    for name in (
        "win_rate",
        "expectancy",
        "expectancy_r",
        "interval_r",
        "profit_factor",
        "sharpe",
        "sortino",
        "calmar",
    ):
        assert found[name] is None, name
    assert (found["trades"], found["total_return"], found["cagr"], found["turnover"]) == (0, 0.0, 0.0, 0.0)
    assert found["verdict"] == "too few"
    for one in (nothing, result(), result(1, 1), result(5, 3, day_equity=np.array([]), day_exposure=np.array([]))):
        json.dumps(numbers(one).document(), allow_nan=False)


def test_a_lost_account_has_numbers() -> None:
    found = numbers(result(days=3, day_equity=np.array([5_000.0, 0.0, 0.0])))
    assert (found.cagr, found.max_drawdown, found.total_return) == (-1.0, 1.0, -1.0)


def test_the_sums_are_those_of_the_trades() -> None:
    walked = result()
    found, trades = numbers(walked), list(walked)
    assert found.trades == 200
    assert found.won == sum(one.pnl > 0 for one in trades)
    assert found.win_rate == pytest.approx(found.won / 200)
    assert found.pnl == pytest.approx(math.fsum(one.pnl for one in trades))
    assert found.expectancy == pytest.approx(found.pnl / 200)
    assert found.expectancy_r == pytest.approx(math.fsum(one.pnl_r for one in trades) / 200)
    assert found.fees == pytest.approx(math.fsum(one.fee + sum(leg.fee for leg in one.legs) for one in trades))
    moved = [one.entry_price * one.qty + sum(leg.price * leg.qty for leg in one.legs) for one in trades]
    assert found.turnover == pytest.approx(math.fsum(moved))
    assert found.exposure == pytest.approx(walked.day_exposure.mean())
    won, lost = (math.fsum(one.pnl for one in trades if side * one.pnl > 0) for side in (1, -1))
    assert found.profit_factor == pytest.approx(won / -lost)


@pytest.mark.parametrize(
    ("groups", "key"),
    [
        ("by_pair", lambda one: one.symbol),
        ("by_reason", lambda one: one.exit_reason),
        ("by_month", lambda one: str(np.datetime64(one.legs[-1].time, "ms").astype("datetime64[M]"))),
    ],
)
def test_groups_are_those_of_the_trades(groups: str, key: Any) -> None:
    walked = result()
    found = {group.key: group for group in getattr(numbers(walked), groups)}
    expected: dict[str, list[Any]] = {}
    for one in walked:
        expected.setdefault(key(one), []).append(one)
    assert found.keys() == expected.keys()
    for name, trades in expected.items():
        assert found[name].trades == len(trades)
        assert found[name].pnl == pytest.approx(math.fsum(one.pnl for one in trades))
        assert found[name].win_rate == pytest.approx(sum(one.pnl > 0 for one in trades) / len(trades))
        assert found[name].expectancy_r == pytest.approx(math.fsum(one.pnl_r for one in trades) / len(trades))


def test_the_order_of_groups_is_that_of_their_results_and_of_months_their_own() -> None:
    found = numbers(result())
    earned = [group.pnl for group in found.by_pair]
    assert earned == sorted(earned, reverse=True)
    months = [group.key for group in found.by_month]
    assert months == sorted(months)
    assert months[0] == "2025-01"


def test_the_spread_is_what_lay_between_the_prices_paid_and_the_middle() -> None:
    one = result(1, 1)
    spread, middle = 0.02, 100.0
    side, qty = int(one.trades.side[0]), float(one.trades.qty[0])
    one.trades.entry_price[0] = middle * (1.0 + side * spread / 2.0)
    one.legs.price[:] = middle * (1.0 - side * spread / 2.0)
    paid = spread_paid(result(1, 1, trades=one.trades, legs=one.legs, spread=spread))
    assert paid == pytest.approx(middle * spread * qty)


@pytest.mark.parametrize(("pnl", "factor"), [([], None), ([1.0], None), ([2.0, -1.0], 2.0), ([-1.0, 0.0], 0.0)])
def test_the_profit_factor(pnl: list[float], factor: float | None) -> None:
    assert profit_factor(np.array(pnl)) == factor


# -- confidence -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("interval", "trades", "expected", "words"),
    [
        (Interval(-0.3, -0.1), 100, Verdict.LOSES, "loses: the interval lies below zero (-0.200 R a trade, "),
        (Interval(0.1, 0.3), 100, Verdict.EARNS, "earned: the interval lies above zero ("),
        (Interval(-0.1, 0.3), 100, Verdict.OPEN, "may be chance: the interval contains zero ("),
        (Interval(-0.1, 0.0), 100, Verdict.OPEN, "may be chance"),
        (None, 100, Verdict.TOO_FEW, "too few trades for a verdict"),
    ],
)
def test_the_interval_is_said_in_a_sentence(
    interval: Interval | None, trades: int, expected: Verdict, words: str
) -> None:
    found = verdict(interval, trades)
    assert found is expected
    assert found.sentence(-0.2, interval).startswith(words)


def test_the_interval_is_the_same_each_time_and_holds_the_mean() -> None:
    walked = result(2_000, 300)
    first, again = (expectancy_interval(walked.trades.pnl_r, walked.trades.entry_time) for _ in range(2))
    assert first == again
    assert first is not None
    assert first.low < walked.trades.pnl_r.mean() < first.high


def test_the_interval_is_as_wide_as_theory_says() -> None:
    """Independent trades: 1.96 standard errors on each side, within the precision of that many samples."""
    walked = result(5_000, 365)
    found = expectancy_interval(walked.trades.pnl_r, walked.trades.entry_time)
    assert found is not None
    error = walked.trades.pnl_r.std() / math.sqrt(5_000)
    assert (found.high - found.low) / 2 / error == pytest.approx(1.96, rel=4 / math.sqrt(DRAWS))


def test_trades_of_one_day_that_move_together_count_as_one() -> None:
    days = START + DAY * np.repeat(np.arange(100), 20) + np.tile(np.arange(20), 100) * 3_600_000
    together = np.repeat(np.random.default_rng(7).normal(0.0, 1.0, 100), 20)
    found = expectancy_interval(together, days)
    assert found is not None
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * together.std() / 10.0, rel=0.1)


def test_trades_that_are_all_alike_leave_no_doubt_however_many_fell_on_a_day() -> None:
    days = START + DAY * np.repeat(np.arange(20), np.arange(1, 21))
    assert expectancy_interval(np.full(len(days), -0.5), days) == (-0.5, -0.5)


@pytest.mark.parametrize(("trades", "days"), [(29, 29), (100, 9), (0, 1)])
def test_few_trades_have_no_interval(trades: int, days: int) -> None:
    entered = START + DAY * (np.arange(trades) % days)
    assert expectancy_interval(np.ones(trades), entered) is None


# -- alternatives -----------------------------------------------------------------------------------------------------
def history(symbol: str, prices: list[float], start: int = START) -> History:
    close = np.array(prices)
    opening = np.concatenate((close[:1], close[:-1]))
    time = start + 300_000 * np.arange(len(close))
    return History(symbol, 300_000, time, opening, close, close, close, close, np.zeros(len(close), np.bool_))


def test_holding_buys_each_pair_at_its_first_open_and_sells_it_at_its_last_close() -> None:
    pairs = [history("A-USD", [50.0, 100.0, 150.0, 300.0]), history("B-USD", [80.0, 80.0, 40.0, 1.0])]
    free = Costs(0.0, 0.0)
    assert hold(pairs, START + 300_000, START + 900_000, free) == pytest.approx((150.0 / 50.0 + 40.0 / 80.0) / 2 - 1)
    assert hold(pairs, START + 86_400_000, START + 2 * 86_400_000, free) == 0.0
    costly = hold(pairs[:1], START, START + 600_000, Costs(0.01, 0.02))
    assert costly == pytest.approx(100.0 / 50.0 * (0.99 / 1.01) * (0.99 / 1.01) - 1)


@pytest.mark.parametrize(
    ("fee", "venue", "worse"),
    [
        (0.001, None, 0.0012),
        (0.0026, "kraken", 0.0035),
        (0.0, "okx", 0.00015),
        (0.004, "kraken", 0.006),
        (0.012, None, 0.018),
    ],
)
def test_the_next_worse_tier(fee: float, venue: str | None, worse: float) -> None:
    assert next_worse(fee, venue) == pytest.approx(worse)


@pytest.mark.parametrize("venue", TAKER)
def test_tiers_rise_to_that_of_a_newcomer(venue: str) -> None:
    assert list(TAKER[venue]) == sorted(TAKER[venue])
    assert newcomer(venue) == max(TAKER[venue])
