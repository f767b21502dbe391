"""A child of our order is ours, whatever id the exchange gives it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.domain.ids import MARK
from bot.domain.order import OrderStatus, OrderType, Purpose, Side, VenueOrder
from bot.engine.reconcile import Reconciliation
from tests.engine.test_lost_orders_same_id import SYMBOL, Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def child(parent: str, client_id: str | None) -> VenueOrder:
    """A bracket that came with an entry."""
    return VenueOrder(
        "C000000001",
        SYMBOL,
        Side.SELL,
        OrderType.BRACKET,
        OrderStatus.OPEN,
        Decimal(1),
        client_id=client_id,
        parent_id=parent,
        trigger_price=Decimal(95),
        created_at=1_000_001,
    )


@pytest.mark.parametrize("client_id", [None, "9f1f7a8e-5e0c-4a63-9f3a-2a1d0c1b2a3d", f"{MARK}xyz0000000000000"])
def test_a_child_of_our_order_is_ours_under_any_id(client_id: str | None, scene: Scene) -> None:
    """As after a crash during an entry: the book has the order, and the exchange has the bracket that came with it."""
    entry = scene.lose(Purpose.ENTRY, arrived=True)
    scene.lost_orders.search()
    scene.venue.resting = [child(str(scene.record(entry).exchange_id), client_id)]
    Reconciliation(scene.oms).compare()
    assert scene.book.get_state("second_instance") is None
    adopted = scene.book.by_exchange_id("C000000001")
    assert adopted is not None
    assert adopted.purpose is Purpose.STOP
    assert scene.oms.is_mine(scene.venue.resting[0])


@pytest.mark.parametrize("parent", [None, "P000000001"])
def test_another_nija_is_known_by_an_id_of_our_form_only(parent: str | None, scene: Scene) -> None:
    stranger = replace(child("", "9f1f7a8e-5e0c-4a63-9f3a-2a1d0c1b2a3d"), parent_id=parent)
    scene.venue.resting = [stranger]
    reconciliation = Reconciliation(scene.oms)
    reconciliation.compare()
    assert scene.book.get_state("second_instance") is None
    scene.venue.resting = [replace(stranger, exchange_id="C000000002", client_id=f"{MARK}xyz0000000000000")]
    reconciliation.compare()
    assert scene.book.get_state("second_instance") is not None
    assert scene.book.by_exchange_id("C000000002") is None
