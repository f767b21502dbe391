"""Each limit on both sides of its bound."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.engine import risk

LIMITS = risk.Limits(
    max_open_positions=3,
    max_exposure_pct=Decimal(50),
    max_order_usd=Decimal(200),
    max_daily_loss_pct=Decimal(5),
    max_drawdown_pct=Decimal(20),
    max_orders_per_minute=10,
)
FACTS = risk.Facts(
    equity=Decimal(1000),
    day_loss=Decimal(0),
    drawdown=Decimal(0),
    exposure=Decimal(0),
    open_positions=0,
    orders_last_minute=0,
)


@pytest.mark.parametrize(
    ("lost", "halted"),
    [("0", None), ("49.99", None), ("50", "MAX_DAILY_LOSS_PCT"), ("1000", "MAX_DAILY_LOSS_PCT")],
)
def test_daily_loss_is_measured_against_the_money_before_it(lost: str, halted: str | None) -> None:
    loss = Decimal(lost)
    facts = replace(FACTS, day_loss=loss, equity=Decimal(1000) - loss)
    refusal = risk.halt(facts, LIMITS)
    assert (refusal.limit if refusal else None) == halted


@pytest.mark.parametrize(("lost", "halted"), [("199.99", None), ("200", "MAX_DRAWDOWN_PCT")])
def test_drawdown(lost: str, halted: str | None) -> None:
    facts = replace(FACTS, drawdown=Decimal(lost), equity=Decimal(1000) - Decimal(lost))
    refusal = risk.halt(facts, LIMITS)
    assert (refusal.limit if refusal else None) == halted


def test_an_account_without_money_is_not_halted_by_arithmetic() -> None:
    assert risk.halt(replace(FACTS, equity=Decimal(0)), LIMITS) is None
    assert risk.halt(replace(FACTS, equity=Decimal(-5), day_loss=Decimal(3)), LIMITS) is None


@pytest.mark.parametrize(
    ("change", "order", "limit"),
    [
        ({}, "200", None),
        ({}, "200.01", "MAX_ORDER_USD"),
        ({"open_positions": 2}, "10", None),
        ({"open_positions": 3}, "10", "MAX_OPEN_POSITIONS"),
        ({"open_positions": 9}, "10", "MAX_OPEN_POSITIONS"),
        ({"orders_last_minute": 9}, "10", None),
        ({"orders_last_minute": 10}, "10", "MAX_ORDERS_PER_MINUTE"),
        ({"exposure": Decimal(400)}, "100", None),
        ({"exposure": Decimal(400)}, "100.01", "MAX_EXPOSURE_PCT"),
        ({"exposure": Decimal(600)}, "1", "MAX_EXPOSURE_PCT"),
    ],
)
def test_an_entry(change: dict[str, Decimal | int], order: str, limit: str | None) -> None:
    refusal = risk.refusal(Decimal(order), replace(FACTS, **change), LIMITS)  # type: ignore[arg-type]
    assert (refusal.limit if refusal else None) == limit


@pytest.mark.parametrize(
    ("exposure", "most", "expected"),
    [("0", "200", "200"), ("0", None, "500"), ("350", "200", "150"), ("500", None, "0"), ("600", None, "0")],
)
def test_the_ceiling_of_one_more_entry(exposure: str, most: str | None, expected: str) -> None:
    limits = replace(LIMITS, max_order_usd=None if most is None else Decimal(most))
    ceiling = risk.ceiling(replace(FACTS, exposure=Decimal(exposure)), limits)
    assert ceiling == Decimal(expected)
    assert ceiling == 0 or risk.refusal(ceiling, replace(FACTS, exposure=Decimal(exposure)), limits) is None


@pytest.mark.parametrize(
    ("bid", "ask", "limit"),
    [
        ("100", "100.5", None),
        ("100", "103", "spread"),
        ("102", "103", None),
        ("102.5", "103.01", "price sanity"),
        ("97", "97.5", None),
        ("96.99", "97.5", "price sanity"),
        ("99.5", "100.5", None),
        ("99.4", "100.5", "spread"),
        ("0", "100", "price sanity"),
        ("101", "100", "price sanity"),
    ],
)
def test_prices_that_cannot_be_trusted(bid: str, ask: str, limit: str | None) -> None:
    refusal = risk.insane(Decimal(100), Decimal(bid), Decimal(ask), LIMITS)
    assert (refusal.limit if refusal else None) == limit


@pytest.mark.parametrize(("positions", "free"), [(0, 3), (2, 1), (3, 0), (5, 0)])
def test_slots(positions: int, free: int) -> None:
    assert risk.slots(replace(FACTS, open_positions=positions), LIMITS) == free


def test_a_refusal_says_limit_value_and_bound() -> None:
    refusal = risk.refusal(Decimal(300), FACTS, LIMITS)
    assert str(refusal) == "MAX_ORDER_USD: 300 against 200"
