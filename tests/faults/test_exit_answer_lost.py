"""The answer to a sale was lost: exactly the leg is sold, once, and the rest stays protected."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.domain.order import Purpose
from tests.rig import Rig

LOST: list[tuple[str, dict[str, Any]]] = [
    ("drop_after", {}),
    ("hang", {"processed": True}),
    ("http_status", {"status": 502, "processed": True}),
]


@pytest.mark.parametrize(("kind", "words"), LOST)
def test_first_target_sells_its_leg_once(rig: Rig, kind: str, words: dict[str, Any]) -> None:
    bought = rig.bought()
    rig.arm(kind, "AddOrder", count=1, **words)
    rig.jump("1.05")
    rig.turn()
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    (leg,) = rig.orders(Purpose.TP1)
    assert rig.position is not None
    lot = rig.engine.oms.instruments[rig.symbol].lot
    assert abs(leg.filled_qty - bought.qty / 2) <= lot
    assert rig.position.qty == bought.qty - leg.filled_qty == rig.resting() == rig.coins()
    assert rig.position.stop_price > rig.position.entry_price
    assert rig.book.dust() == {}


@pytest.mark.parametrize("times", [1, 2])
def test_a_target_sale_that_never_arrived_is_sent_again_only_when_that_is_proved(rig: Rig, times: int) -> None:
    bought = rig.bought()
    rig.arm("drop_before", "AddOrder", count=times)
    rig.jump("1.05")
    rig.turn()
    (lost,) = rig.orders(Purpose.TP1)
    assert lost.deadline is not None
    while rig.clock.wall_ms() <= lost.deadline:
        rig.turn()
        assert len(rig.orders(Purpose.TP1)) == 1
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    assert len(rig.sent(side="sell", type="limit")) == 1
    assert rig.position is not None
    assert abs(rig.position.qty - bought.qty / 2) <= rig.engine.oms.instruments[rig.symbol].lot


def test_the_whole_position_out_with_its_answer_lost(rig: Rig) -> None:
    rig.bought()
    rig.arm("drop_after", "AddOrder", count=1)
    rig.jump("1.20")
    rig.until(lambda: rig.position is None, "the end")
    rig.quiet()
    assert rig.coins() == rig.resting() == Decimal(0)
    assert rig.book.dust() == {}


def test_a_crash_right_after_a_leg_was_sold_does_not_sell_it_again(rig: Rig) -> None:
    bought = rig.bought()
    rig.arm("drop_after", "AddOrder", count=1)
    rig.jump("1.05")
    rig.turn()
    rig.restart()
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    assert len(rig.sent(side="sell", type="limit")) == 1
    assert rig.position is not None
    assert abs(rig.position.qty - bought.qty / 2) <= rig.engine.oms.instruments[rig.symbol].lot
