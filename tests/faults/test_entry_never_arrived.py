"""An entry was lost on its way: it counts as absent only once every list proves it, and is never sent twice."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.order import OrderStatus, Purpose
from bot.engine.lost_orders import BURN_AFTER
from tests.paths import PATHS
from tests.rig import Rig

LOST: list[tuple[str, str, dict[str, Any]]] = [
    ("kraken", "drop_before", {}),
    ("kraken", "hang", {"processed": False}),
    ("kraken", "http_status", {"status": 520, "processed": False}),
    ("okx", "drop_before", {}),
]
PLACES = [(venue, place) for venue in ("kraken", "okx") for place in ("opened", "closed", "fills")]
SEARCHED = [*PLACES, ("coinbase", "opened"), ("coinbase", "fills")]


@pytest.mark.parametrize(("venue", "kind", "words"), LOST)
def test_absence_is_believed_after_the_deadline_and_a_look(
    rig: Rig, venue: str, kind: str, words: dict[str, Any]
) -> None:
    rig.arm(kind, PATHS[venue].entry, method="POST", count=1, **words)
    (entry,) = rig.enter()
    assert entry.deadline is not None
    while rig.clock.wall_ms() <= entry.deadline:
        rig.turn()
        assert [one.status for one in rig.enter()] == [OrderStatus.UNKNOWN]
    rig.until(lambda: rig.orders(Purpose.ENTRY)[0].done, "the proof")
    assert rig.sent() == []
    assert rig.agreed()


@pytest.mark.parametrize(("venue", "place"), SEARCHED)
def test_a_place_that_does_not_answer_proves_nothing(rig: Rig, venue: str, place: str) -> None:
    """Open orders, closed orders and fills: while one of them fails there is no proof, however long it takes."""
    paths = PATHS[venue]
    rig.arm("drop_before", paths.entry, method="POST", count=1)
    rig.arm("http_status", getattr(paths, place), status=502, processed=False)
    (entry,) = rig.enter()
    rig.arm("drop_before", paths.entry, method="POST")
    for _ in range(3):
        rig.clock.ahead += 40_000
        rig.turn()
    assert [one.status for one in rig.orders(Purpose.ENTRY)] == [OrderStatus.UNKNOWN]
    rig.disarm()
    rig.until(lambda: rig.orders(Purpose.ENTRY)[0].done, "the proof")
    assert rig.orders(Purpose.ENTRY)[0].client_id == entry.client_id
    assert rig.position is None
    assert rig.agreed()


@pytest.mark.parametrize("venue", ["coinbase"])
def test_without_deadlines_the_id_is_used_up(rig: Rig, venue: str) -> None:
    """Coinbase has no deadline: an order that cannot trade uses up the client id, so that the lost one has no effect."""
    rig.arm("drop_before", PATHS[venue].entry, method="POST", count=1)
    (entry,) = rig.enter()
    rig.turn()
    assert rig.orders(Purpose.ENTRY)[0].status is OrderStatus.UNKNOWN
    rig.clock.ahead += BURN_AFTER
    rig.until(lambda: rig.orders(Purpose.ENTRY)[0].done, "the end")
    (stands,) = rig.sent(side="buy")
    assert (stands["client_id"], stands["filled"], stands["status"]) == (entry.client_id, "0", "canceled")
    assert rig.position is None
    assert rig.agreed()


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
