"""Rows of the owner's own orders, trades and coins that no documentation describes: NIJA's lists stay complete and readable."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.log import Event
from tests.faults.test_switches import whole_trade
from tests.rig import Rig

EACH_FORM = 6


def owner_trades(rig: Rig) -> None:
    """By hand: at the market, and limit orders that rest far below it."""
    price = rig.engine.oms.broker.tickers({rig.symbol})[rig.symbol].last
    qty = rig.engine.oms.instruments[rig.symbol].size(20 / price)
    for _ in range(EACH_FORM):
        rig.manual("buy", qty)
        rig.manual("buy", qty, rig.engine.oms.instruments[rig.symbol].price(price / 2))
    rig.manual("sell", rig.coins())


@pytest.mark.parametrize("venue", ["kraken", "okx"])
def test_nothing_is_blocked_and_the_owners_orders_rest(rig: Rig) -> None:
    with rig.switched("odd_foreign_rows", True):
        owner_trades(rig)
        resting = [row["id"] for row in rig.sent(origin="manual", status="open")]
        whole_trade(rig)
        assert [row["id"] for row in rig.sent(origin="manual", status="open")] == resting
        assert len(resting) == EACH_FORM
        assert len(rig.notes.said(Event.LEFT_OUT)) > 0


def test_a_coin_with_an_absurd_balance_hides_no_position(rig: Rig) -> None:
    coin, amount = "SHIB", Decimal("1e21")
    rig.deposit(coin, amount)
    try:
        whole_trade(rig)
    finally:
        rig.deposit(coin, -amount)
    assert {fields["product"] for fields in rig.notes.said(Event.LEFT_OUT)} == {coin}
