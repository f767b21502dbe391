"""A stop is cancelled before a sale, and the answer to the cancel is lost: its state is unknown until the exchange shows it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.paths import PATHS, VENUES
from tests.rig import Rig

LOST: list[tuple[str, dict[str, Any]]] = [
    ("drop_after", {}),
    ("drop_before", {}),
    ("hang", {"processed": True}),
    ("http_status", {"status": 502, "processed": False}),
]
CASES = [("kraken", *case) for case in LOST] + [(venue, *case) for venue in VENUES[1:] for case in LOST[:2]]


@pytest.mark.parametrize(("venue", "kind", "words"), CASES)
def test_out_once_and_no_stop_left(rig: Rig, venue: str, kind: str, words: dict[str, Any]) -> None:
    """The owner holds more of the coin, so a stop wrongly taken for cancelled would sell the owner's coins."""
    bought = rig.bought().qty
    rig.deposit(rig.base, bought * 3)
    rig.arm(kind, PATHS[venue].cancel, count=1, **words)
    most = rig.resting()
    while rig.engine.flattening.step("flatten"):
        rig.turn()
        most = max(most, rig.resting())
    rig.quiet()
    assert most <= bought
    assert rig.position is None
    assert rig.resting() == Decimal(0)
    assert bought * 3 <= rig.coins() < bought * 3 + rig.lot


@pytest.mark.parametrize("venue", VENUES)
def test_while_nobody_can_say_nothing_is_sold(rig: Rig, venue: str) -> None:
    """The cancel and every query of the stop are lost: the position is held until one of them is answered."""
    bought = rig.bought().qty
    rig.deposit(rig.base, bought * 3)
    rig.arm("drop_before", PATHS[venue].cancel)
    rig.arm("drop_before", PATHS[venue].order if venue != "okx" else "trade/order-algo$", method="GET")
    rig.arm("drop_before", PATHS[venue].order, method="POST" if venue == "kraken" else "GET")
    for _ in range(3):
        rig.engine.flattening.step("flatten")
    assert rig.sales() == []
    assert rig.resting() <= bought
    rig.disarm()
    rig.until(lambda: not rig.engine.flattening.step("flatten"), "flat")
    rig.quiet()
    assert bought * 3 <= rig.coins() < bought * 3 + rig.lot
