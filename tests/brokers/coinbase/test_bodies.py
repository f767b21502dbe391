"""The order bodies sent to Coinbase: shapes, and prices on the market's tick."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.coinbase.bodies import harmless_body, order_body
from bot.brokers.common.outcomes import Unsupported
from bot.domain.instrument import Instrument, Ticker
from bot.domain.order import Intent, OrderType, Purpose, Side, TimeInForce

TICK = Decimal("0.05")
RULES = Instrument("BTC-USD", "BTC", "USD", TICK, Decimal("0.001"), Decimal("0.001"), Decimal(1))
PRICES = st.integers(1, 10**7).map(lambda cents: Decimal(cents).scaleb(-2))


def intent(side: Side, kind: OrderType, **more: Any) -> Intent:
    return Intent("nj0000000000000001", "k", Purpose.EXIT, "BTC-USD", side, Decimal("0.5"), kind, 0, 0, **more)


def shape(order: Intent) -> dict[str, Any]:
    ((_, found),) = order_body(order, RULES)["order_configuration"].items()
    return dict(found)


@given(trigger=PRICES, limit=st.none() | PRICES, side=st.sampled_from(Side))
def test_a_stops_limit_never_lies_before_its_trigger(trigger: Decimal, limit: Decimal | None, side: Side) -> None:
    found = shape(intent(side, OrderType.STOP, trigger_price=trigger, limit_price=limit))
    sent = {name: Decimal(found[name]) for name in ("limit_price", "stop_price")}
    assert all(price % TICK == 0 for price in sent.values())
    if side is Side.SELL:
        assert TICK <= sent["limit_price"] <= sent["stop_price"]
        assert trigger <= sent["stop_price"] < trigger + TICK
    else:
        assert sent["limit_price"] >= sent["stop_price"]


@given(
    price=PRICES, side=st.sampled_from(Side), tif=st.sampled_from([TimeInForce.IOC, TimeInForce.FOK, TimeInForce.GTC])
)
def test_a_limit_is_never_worse_than_meant(price: Decimal, side: Side, tif: TimeInForce) -> None:
    sent = Decimal(shape(intent(side, OrderType.LIMIT, limit_price=price, tif=tif))["limit_price"])
    assert sent % TICK == 0
    assert 0 <= (price - sent) * side.sign < TICK


def test_a_sale_at_a_target_is_an_immediate_limit() -> None:
    order = intent(Side.SELL, OrderType.LIMIT, limit_price=Decimal("109.03"), tif=TimeInForce.IOC)
    assert order_body(order, RULES) == {
        "product_id": "BTC-USD",
        "side": "SELL",
        "order_configuration": {"sor_limit_ioc": {"base_size": "0.5", "limit_price": "109.05"}},
    }


def test_an_attached_bracket_has_prices_on_the_grid_and_no_size() -> None:
    order = intent(
        Side.BUY,
        OrderType.LIMIT,
        limit_price=Decimal(100),
        tif=TimeInForce.IOC,
        attached_stop=Decimal("97.01"),
        attached_target=Decimal("109.01"),
    )
    assert order_body(order, RULES)["attached_order_configuration"] == {
        "trigger_bracket_gtc": {"limit_price": "109", "stop_trigger_price": "97.05"}
    }


@pytest.mark.parametrize(
    "order",
    [
        intent(Side.SELL, OrderType.LIMIT, tif=TimeInForce.IOC),
        intent(Side.SELL, OrderType.STOP),
        intent(Side.SELL, OrderType.TRAILING_STOP),
        intent(Side.BUY, OrderType.MARKET, attached_stop=Decimal(97)),
        intent(Side.SELL, OrderType.MARKET, attached_stop=Decimal(97), attached_target=Decimal(109)),
    ],
)
def test_what_coinbase_does_not_have_is_not_sent(order: Intent) -> None:
    with pytest.raises(Unsupported):
        order_body(order, RULES)


@given(distance=st.sampled_from([Decimal("0.03"), Decimal("0.5")]), bid=PRICES, side=st.sampled_from(Side))
def test_a_harmless_order_is_large_enough_and_on_its_own_side(distance: Decimal, bid: Decimal, side: Side) -> None:
    ticker = Ticker(bid + 1, bid + 2, bid + 1)
    body = harmless_body(side, distance, RULES, ticker, 0)
    found = body["order_configuration"]["limit_limit_gtd"]
    price, size = Decimal(found["limit_price"]), Decimal(found["base_size"])
    assert found["post_only"] is True
    assert price < ticker.bid if side is Side.BUY else price > ticker.ask
    assert size * min(price, ticker.bid) >= RULES.min_cost
