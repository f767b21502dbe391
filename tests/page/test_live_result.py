"""The ledger's trades as a backtest's result: the same numbers, and equity from what there is now."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from bot.backtest.numbers import numbers
from bot.domain.clock import DAY, HOUR, day_start
from bot.domain.profit import Trade
from bot.page.live_result import equity_points, result_of
from tests.domain.test_profit import MONDAY, OVER_A_WEEK, STILL_OPEN, leg, trade

AS_OF = MONDAY + 8 * DAY
KNOWN = replace(OVER_A_WEEK, risk=Decimal(5), stop=Decimal(95), decided_at=MONDAY)
TRADES = [KNOWN, replace(STILL_OPEN, price=Decimal(130), entry_price=Decimal(100), held=Decimal(1))]


def test_the_numbers_are_those_of_the_ledger() -> None:
    result = result_of(TRADES, Decimal(1_000), 0, None, AS_OF)
    found = numbers(result)
    assert (found.trades, found.won) == (1, 1)
    assert found.pnl == pytest.approx(float(KNOWN.result_usd)) == pytest.approx(4.2)
    assert found.expectancy_r == pytest.approx(4.2 / (5 * 2))
    assert found.fees == pytest.approx(float(KNOWN.fees_usd)) == pytest.approx(0.8)
    assert [(one.key, one.trades) for one in found.by_reason] == [("stop", 1)]
    assert [leg.reason for leg in result.trade(0).legs] == ["tp1", "stop"]
    assert found.turnover == pytest.approx(2 * 100 + 110 + 95)


def test_equity_ends_with_what_there_is_and_begins_with_what_was_not_earned() -> None:
    result = result_of(TRADES, Decimal(1_000), 0, None, AS_OF)
    earned = sum(float(one.result_usd + one.open_usd) for one in TRADES)
    assert result.equity == pytest.approx(1_000 - earned)
    assert result.day_equity[-1] == pytest.approx(1_000)
    assert result.day_equity[0] == pytest.approx(1_000 - earned - 0.8)
    assert (np.diff(result.day) > 0).all()
    assert (result.since, result.until) == (MONDAY, AS_OF + 1)


def test_of_a_part_of_the_time_only_that_counts() -> None:
    result = result_of(TRADES, Decimal(1_000), MONDAY + DAY, MONDAY + 2 * DAY, AS_OF)
    assert (len(result.trades), result.since, result.until) == (0, MONDAY + DAY, MONDAY + 2 * DAY)
    assert result.day_equity[-1] - result.equity == pytest.approx(9.8 + 19.8)


def test_a_trade_whose_risk_is_unknown_counts_in_money_alone() -> None:
    other = replace(OVER_A_WEEK, symbol="ETH-USD")
    found = numbers(result_of([KNOWN, other], Decimal(1_000), 0, None, AS_OF))
    assert (found.trades, found.pnl) == (2, pytest.approx(8.4))
    assert found.expectancy_r == pytest.approx(0.42)
    assert {group.key: group.expectancy_r for group in found.by_pair} == {
        "BTC-USD": pytest.approx(0.42),
        "ETH-USD": 0.0,
    }


def test_without_a_measured_equity_there_is_no_return() -> None:
    found = numbers(result_of(TRADES, None, 0, None, AS_OF))
    assert (found.total_return, found.max_drawdown) == (None, 0.0)


def test_the_time_in_positions_is_what_was_invested() -> None:
    half_a_day = trade(leg(MONDAY, "100", "1"), leg(MONDAY + 12 * HOUR, "100", "1", purpose="stop"))
    found = numbers(result_of([half_a_day], Decimal(1_000), 0, MONDAY + DAY, AS_OF))
    assert found.exposure == pytest.approx(0.05)


def test_a_short_time_shows_every_fill_and_a_long_one_every_day() -> None:
    def shown(trades: list[Trade]) -> int:
        result = result_of(trades, Decimal(1_000), 0, None, AS_OF)
        return len(equity_points(trades, result, Decimal(1_000), AS_OF).time)

    assert shown([KNOWN]) == 4  # the first fill is at the beginning
    many = [
        trade(leg(MONDAY + at * 1_000, "100"), leg(MONDAY + at * 1_000 + 500, "101", purpose="stop"))
        for at in range(3_000)
    ]
    assert shown(many) == 1 + len(range(day_start(MONDAY), AS_OF, DAY))
