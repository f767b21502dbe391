"""An entry was lost on its way: absent only once that is proved, and never sent twice."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.order import OrderStatus, Purpose
from tests.rig import Rig

LOST: list[tuple[str, dict[str, Any]]] = [
    ("drop_before", {}),
    ("hang", {"processed": False}),
    ("http_status", {"status": 520, "processed": False}),
]


@pytest.mark.parametrize(("kind", "words"), LOST)
def test_absence_is_believed_after_the_deadline_and_a_look(rig: Rig, kind: str, words: dict[str, Any]) -> None:
    rig.arm(kind, "AddOrder", count=1, **words)
    (entry,) = rig.enter()
    assert entry.deadline is not None
    while rig.clock.wall_ms() <= entry.deadline:
        rig.turn()
        assert [one.status for one in rig.enter()] == [OrderStatus.UNKNOWN]
    rig.until(lambda: rig.orders(Purpose.ENTRY)[0].done, "the proof")
    assert rig.sent() == []
    assert rig.agreed()


def test_a_failing_look_proves_nothing(rig: Rig) -> None:
    rig.arm("drop_before", "AddOrder", count=1)
    rig.arm("http_status", "ClosedOrders", status=502)
    (entry,) = rig.enter()
    assert entry.deadline is not None
    rig.clock.ahead += 30_000
    for _ in range(3):
        rig.turn()
        rig.clock.ahead += 30_000
    assert rig.orders(Purpose.ENTRY)[0].status is OrderStatus.UNKNOWN
    rig.disarm()
    rig.until(lambda: rig.orders(Purpose.ENTRY)[0].done, "the proof")


def test_an_order_that_arrives_late_is_found(rig: Rig) -> None:
    rig.arm("delay", "AddOrder", count=1, seconds=0.9)
    rig.arm("drop_after", "OpenOrders", count=2)
    rig.enter()
    rig.quiet()
    assert rig.position is not None
    assert len(rig.sent(side="buy")) == 1


def test_a_deadline_that_passed_in_transit_is_a_refusal(rig: Rig) -> None:
    rig.arm("delay", "AddOrder", count=1, seconds=1.8)
    rig.enter()
    rig.until(lambda: rig.orders(Purpose.ENTRY)[0].done, "the end")
    assert rig.sent() == []
    assert rig.agreed()
