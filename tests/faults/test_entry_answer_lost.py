"""The exchange accepted an entry, but its answer was lost: one order, found by client id, protected, never sent again."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.order import OrderStatus, Purpose
from tests.paths import PATHS, VENUES
from tests.rig import Rig

LOST: list[tuple[str, dict[str, Any]]] = [
    ("drop_after", {}),
    ("hang", {"processed": True}),
    ("http_status", {"status": 502, "processed": True}),
    ("exchange_error", {"processed": True}),
    ("malformed", {}),
    ("truncated", {}),
    ("empty", {}),
    ("slow_drip", {}),
]
CASES = [("kraken", *case) for case in LOST] + [(venue, *case) for venue in VENUES[1:] for case in (LOST[0], LOST[4])]


@pytest.mark.parametrize(("venue", "kind", "words"), CASES)
def test_one_order_found_and_protected(rig: Rig, venue: str, kind: str, words: dict[str, Any]) -> None:
    rig.arm(kind, PATHS[venue].entry, method="POST", count=1, **words)
    (entry,) = rig.enter()
    assert entry.status is OrderStatus.UNKNOWN
    rig.until(lambda: rig.position is not None, "the position")
    rig.quiet()
    (sent,) = rig.sent(side="buy")
    (found,) = rig.orders(Purpose.ENTRY)
    assert (sent["id"], sent["client_id"]) == (found.exchange_id, entry.client_id)
    assert rig.protected()


def test_signal_after_signal_while_every_answer_is_lost(rig: Rig) -> None:
    rig.arm("drop_after", "AddOrder")
    rig.arm("drop_after", "QueryOrders|OpenOrders|ClosedOrders|TradesHistory", count=12)
    for _ in range(3):
        rig.enter()
        rig.turn()
    assert len(rig.sent(side="buy")) == 1
    rig.disarm()
    rig.quiet()
    assert len(rig.sent(side="buy")) == 1
    assert rig.naked_seconds() == []


def test_an_entry_in_doubt_counts_as_exposure_and_bars_its_coin(rig: Rig) -> None:
    rig.arm("drop_after", "AddOrder", count=1)
    (entry,) = rig.enter()
    snapshot = rig.engine.accounting.measure()
    assert entry.limit_price is not None
    assert snapshot.exposure == entry.qty * entry.limit_price
    assert len(rig.enter()) == 1
