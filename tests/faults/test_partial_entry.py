"""The entry fills in part: what was bought is protected, no more and no less."""

from __future__ import annotations

from bot.domain.order import OrderStatus, Purpose
from tests.rig import Rig


def test_what_was_bought_is_protected(rig: Rig) -> None:
    rig.arm("partial_fill", "AddOrder", count=1)
    rig.enter()
    rig.quiet()
    (entry,) = rig.orders(Purpose.ENTRY)
    assert entry.status is OrderStatus.CANCELED
    assert 0 < entry.filled_qty < entry.qty
    assert rig.position is not None
    assert rig.position.qty == entry.filled_qty == rig.resting() == rig.coins()
    assert rig.naked_seconds() == []


def test_in_part_and_with_its_answer_lost(rig: Rig) -> None:
    rig.arm("partial_fill", "AddOrder", count=1)
    rig.arm("drop_after", "AddOrder", count=1)
    rig.enter()
    rig.until(lambda: rig.position is not None, "the position")
    rig.quiet()
    assert rig.position is not None
    assert rig.position.qty == rig.resting() == rig.coins()
    assert len(rig.sent(side="buy")) == 1


def test_a_target_that_fills_in_part_is_finished(rig: Rig) -> None:
    bought = rig.bought()
    rig.arm("partial_fill", "AddOrder", count=1)
    rig.jump("1.05")
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    assert rig.position is not None
    lot = rig.business.desk.instruments[rig.symbol].lot
    assert abs(rig.position.qty - bought.qty / 2) <= lot
    assert rig.resting() == rig.position.qty
