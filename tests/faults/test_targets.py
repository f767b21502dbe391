"""Targets are judged by a price that can be had (the bid, not trades), and are sold near it, not at any price."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.log import Event
from bot.domain.order import Purpose, TimeInForce
from bot.domain.position import Position
from bot.strategy.base import ExitLeg
from bot.strategy.exact import trade_of
from bot.strategy.exits import target
from tests.rig import OnDemand, Rig

VENUES = ("kraken", "okx", "coinbase")


def first_target(rig: Rig, position: Position) -> Decimal:
    trade = trade_of(position, rig.engine.oms.instruments[rig.symbol])
    return Decimal(repr(target(trade, 1, rig.rule.legs)))


@pytest.mark.parametrize("venue", VENUES)
def test_a_touch_that_is_gone_is_not_sold(rig: Rig) -> None:
    """Trades have reached the target since the last look, as prints that no order could match; the bid is below it."""
    position = rig.bought()
    goal = first_target(rig, position)
    rig.move(goal * Decimal("1.004"))
    rig.move(goal * Decimal("0.99"))
    look = rig.engine.oms.broker.look(rig.symbol, position.opened_at)
    assert look.high >= goal > look.last
    rig.turn()
    rig.until(lambda: rig.engine.monitor.finished, "a look that leaves nothing to do")
    assert rig.orders(Purpose.TP1) == []
    assert rig.position is not None
    assert (rig.position.stage, rig.position.stop_price) == (0, position.stop_price)
    rig.quiet()
    assert rig.protected()


@pytest.mark.parametrize("venue", VENUES)
def test_a_target_is_sold_for_hardly_less_than_its_price(rig: Rig) -> None:
    position = rig.bought()
    instrument = rig.engine.oms.instruments[rig.symbol]
    goal = first_target(rig, position)
    rig.move(goal * Decimal("1.003"))
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    leg = rig.orders(Purpose.TP1)[-1]
    assert leg.tif is TimeInForce.IOC
    assert leg.limit_price == instrument.price_up(goal * Decimal("0.998"))
    assert leg.avg_price is not None
    assert leg.avg_price >= leg.limit_price
    assert rig.position is not None
    assert rig.position.stop_price > rig.position.entry_price
    assert rig.position.stop_price % instrument.tick == 0
    assert rig.protected()


@pytest.mark.parametrize("venue", VENUES)
def test_what_a_target_does_not_fill_stays_due(rig: Rig) -> None:
    """First half of the leg, then the rest at the next look; the stop is at break-even from the first part on."""
    position = rig.bought()
    goal = first_target(rig, position)
    rig.arm("partial_fill", count=2 if rig.venue == "coinbase" else 1)  # there the smaller stop comes before the sale
    rig.move(goal * Decimal("1.003"))
    rig.until(lambda: len(rig.orders(Purpose.TP1)) > 1, "another sale at the same target")
    rig.quiet()
    first, *others = rig.orders(Purpose.TP1)
    assert 0 < first.booked_qty < first.qty
    leg = position.qty / 2
    assert abs(first.booked_qty + sum(one.booked_qty for one in others) - leg) <= rig.lot
    assert rig.position is not None
    assert rig.position.stage == 1
    assert rig.protected()


@pytest.mark.parametrize("venue", VENUES)
def test_a_part_of_a_target_is_remembered_across_a_restart(rig: Rig) -> None:
    """The price falls back after the first part: the rest waits for its return, or is sold with the next target."""
    position = rig.bought()
    goal = first_target(rig, position)
    rig.arm("partial_fill", count=2 if rig.venue == "coinbase" else 1)  # there the smaller stop comes before the sale
    rig.move(goal * Decimal("1.003"))
    rig.turn()
    rig.move(goal * Decimal("0.99"))
    rig.until(lambda: rig.engine.monitor.finished and bool(rig.position and rig.position.stage == 1), "the first part")
    rig.quiet()
    (first,) = rig.orders(Purpose.TP1)
    assert 0 < first.booked_qty < first.qty
    rig.restart()
    rig.turn()
    assert len(rig.orders(Purpose.TP1)) == 1
    rig.move(goal * Decimal("1.003"))
    rig.until(lambda: len(rig.orders(Purpose.TP1)) > 1, "the rest")
    rig.quiet()
    sold = sum(one.booked_qty for one in rig.orders(Purpose.TP1))
    assert abs(sold - position.qty / 2) <= rig.lot
    assert rig.protected()


@pytest.mark.parametrize("venue", ["kraken", "okx"])
def test_the_last_target_sells_all_in_the_same_way(rig: Rig) -> None:
    """Coinbase has its own limit order at the last target."""
    rig.bought()
    rig.jump("1.16")
    rig.until(lambda: rig.position is None, "the end")
    rig.quiet()
    sales = rig.sales()
    assert [one.purpose for one in sales if one.booked_qty > 0] == [Purpose.TP1, Purpose.TP2, Purpose.TP3]
    assert all(one.limit_price is not None and one.tif is TimeInForce.IOC for one in sales)
    assert rig.coins() < rig.lot
    assert rig.resting() == 0


class Ladder(OnDemand):
    """Five legs, the last ones beyond the events that exist for targets."""

    legs = tuple(ExitLeg(0.2, 0.4 * number) for number in range(1, 6))


@pytest.mark.parametrize("venue", ["kraken", "okx"])
def test_any_number_of_targets_is_sold_in_order(unopened: Rig) -> None:
    rig = unopened
    rig.rule = Ladder()
    rig.open()
    rig.steady()
    position = rig.bought()
    rig.move(position.entry_price + position.r * Decimal("1.65"))
    rig.until(lambda: bool(rig.position and rig.position.stage == 4), "the fourth target")
    rig.quiet()
    assert rig.protected()
    rig.restart()
    assert rig.position is not None
    assert rig.position.stage == 4
    rig.move(position.entry_price + position.r * Decimal("2.05"))
    rig.until(lambda: rig.position is None, "the end")
    rig.quiet()
    sales = [one.purpose for one in rig.sales() if one.booked_qty > 0]
    assert sales == [Purpose.target(number) for number in range(1, 6)]
    assert [str(purpose) for purpose in sales] == ["tp1", "tp2", "tp3", "tp4", "tp5"]
    assert len(rig.notes.said(Event("TP4"))) == 1
    assert rig.resting() == 0
