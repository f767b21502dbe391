"""Whose sale it was: the owner's by hand, or one of a stop that the book has not seen yet."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.domain.order import OrderStatus, OrderType, Side, VenueOrder
from bot.engine.coins import Coins

OURS = "njabcdmx0zz1w56gtf"


def order(name: str, client_id: str | None = None, parent: str | None = None) -> VenueOrder:
    return VenueOrder(
        name,
        "XRP-USDT",
        Side.SELL,
        OrderType.MARKET,
        OrderStatus.FILLED,
        Decimal(1),
        client_id=client_id,
        parent_id=parent,
    )


@pytest.mark.parametrize(
    ("shown", "by_hand"),
    [
        ([order("SALE")], True),
        ([order("SALE", client_id="owner-1")], True),
        ([order("SALE", client_id=OURS)], False),
        ([order("SALE", parent="STOP"), order("STOP", client_id=OURS)], False),
        ([order("SALE", parent="STOP"), order("STOP", parent="ENTRY"), order("ENTRY", client_id=OURS)], False),
        ([order("SALE", parent="STOP"), order("STOP", client_id="owner-2")], True),
        ([order("SALE", parent="STOP")], False),  # what made it is not shown: not certain
        ([], False),
    ],
)
def test_a_sale_is_the_owners_only_when_nothing_of_ours_made_it(shown: list[VenueOrder], by_hand: bool) -> None:
    broker = SimpleNamespace(order=lambda name, _: {one.exchange_id: one for one in shown}.get(name))
    book = SimpleNamespace(by_exchange_id=lambda _: None)
    coins = Coins(cast("Any", SimpleNamespace(broker=broker, book=book)))
    assert coins._is_foreign("SALE", "XRP-USDT") is by_hand
