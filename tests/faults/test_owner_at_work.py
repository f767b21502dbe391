"""The owner trades the same account by hand: the owner's coins are never touched, and our coins count as taken after two
looks.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.log import Event
from bot.domain.order import Purpose
from tests.rig import Rig

LATER_MS = 25_000


def test_his_coins_at_the_start_are_neither_sold_nor_stopped(unopened: Rig) -> None:
    rig = unopened
    rig.deposit(rig.base, Decimal(7))
    rig.manual("sell", Decimal(1))
    rig.open()
    rig.steady()
    rig.turn()
    rig.reconcile()
    assert rig.sent(origin="api") == []
    assert rig.coins() == 6
    assert rig.position is None
    bought = rig.bought().qty
    rig.jump("1.30")
    rig.until(lambda: rig.position is None, "the end")
    rig.quiet()
    assert rig.coins() == 6
    assert sum(Decimal(row["filled"]) for row in rig.sent(side="sell", origin="api")) == bought


def test_his_coins_are_no_equity(rig: Rig) -> None:
    before = rig.engine.accounting.measure().equity
    rig.deposit(rig.base, Decimal(9))
    snapshot = rig.engine.accounting.measure()
    assert snapshot.equity == before
    assert snapshot.other[rig.base] == 9


def test_stale_balances_write_nothing_off(rig: Rig) -> None:
    rig.bought()
    rig.arm("stale_balance", seconds=10.0)
    for _ in range(3):
        rig.cycle()
        rig.turn()
    assert rig.position is not None
    assert rig.notes.said(Event.GONE) == []
    rig.disarm()
    rig.clock.ahead += LATER_MS
    rig.cycle()
    rig.quiet()
    assert rig.notes.said(Event.GONE) == []


@pytest.mark.parametrize("part", [Decimal(1), Decimal("0.5")])
def test_ours_sold_by_hand_is_believed_gone_after_two_looks(rig: Rig, part: Decimal) -> None:
    with rig.switched("stop_holds_base", False):
        bought = rig.bought().qty
        gone = rig.engine.oms.instruments[rig.symbol].size(bought * part)
        rig.manual("sell", gone)
        rig.cycle()
        assert rig.position is not None
        assert rig.position.qty == bought
        rig.clock.ahead += LATER_MS
        rig.cycle()
        rig.until(lambda: rig.resting() == bought - gone, "the smaller stop")
        left = rig.position.qty if rig.position is not None else Decimal(0)
        assert left == bought - gone
        assert len(rig.notes.said(Event.GONE)) == 1


def test_ours_sold_by_hand_and_bought_back_is_not_gone(rig: Rig) -> None:
    with rig.switched("stop_holds_base", False):
        bought = rig.bought().qty
        rig.manual("sell", bought)
        rig.cycle()
        rig.manual("buy", bought)
        rig.cycle()
        rig.clock.ahead += LATER_MS
        rig.cycle()
        assert rig.position is not None
        assert rig.position.qty == bought
        assert rig.notes.said(Event.GONE) == []


def test_an_exit_sells_no_more_than_ours_whatever_lies_there(rig: Rig) -> None:
    bought = rig.bought().qty
    rig.deposit(rig.base, bought * 10)
    position = rig.position
    assert position is not None
    rig.engine.exits.sell(rig.symbol, bought * 100, position.entry_price, Purpose.EXIT, "greed")
    rig.quiet()
    assert rig.coins() == bought * 10
