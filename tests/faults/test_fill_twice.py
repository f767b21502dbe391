"""The same fill arrives again, from overlapping reads, overlapping pages and after a reconnect. It is recorded once."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest

from bot.domain.log import Event
from tests.paths import PATHS, VENUES
from tests.rig import Rig

#: Maximum number of fills per page, by venue.
PAGES = {"kraken": 50, "okx": 100, "coinbase": 250}


def booked(rig: Rig) -> list[str]:
    """Ids of fills as they were recorded, one for each time."""
    return [str(line["fill_id"]) for line in rig.notes.said(Event.FILL)]


@pytest.mark.parametrize("venue", VENUES)
def test_look_after_look_and_after_a_reconnect(rig: Rig, venue: str) -> None:
    before = rig.bought()
    once = booked(rig)
    for _ in range(2):
        rig.reconcile(0)
    rig.restart()
    rig.reconcile(0)
    rig.lose_book()
    rig.open()
    rig.reconcile(0)
    rig.quiet()
    assert rig.position is not None
    assert (rig.position.qty, rig.position.cost) == (before.qty, before.cost)
    assert booked(rig) == once * 2  # the second time with an empty book
    assert rig.protected()


@pytest.mark.parametrize("venue", ["kraken", "okx"])
def test_pages_that_overlap_because_somebody_trades_meanwhile(rig: Rig, venue: str) -> None:
    """More fills than a page holds; new ones between two requests push old ones to the next page."""
    position = rig.bought()
    tiny = rig.engine.oms.instruments[rig.symbol].size(position.qty / 20)
    rig.deposit(rig.quote, position.cost * 100)
    while len(rig.truth()["fills"]) <= PAGES[venue]:
        rig.manual("buy", tiny)
    rig.arm("delay", PATHS[venue].fills, after=1, count=1, seconds=0.8)

    def trade() -> None:
        for _ in range(3):
            rig.manual("buy", tiny)

    busy = threading.Timer(0.3, trade)
    busy.start()
    seen = [fill.fill_id for fill in rig.engine.oms.broker.fills(0)]
    busy.join()
    known = {str(row["id"]) for row in rig.truth()["fills"]}
    assert len(seen) == len(set(seen)) >= len(known) - 6
    rig.reconcile(0)
    assert rig.position == position
    assert rig.agreed()
    assert sum(Decimal(row["qty"]) for row in rig.truth()["fills"]) > position.qty * 2
