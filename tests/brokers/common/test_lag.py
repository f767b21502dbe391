"""The status "filled" counts more than the figures, but only for a while."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.brokers.common.lag import FillLag
from bot.brokers.kraken.parse import INSIGNIFICANT
from bot.domain.clock import SECOND
from bot.domain.order import OrderStatus, OrderType, Side, VenueOrder

CLOSED = VenueOrder(
    exchange_id="O1",
    symbol="BTC-USD",
    side=Side.SELL,
    type=OrderType.LIMIT,
    status=OrderStatus.FILLED,
    qty=Decimal("0.5"),
    filled_qty=Decimal(0),
    avg_price=None,
)


def test_what_a_closed_order_does_not_show_counts_as_filled_for_a_while() -> None:
    now = 5
    lag = FillLag(lambda: now, INSIGNIFICANT)
    assert lag.made_up(CLOSED).filled_qty == Decimal("0.49999998")
    now += 29 * SECOND
    assert lag.made_up(replace(CLOSED, filled_qty=Decimal("0.2"))).filled_qty == Decimal("0.49999998")
    now += SECOND
    assert lag.made_up(CLOSED) == replace(CLOSED, status=OrderStatus.CANCELED)


@pytest.mark.parametrize("status", [OrderStatus.OPEN, OrderStatus.CANCELED, OrderStatus.EXPIRED])
def test_other_words_are_taken_as_they_are(status: OrderStatus) -> None:
    order = replace(CLOSED, status=status)
    assert FillLag(lambda: 0, INSIGNIFICANT).made_up(order) == order


@pytest.mark.parametrize("filled", ["0.5", "0.49999999", "0.49999998"])
def test_a_closed_order_that_shows_all_is_taken_as_it_is(filled: str) -> None:
    order = replace(CLOSED, filled_qty=Decimal(filled))
    assert FillLag(lambda: 0, INSIGNIFICANT).made_up(order) == order


def test_where_nothing_is_insignificant_all_of_it_counts_as_filled() -> None:
    assert FillLag(lambda: 0).made_up(CLOSED).filled_qty == CLOSED.qty
