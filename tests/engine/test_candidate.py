"""The snapshot of a signal: the trade at its close and at the current price, its stop on the grid, its symbol's losses."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from bot.domain.clock import MINUTE
from bot.engine.candidate import _losses, offer, on_grid
from bot.strategy.apex import ApexStrategy
from bot.strategy.base import Costs, Evaluation, Strategy, Terms
from bot.strategy.gate_words import explained
from bot.strategy.gates import OFFER, Blocked, Gate, first
from bot.strategy.guarded import GuardedStrategy, StrategyError
from bot.strategy.params import RiskSettings
from tests.engine.exchange import LIMITS
from tests.engine.given import instrument

LONG = Evaluation(1, 0, 100.0, stop=98.0)
SHORT = Evaluation(-1, 0, 100.0, stop=102.0)
WIDE = LONG._replace(stop=95.0)
PAYS = "does not cover fees and spread:"


def looked_at(rule: Strategy, decision: Evaluation, where: str, price: float, costs: Costs) -> Blocked | None:
    """The gate that blocks a trade at a price."""
    found = offer(GuardedStrategy(rule, lambda _: None), "BTC-USD", decision, where, price, costs)
    assert found is not None
    return first(OFFER, found)


# the decision, where it is checked and at what price -> the gate, and its reason
CASES: list[tuple[str, Evaluation, str, float, Gate | None, str]] = [
    ("worth it", LONG, "ask", 100.1, None, ""),
    ("short worth it", SHORT, "bid", 99.9, None, ""),
    ("ask at the stop", LONG, "ask", 98.0, Gate.STOP, "the ask 98 is at its stop 98 or beyond"),
    ("bid at it", SHORT, "bid", 102.0, Gate.STOP, "the bid 102 is at its stop 102 or beyond"),
    (
        "wide",
        WIDE._replace(stop=94.9),
        "close",
        100.0,
        Gate.RISK,
        "the close 100: 5.10 % of the price, more than 5.00 %",
    ),
    ("wide at the ask", WIDE, "ask", 100.1, Gate.RISK, "the ask 100.1: 5.09 % of the price, more than 5.00 %"),
    ("ask at target 1", LONG, "ask", 102.0, Gate.TARGET, "the ask 102 has already reached the first target 102"),
    ("bid at target 1", SHORT, "bid", 98.0, Gate.TARGET, "the bid 98 has already reached the first target 98"),
    ("poor", LONG._replace(stop=99.6), "close", 100.0, Gate.COSTS, f"R 0.4 at the close 100 {PAYS} 0.50080160"),
    ("ask", LONG._replace(stop=99.4), "ask", 99.79, Gate.COSTS, f"R 0.39 at the ask 99.79 {PAYS} 0.4999599"),
]


@pytest.mark.parametrize(
    ("decision", "where", "price", "gate", "said"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_a_trade_is_looked_at_where_it_is_decided_and_where_it_is_paid(
    decision: Evaluation, where: str, price: float, gate: Gate | None, said: str
) -> None:
    found = looked_at(ApexStrategy(), decision, where, price, Costs(0.002, 0.1))
    assert (found and found.gate) == gate
    assert found is None or said.rstrip("0") in explained(found).reason


def test_the_owner_may_ask_for_more() -> None:
    assert looked_at(ApexStrategy(), LONG, "close", 100.0, Costs(0.002, 0.0)) is None
    found = looked_at(ApexStrategy(RiskSettings(min_reward_to_cost=5.0)), LONG, "close", 100.0, Costs(0.002, 0.0))
    assert found is not None
    assert found.gate is Gate.COSTS


class Bold(ApexStrategy):
    def terms(self, evaluation: Evaluation, price: float, costs: Costs) -> Terms:
        return Terms(evaluation.stop)


@pytest.mark.parametrize("price", [100.0, 150.0])
def test_a_strategy_may_ask_for_nothing_but_its_stop(price: float) -> None:
    """No R is too small for it, and none too wide."""
    assert looked_at(Bold(), LONG._replace(stop=99.9), "ask", price, Costs(0.002, 5.0)) is None


class Silent(ApexStrategy):
    def terms(self, evaluation: Evaluation, price: float, costs: Costs) -> Terms:
        raise ZeroDivisionError


class Vague(ApexStrategy):
    def terms(self, evaluation: Evaluation, price: float, costs: Costs) -> Terms:
        return Terms(math.nan)


@pytest.mark.parametrize("rule", [Silent(), Vague()])
def test_a_strategy_that_cannot_say_what_it_asks_makes_no_offer(rule: Strategy) -> None:
    errors: list[StrategyError] = []
    assert offer(GuardedStrategy(rule, errors.append), "BTC-USD", LONG, "ask", 100.0, Costs(0.002, 0.1)) is None
    assert [error.question for error in errors] == ["terms"]


@pytest.mark.parametrize(
    ("decision", "stop"), [(LONG._replace(stop=97.93), 98.0), (SHORT._replace(stop=102.07), 102.0)]
)
def test_a_stop_is_put_on_the_grid_towards_the_market(decision: Evaluation, stop: float) -> None:
    placed = on_grid(decision, instrument(tick=Decimal("0.1")))
    assert placed == decision._replace(stop=stop)


LOST, WON = Decimal("-0.01"), Decimal("0.01")


@pytest.mark.parametrize(
    ("results", "lost", "cooled"),
    [
        ([], 0, 0),
        ([(0, LOST)] * 2, 2, 60),
        ([(0, LOST)] * 3, 3, 60),
        ([(0, WON), (0, LOST), (0, LOST)], 0, 60),
        ([(0, LOST), (0, LOST), (0, WON)], 2, 60),
        ([(0, LOST), (0, LOST), (0, Decimal(0))], 2, 60),
        ([(-59, LOST), (-300, LOST), (-400, LOST)], 3, 1),
        ([(-60, LOST), (-60, LOST), (-60, LOST)], 3, 0),
    ],
)
def test_losses_in_a_row_and_until_when_they_cool_down(
    results: list[tuple[int, Decimal]], lost: int, cooled: int
) -> None:
    ended = [(minutes * MINUTE, earned) for minutes, earned in results]
    assert _losses(ended, LIMITS) == (lost, cooled * MINUTE)
