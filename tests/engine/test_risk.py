"""Each limit on both sides of its bound."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.clock import MINUTE
from bot.engine import risk

LIMITS = risk.Limits(
    max_open_positions=3,
    max_exposure_pct=Decimal(50),
    max_order_usd=Decimal(200),
    max_daily_loss_pct=Decimal(5),
    max_drawdown_pct=Decimal(20),
    max_orders_per_minute=10,
    max_coin_exposure_pct=Decimal(25),
)
FACTS = risk.Facts(
    equity=Decimal(1000),
    exposure=Decimal(0),
    coin_exposure=Decimal(0),
    open_positions=0,
    orders_last_minute=0,
)
MONEY = st.decimals(0, 100_000, places=2)


def name(refusal: risk.Refusal | None) -> str | None:
    return refusal.limit if refusal else None


@pytest.mark.parametrize(("lost", "halted"), [("0", None), ("4.99", None), ("5", "MAX_DAILY_LOSS_PCT")])
def test_a_day(lost: str, halted: str | None) -> None:
    assert name(risk.halt_of_day(risk.Losses(day_pct=Decimal(lost)), LIMITS)) == halted
    assert risk.halt_of_drawdown(risk.Losses(day_pct=Decimal(lost)), LIMITS) is None


@pytest.mark.parametrize(("lost", "halted"), [("19.99", None), ("20", "MAX_DRAWDOWN_PCT"), ("99", "MAX_DRAWDOWN_PCT")])
def test_a_drawdown(lost: str, halted: str | None) -> None:
    assert name(risk.halt_of_drawdown(risk.Losses(drawdown_pct=Decimal(lost)), LIMITS)) == halted


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
        ({"exposure": Decimal(150), "coin_exposure": Decimal(150)}, "100", None),
        ({"exposure": Decimal(150), "coin_exposure": Decimal(150)}, "100.01", "MAX_COIN_EXPOSURE_PCT"),
        ({"equity": Decimal(0)}, "0.01", "MAX_COIN_EXPOSURE_PCT"),
    ],
)
def test_an_entry(change: dict[str, Decimal | int], order: str, limit: str | None) -> None:
    assert name(risk.refusal(Decimal(order), replace(FACTS, **change), LIMITS)) == limit  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("exposure", "of_coin", "most", "expected", "limit"),
    [
        ("0", "0", "200", "200", "MAX_ORDER_USD"),
        ("0", "0", None, "250", "MAX_COIN_EXPOSURE_PCT"),
        ("100", "100", "200", "150", "MAX_COIN_EXPOSURE_PCT"),
        ("350", "0", "200", "150", "MAX_EXPOSURE_PCT"),
        ("500", "0", None, "0", "MAX_EXPOSURE_PCT"),
        ("600", "300", None, "0", "MAX_EXPOSURE_PCT"),
    ],
)
def test_the_ceiling_of_one_more_entry(
    exposure: str, of_coin: str, most: str | None, expected: str, limit: str
) -> None:
    limits = replace(LIMITS, max_order_usd=None if most is None else Decimal(most))
    facts = replace(FACTS, exposure=Decimal(exposure), coin_exposure=Decimal(of_coin))
    assert risk.ceiling(facts, limits) == risk.Ceiling(Decimal(expected), limit)


@given(equity=MONEY, exposure=MONEY, of_coin=MONEY, order=MONEY)
def test_an_entry_is_refused_exactly_when_it_is_above_the_ceiling(
    equity: Decimal, exposure: Decimal, of_coin: Decimal, order: Decimal
) -> None:
    facts = replace(FACTS, equity=equity, exposure=exposure + of_coin, coin_exposure=of_coin)
    most = risk.ceiling(facts, LIMITS)
    refused = risk.refusal(order, facts, LIMITS)
    if order > 0:
        assert (refused is not None) is (order > most.usd)
    if refused is None:
        assert facts.exposure + order <= equity * LIMITS.max_exposure_pct / 100
        assert facts.coin_exposure + order <= equity * LIMITS.max_coin_exposure_pct / 100


@pytest.mark.parametrize(
    ("bid", "ask", "limit"),
    [
        ("100", "100.5", None),
        ("100", "103", "MAX_SPREAD_PCT"),
        ("102", "103", None),
        ("102.5", "103.01", "MAX_PRICE_JUMP_PCT"),
        ("97", "97.5", None),
        ("96.99", "97.5", "MAX_PRICE_JUMP_PCT"),
        ("99.5", "100.5", None),
        ("99.4", "100.5", "MAX_SPREAD_PCT"),
        ("0", "100", "price sanity"),
        ("101", "100", "price sanity"),
    ],
)
def test_prices_that_cannot_be_trusted(bid: str, ask: str, limit: str | None) -> None:
    assert name(risk.insane(Decimal(100), Decimal(bid), Decimal(ask), LIMITS)) == limit


@pytest.mark.parametrize(("age", "limit"), [(0, None), (-5_000, None), (60_000, None), (60_001, "stale balances")])
def test_answers_that_are_too_old(age: int, limit: str | None) -> None:
    assert name(risk.stale("balances", age)) == limit


NOW = 1_000 * MINUTE
LOST, WON = Decimal("-0.01"), Decimal("0.01")


@pytest.mark.parametrize(
    ("results", "cools"),
    [
        ([], False),
        ([(0, LOST)] * 2, False),
        ([(0, LOST)] * 3, True),
        ([(0, WON), (0, LOST), (0, LOST), (0, LOST)], False),
        ([(0, LOST), (0, LOST), (0, WON), (0, LOST)], False),
        ([(0, LOST), (0, LOST), (0, Decimal(0))], False),
        ([(0, LOST)] * 4, True),
        ([(-59, LOST), (-300, LOST), (-400, LOST)], True),
        ([(-60, LOST), (-60, LOST), (-60, LOST)], False),
    ],
)
def test_losses_in_a_row_cool_down(results: list[tuple[int, Decimal]], cools: bool) -> None:
    ended = [(NOW + minutes * MINUTE, earned) for minutes, earned in results]
    refusal = risk.cooling(ended, NOW, LIMITS)
    assert (refusal is not None) is cools
    if refusal is not None:
        assert refusal.limit == "MAX_LOSSES_IN_A_ROW"


def test_a_refusal_says_limit_value_and_bound() -> None:
    refusal = risk.refusal(Decimal(300), FACTS, LIMITS)
    assert str(refusal) == "MAX_ORDER_USD: 300 against 200"
