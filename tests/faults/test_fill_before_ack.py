"""An order's fill is seen before the order's answer: it is ours, recorded once, and its order is no longer in doubt."""

from __future__ import annotations

import pytest

from bot.domain.order import OrderStatus, Purpose
from tests.paths import PATHS, VENUES
from tests.rig import Rig


@pytest.mark.parametrize("venue", VENUES)
def test_the_list_of_fills_is_quicker_than_the_answer(rig: Rig, venue: str) -> None:
    """Reconciliation alone, without the search for lost orders: in the book, the fill's order has only our client id."""
    rig.arm("drop_after", PATHS[venue].entry, method="POST", count=1)
    (entry,) = rig.enter()
    assert (entry.status, entry.exchange_id) == (OrderStatus.UNKNOWN, None)
    rig.reconcile()
    (found,) = rig.orders(Purpose.ENTRY)
    assert found.settled
    assert found.client_id == entry.client_id
    assert rig.position is not None
    rig.quiet()
    assert rig.protected()
    assert len(rig.sent(side="buy")) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_after_a_crash_before_the_answer(rig: Rig, venue: str) -> None:
    rig.arm("drop_after", PATHS[venue].entry, method="POST", count=1)
    (entry,) = rig.enter()
    rig.restart()
    rig.quiet()
    (found,) = rig.orders(Purpose.ENTRY)
    assert found.client_id == entry.client_id
    assert rig.protected()
    assert len(rig.sent(side="buy")) == 1
