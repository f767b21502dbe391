"""The owner has made many trades by hand: history is read only once, and positions do not wait for it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.brokers.base import Priority
from bot.brokers.common.deadline import Deadline
from bot.brokers.common.rate_limits import OverBudget
from bot.brokers.kraken.limits import KrakenLimits
from bot.domain.log import Event
from bot.domain.order import Purpose
from bot.strategy.gates import Gate
from tests.rig import Rig

PAGE = 50


def trade_by_hand(rig: Rig, times: int) -> None:
    """Buys and sells in turn, so that no coins are left."""
    rig.deposit(rig.quote, Decimal(10_000))
    for number in range(times):
        rig.manual("sell" if number % 2 else "buy", rig.engine.oms.instruments[rig.symbol].min_qty * 3)


def pages(rig: Rig) -> int:
    return rig.asked("TradesHistory")


def read_on(rig: Rig) -> None:
    """Continues to the end of the current read, with rate budget for each step."""
    history = rig.engine.reconciliation.history
    while history._run is not None:
        rig.broker_clock.market_ahead += 60_000
        history._run.pause.begin(0)
        rig.engine.reconciliation.read_on()


@pytest.fixture
def no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves rate budget for urgent requests and reads only, until `monkeypatch.undo`."""
    ask = KrakenLimits.question

    def question(limits: KrakenLimits, method: str, deadline: Deadline, priority: Priority = Priority.QUERY) -> None:
        if priority is Priority.ENTRY:
            raise OverBudget("private calls", 10)
        ask(limits, method, deadline, priority)

    monkeypatch.setattr(KrakenLimits, "question", question)


def test_a_look_reads_one_page_however_much_the_owner_has_traded(rig: Rig) -> None:
    rig.bought()
    trade_by_hand(rig, 2 * PAGE + 10)
    rig.reconcile()
    read_on(rig)
    before = pages(rig)
    for _ in range(3):
        rig.reconcile()
        read_on(rig)
    assert pages(rig) == before + 3
    assert rig.agreed()


def test_orders_of_the_owner_are_not_asked_about_one_by_one(rig: Rig) -> None:
    trade_by_hand(rig, PAGE)
    before = rig.asked("QueryOrders")
    rig.reconcile()
    read_on(rig)
    assert rig.asked("QueryOrders") == before
    trade_by_hand(rig, 10)
    rig.reconcile()
    read_on(rig)
    assert rig.asked("QueryOrders") == before + 1


def test_a_restart_looks_at_what_is_held_first_and_reads_on_when_there_is_room(
    rig: Rig, no_room: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.bought()
    trade_by_hand(rig, PAGE + 10)
    rig.jump("1.05")
    before = pages(rig)
    rig.restart()
    rig.cycle()
    assert rig.orders(Purpose.TP1), "the target reached meanwhile is sold at once"
    history = rig.engine.reconciliation.history
    assert history.blocks()
    assert (pages(rig), len(rig.notes.said(Event.WAITS))) == (before, 1)
    monkeypatch.undo()
    read_on(rig)
    assert not history.blocks()
    assert len(rig.notes.said(Event.HISTORY)) == 1
    assert rig.agreed()


def test_stops_that_fired_unseen_are_found_though_the_history_waits(
    rig: Rig, no_room: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fill of the entry has its own stop; some have sold before the book saw them, and only they may sell."""
    rig.deposit("USD", Decimal(100_000))
    owners = Decimal(20)
    rig.deposit(rig.base, owners)
    rig.arm("late_fill", seconds=3.0, count=1)
    rig.enter()
    rig.jump("0.9")
    for _ in range(6):
        rig.cycle()
    rig.until(lambda: rig.position is None and not rig.engine.oms.book.unsettled(), "the end")
    monkeypatch.undo()
    rig.until(lambda: rig.agreed() and rig.coins() == owners, "the truth")
    assert rig.notes.said(Event.OVERSOLD) == []


def test_entries_wait_until_the_history_is_read(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(rig.engine.reconciliation.history), "blocks", lambda _: True)
    blocked = rig.engine.blocked_by(rig.engine.accounting.measure())
    assert blocked is not None
    assert blocked.gate is Gate.HISTORY
