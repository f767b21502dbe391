"""The entry fills partly and its rest is cancelled: the stop has the size really held, less a fee taken in the coin."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.log import Event
from bot.domain.order import OrderStatus, Purpose
from tests.paths import APART, PATHS, VENUES
from tests.rig import Rig


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("apart", [False, True])
def test_what_is_held_is_protected(rig: Rig, venue: str, apart: bool) -> None:
    """Also if the stop is placed after the entry."""
    with rig.switched(APART[venue], apart):
        rig.restart()
        rig.arm("partial_fill", PATHS[venue].entry, count=1)
        rig.enter()
        rig.quiet()
    (entry,) = rig.orders(Purpose.ENTRY)
    assert entry.status in (OrderStatus.CANCELED, OrderStatus.EXPIRED)
    assert 0 < entry.filled_qty < entry.qty
    in_coin = sum(Decimal(fill["fee"]) for fill in rig.truth()["fills"] if fill["fee_asset"] == rig.base)
    assert (in_coin > 0) is (venue == "okx")
    assert rig.position is not None
    assert rig.position.qty == entry.filled_qty - in_coin
    assert rig.notes.said(Event.GONE) == []  # it was right at once, not only after the balances had been compared
    assert rig.protected()
    assert apart or rig.naked_seconds() == []


def test_in_part_and_with_its_answer_lost(rig: Rig) -> None:
    rig.arm("partial_fill", "AddOrder", count=1)
    rig.arm("drop_after", "AddOrder", count=1)
    rig.enter()
    rig.until(lambda: rig.position is not None, "the position")
    rig.quiet()
    assert rig.protected()
    assert len(rig.sent(side="buy")) == 1


def test_a_target_that_fills_in_part_is_finished(rig: Rig) -> None:
    bought = rig.bought()
    rig.arm("partial_fill", "AddOrder", count=1)
    rig.jump("1.05")
    rig.until(lambda: len(rig.orders(Purpose.TP1)) > 1, "the rest of the first target")
    rig.quiet()
    assert rig.position is not None
    lot = rig.engine.oms.instruments[rig.symbol].lot
    assert abs(rig.position.qty - bought.qty / 2) <= lot
    assert rig.resting() == rig.position.qty
