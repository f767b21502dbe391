"""What a decision must be worth at its close and at the price that is asked now: each refusal with its number and its limit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.engine.offer import Objection, objection, on_grid
from bot.engine.risk import Refusal
from bot.strategy.apex import ApexStrategy
from bot.strategy.base import Costs, Evaluation, Strategy
from bot.strategy.guarded import Guarded
from bot.strategy.params import Owner
from bot.strategy.rule import Why
from tests.engine.given import instrument, ticker

LONG = Evaluation(1, 0, 100.0, stop=98.0)
SHORT = Evaluation(-1, 0, 100.0, stop=102.0)
WIDE = LONG._replace(stop=95.0)
COSTS, TO_PAY = "MIN_REWARD_TO_COST at the", "to pay fees and spread"

# the decision, bid and ask now -> the gate, and what is said
CASES: list[tuple[str, Evaluation, tuple[str, str], str, str]] = [
    ("worth it", LONG, ("100", "100.1"), "", ""),
    ("short worth it", SHORT, ("99.9", "100"), "", ""),
    ("ask at the stop", LONG, ("97.9", "98"), "stop", "the stop at the ask 98: 98 against below the price"),
    ("bid at it", SHORT, ("102", "103"), "stop", "the stop at the bid 102: 102 against above the price"),
    ("wide", WIDE._replace(stop=94.9), ("100", "100"), "risk", "R at the close 100: 5.10% against 5.00% of the price"),
    ("wide at the ask", WIDE, ("100", "100.1"), "risk", "R at the ask 100.1: 5.09% against 5.00% of the price"),
    (
        "ask at target 1",
        LONG,
        ("101", "102"),
        "target",
        "the first target at the ask 102: 102 against beyond the price",
    ),
    ("bid at target 1", SHORT, ("98", "99"), "target", "the first target at the bid 98: 98 against beyond the price"),
    ("only the bid is there", LONG._replace(stop=99.0), ("101", "100.9"), "", ""),
    ("poor", LONG._replace(stop=99.6), ("100", "100"), "costs", f"{COSTS} close 100: R 0.4 against 0.4008016 {TO_PAY}"),
    (
        "spread",
        LONG._replace(stop=99.5),
        ("99.9", "100"),
        "costs",
        f"{COSTS} close 100: R 0.5 against 0.5008016 {TO_PAY}",
    ),
    (
        "ask",
        LONG._replace(stop=99.4),
        ("99.79", "99.79"),
        "costs",
        f"{COSTS} ask 99.79: R 0.39 against 0.39995992 {TO_PAY}",
    ),
]


def guarded(strategy: Strategy) -> Guarded:
    return Guarded(strategy, lambda trouble: pytest.fail(str(trouble)))


@pytest.mark.parametrize(
    ("decision", "book", "gate", "said"), [row[1:] for row in CASES], ids=[row[0] for row in CASES]
)
def test_each_refusal_says_its_number_and_its_limit(
    decision: Evaluation, book: tuple[str, str], gate: str, said: str
) -> None:
    found = objection(guarded(ApexStrategy()), "BTC-USD", decision, ticker(*book), 0.002)
    assert (("", "") if found is None else (found.gate, str(found.refusal))) == (gate, said)


def test_the_owner_may_ask_for_more() -> None:
    assert objection(guarded(ApexStrategy()), "BTC-USD", LONG, ticker("100", "100"), 0.002) is None
    found = objection(
        guarded(ApexStrategy(Owner(min_reward_to_cost=5.0))), "BTC-USD", LONG, ticker("100", "100"), 0.002
    )
    assert found is not None
    assert found.gate == "costs"


class Picky(ApexStrategy):
    def refusal(self, evaluation: Evaluation, price: float, costs: Costs) -> Why:
        return Why.DRY_VOLUME


def test_a_strategys_own_reason_is_named() -> None:
    refusal = Refusal("the strategy at the close 100", "dry_volume", "its own rule")
    assert objection(guarded(Picky()), "BTC-USD", LONG, ticker("100", "100"), 0.002) == Objection("rule", refusal)


@pytest.mark.parametrize(
    ("decision", "stop"), [(LONG._replace(stop=97.93), 98.0), (SHORT._replace(stop=102.07), 102.0)]
)
def test_a_stop_is_put_on_the_grid_towards_the_market(decision: Evaluation, stop: float) -> None:
    placed = on_grid(decision, instrument(tick=Decimal("0.1")))
    assert placed == decision._replace(stop=stop)
