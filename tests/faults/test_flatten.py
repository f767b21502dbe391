"""The operator wants out while the exchange fails: everything of ours goes, as soon as it can, and nothing else does."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.rig import Rig


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("http_status", "OpenOrders"),
        ("drop_before", "AddOrder"),
        ("drop_after", "AddOrder"),
        ("maintenance", "CancelOrder"),
        ("drop_after", "CancelOrder"),
    ],
)
def test_flat_although_the_exchange_fails_at_first(rig: Rig, kind: str, path: str) -> None:
    bought = rig.bought().qty
    rig.deposit(rig.base, bought * 2)
    rig.arm(kind, path, count=2)

    def flat() -> bool:
        return not rig.business.flattening.step("flatten")

    rig.until(flat, "flat")
    rig.quiet()
    assert rig.position is None
    assert rig.coins() == bought * 2
    assert rig.resting() == 0


def test_an_entry_in_doubt_is_found_and_sold(rig: Rig) -> None:
    rig.arm("drop_after", "AddOrder", count=1)
    rig.enter()
    assert rig.business.flattening.left()
    rig.until(lambda: not rig.business.flattening.step("EMERGENCY_STOP"), "flat")
    rig.quiet()
    assert rig.coins() == Decimal(0)
    assert len(rig.sent(side="buy")) == 1


def test_the_owners_own_orders_stay(rig: Rig) -> None:
    """An order that another program of the owner's rests on the account."""
    rig.deposit(rig.base, Decimal(2))
    rig.bought()
    before = len(rig.sent(origin="api"))
    rig.business.flattening.step("flatten")
    rig.until(lambda: not rig.business.flattening.left(), "flat")
    assert rig.coins() == 2
    assert len(rig.sent(origin="api")) == before + 1
