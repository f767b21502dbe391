"""A gateway's HTML page instead of the answer to a market order, which may have filled without showing in open orders."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.order import OrderStatus, OrderType, Purpose
from bot.engine.lost_orders import REPEAT_AFTER
from tests.paths import PATHS, VENUES
from tests.rig import Rig

STATUSES = {"kraken": 502, "okx": 520, "coinbase": 503}


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("filled", [True, False])
def test_a_market_order_that_filled_at_once_or_never(rig: Rig, venue: str, filled: bool) -> None:
    """The first target's sale: its leg is sold exactly once, whether or not the order behind the page was placed."""
    bought = rig.bought().qty
    rig.deposit(rig.base, bought * 3)
    page = {"status": STATUSES[venue], "processed": filled, "count": 1, "after": int(venue == "coinbase")}
    rig.arm("http_status", PATHS[venue].entry, method="POST", **page)  # Coinbase: a smaller stop is placed first
    rig.jump("1.05")
    while not rig.sales():
        rig.turn()
    (lost,) = rig.sales()
    assert (lost.type, lost.status) == (OrderType.LIMIT, OrderStatus.UNKNOWN)
    rig.clock.ahead += REPEAT_AFTER
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    (sold,) = [row for row in rig.sent(side="sell", type="limit") if Decimal(row["filled"])]
    assert (sold["client_id"] == lost.client_id) or not filled
    assert abs(Decimal(sold["filled"]) - bought / 2) <= rig.lot
    assert rig.coins() == bought * 4 - Decimal(sold["filled"])


@pytest.mark.parametrize("venue", VENUES)
def test_an_entry_behind_a_page_of_html(rig: Rig, venue: str) -> None:
    rig.arm("http_status", PATHS[venue].entry, method="POST", status=STATUSES[venue], count=1, processed=True)
    rig.enter()
    rig.quiet()
    assert len(rig.sent(side="buy")) == len(rig.orders(Purpose.ENTRY)) == 1
    assert rig.protected()
