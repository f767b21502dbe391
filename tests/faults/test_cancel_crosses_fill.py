"""A cancel and a fill cross: the cancel is rejected because the stop has filled, or a fill appears after its order has
ended. Neither sells twice or loses coins.
"""

from __future__ import annotations

import threading
import time
from decimal import Decimal

import pytest

from bot.domain.order import OrderStatus, Purpose
from tests.paths import PATHS, VENUES
from tests.rig import Rig


@pytest.mark.parametrize("venue", VENUES)
def test_a_cancel_is_refused_because_the_stop_has_filled(rig: Rig, venue: str) -> None:
    """We cancel the stop to sell; while the cancel is on its way the market falls and the stop sells."""
    bought = rig.bought().qty
    rig.deposit(rig.base, bought * 3)
    price = rig.engine.oms.broker.tickers({rig.symbol})[rig.symbol].last * Decimal("0.90")
    tick = rig.engine.oms.instruments[rig.symbol].price(price)
    rig.arm("delay", PATHS[venue].cancel, count=1, seconds=1.0)
    words = {"venue": venue, "symbol": rig.symbol, "price": str(tick)}

    def fall_once_the_cancel_is_on_its_way() -> None:
        while not rig.asked(PATHS[venue].cancel):
            time.sleep(0.02)
        rig.sandbox.control("POST", "price", **words)

    falling = threading.Thread(target=fall_once_the_cancel_is_on_its_way)
    falling.start()
    while rig.engine.flattening.step("flatten"):
        rig.turn()
    falling.join()
    rig.quiet()
    assert rig.position is None
    assert rig.resting() == 0
    sold = sum(Decimal(row["filled"]) for row in rig.sent(side="sell", origin="api"))
    assert sold == 0 or venue == "coinbase"  # only the stop has sold; Coinbase's may be cancelled first
    assert bought * 3 <= rig.coins() < bought * 3 + rig.lot


@pytest.mark.parametrize("venue", VENUES)
def test_a_fill_of_an_entry_that_was_over(rig: Rig, venue: str) -> None:
    """The exchange reported that the entry ended unfilled, and then lists its fill: it becomes a position."""
    rig.arm("late_fill", seconds=5.0)
    rig.enter()
    rig.disarm()
    (entry,) = rig.orders(Purpose.ENTRY)
    assert entry.client_id is not None
    assert entry.booked_qty == 0
    rig.book.mark(entry.client_id, OrderStatus.CANCELED, reason="what the exchange said")
    assert rig.orders(Purpose.ENTRY)[0].settled
    rig.until(lambda: rig.position is not None, "the position")
    rig.quiet()
    assert rig.protected()
    assert rig.orders(Purpose.ENTRY)[0].filled_qty > 0
    assert len(rig.sent(side="buy")) == 1
