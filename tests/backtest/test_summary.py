"""The output of a backtest, and its alternatives."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from bot.backtest.alternatives import Alternative, alternatives
from bot.backtest.history import History
from bot.backtest.numbers import numbers
from bot.backtest.result import Result
from bot.backtest.run import Backtest
from bot.backtest.summary import MOST_ROWS, WIDTH, show
from bot.backtest.terms import Account, Costs
from tests.backtest import unsound
from tests.backtest.candles import MINUTE, columns
from tests.backtest.results import result


def shown(walked: Result, others: tuple[Alternative, ...] = ()) -> list[str]:
    screen = io.StringIO()
    show(numbers(walked), others, Console(file=screen, width=WIDTH, highlight=False))
    return screen.getvalue().splitlines()


@pytest.mark.parametrize(
    "walked",
    [
        result(),
        result(0, 1, day_equity=np.array([10_000.0])),
        result(equity=1e9, day_equity=np.full(120, 1.23456789e9)),
        result(pairs=("A-VERY-LONG-NAME-OF-A-MARKET-USDT-SWAP", "B-USD", "C-USD")),
    ],
)
def test_it_fits_a_narrow_screen_and_cuts_nothing(walked: Result) -> None:
    lines = shown(walked, (Alternative("holding the same pairs", 0.1, 11_000.0), Alternative("cash", 0.0, 10_000.0)))
    assert max(map(len, lines)) <= WIDTH
    assert not [line for line in lines if "…" in line]
    assert any(
        line.startswith("holding the same pairs") and line.split()[-2:] == ["10.0%", "11,000.00"] for line in lines
    )


def test_the_verdict_comes_first() -> None:
    assert shown(result(5_000, 365, drift=-0.2))[0].startswith("loses: the interval lies below zero (-0.2")


def test_of_many_pairs_the_best_and_the_worst_are_shown() -> None:
    one = result(300)
    pairs = tuple(f"C{number:02d}-USD" for number in range(30))
    one.trades.symbol[:] = np.arange(300) % 30
    lines = shown(result(300, pairs=pairs, trades=one.trades))
    of_pairs = [line.split()[0] for line in lines if line.startswith("C")]
    by_result = [group.key for group in numbers(result(300, pairs=pairs, trades=one.trades)).by_pair]
    assert of_pairs == by_result[: MOST_ROWS // 2] + by_result[-MOST_ROWS // 2 :]
    assert f"({30 - MOST_ROWS} more)" in [line.strip() for line in lines]


def test_it_stands_beside_the_same_walk_on_other_terms() -> None:
    data = columns(900)
    history = History("BTC-USD", 5 * MINUTE, *data.values(), np.zeros(900, np.bool_))
    made, account = Backtest(unsound.Plain(), [history]), Account(costs=Costs(0.0002, 0.0002))
    walked = made.walk(account)
    free, worse, held, cash = alternatives(made, account, walked, 0.0005)
    for one, costs in ((free, Costs(0.0, 0.0)), (worse, Costs(0.0005, 0.0002))):
        same = numbers(made.walk(account._replace(costs=costs)))
        assert (one.trades, one.final_equity) == (same.trades, same.final_equity)
        assert one.expectancy_r == same.expectancy_r
        assert one.total_return == pytest.approx(same.total_return)
    assert free.total_return > numbers(walked).total_return > worse.total_return
    assert [free.name, worse.name, held.name, cash.name] == [
        *("without costs", "at a fee of 0.050%", "holding the same pairs", "cash")
    ]
    first = int(np.searchsorted(history.time, walked.since))
    assert held.total_return == pytest.approx(
        data["close"][-1] / data["open"][first] * (0.9999 / 1.0001) * (0.9998 / 1.0002) - 1
    )
    assert (cash.total_return, cash.final_equity, cash.trades) == (0.0, 10_000.0, None)
