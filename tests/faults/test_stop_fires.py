"""The stop fires in time, in a gap, late or not at all: one exit, nothing oversold, nothing left."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.log import Event
from bot.domain.order import Purpose
from bot.domain.position import Position
from tests.rig import Rig


def is_out(rig: Rig) -> bool:
    return rig.position is None


def test_a_gap_through_the_stop(rig: Rig) -> None:
    bought = rig.bought().qty
    rig.deposit(rig.base, bought * 3)
    rig.jump("0.80")
    rig.until(lambda: is_out(rig), "the stop")
    rig.quiet()
    assert rig.coins() == bought * 3
    assert rig.resting() == 0


def test_a_gap_while_nobody_looked(rig: Rig) -> None:
    bought = rig.bought().qty
    rig.deposit(rig.base, bought)
    rig.crash()
    price = rig.sandbox.ledger()  # the market continues while we are down
    assert price["orders"]
    rig.sandbox.control("POST", "price", venue="kraken", symbol=rig.symbol, price=str(_low(rig)))
    rig.open()
    rig.quiet()
    assert is_out(rig)
    assert rig.coins() == bought


def _low(rig: Rig) -> Decimal:
    (entry,) = rig.sent(side="buy")
    fills = [fill for fill in rig.truth()["fills"] if fill["order_id"] == entry["id"]]
    return (Decimal(fills[0]["price"]) * Decimal("0.8")).quantize(Decimal("0.01"))


def test_a_stop_that_fills_in_part_leaves_the_rest_to_us(rig: Rig) -> None:
    rig.bought()
    rig.arm("partial_fill", count=1)
    rig.jump("0.85")
    rig.until(lambda: is_out(rig), "the end")
    rig.quiet()
    assert rig.coins() == 0


def test_a_price_beyond_the_stop_without_a_stop_is_an_exit(rig: Rig) -> None:
    position = rig.bought()
    broker = rig.engine.oms.broker
    for stop in rig.engine.protection.stops_of(position, broker.open_orders()):
        broker.cancel(stop)
    rig.jump("0.85")
    rig.until(lambda: is_out(rig), "the exit")
    rig.quiet()
    assert rig.coins() == rig.resting() == 0
    assert [one.purpose for one in rig.sales()] == [Purpose.EXIT]
    assert is_blocked(rig, position)


def test_a_stop_out_by_our_own_sale_is_one_although_its_answer_was_lost(rig: Rig) -> None:
    position = rig.bought()
    broker = rig.engine.oms.broker
    for stop in rig.engine.protection.stops_of(position, broker.open_orders()):
        broker.cancel(stop)
    rig.arm("drop_after", "AddOrder", count=1)
    rig.jump("0.85")
    rig.turn()
    rig.restart()
    rig.until(lambda: is_out(rig), "the exit")
    assert is_blocked(rig, position)


def test_a_target_or_an_exit_of_the_rule_bars_nothing(rig: Rig) -> None:
    position = rig.bought()
    price = rig.engine.oms.broker.tickers({rig.symbol})[rig.symbol].bid
    rig.engine.exits.sell(rig.symbol, position.qty, price, Purpose.EXIT, "turn")
    rig.until(lambda: is_out(rig), "the exit")
    assert not is_blocked(rig, position)


@pytest.mark.parametrize("venue", ["coinbase"])
def test_the_target_of_the_exchanges_own_bracket_is_no_stop_out(rig: Rig) -> None:
    position = rig.bought()
    rig.jump("1.16")
    rig.until(lambda: is_out(rig), "the last target")
    assert any(one["type"] == "bracket" and float(one["filled"]) > 0 for one in rig.truth()["orders"])
    assert not is_blocked(rig, position)


def is_blocked(rig: Rig, position: Position) -> bool:
    """Whether the close of the candle in which `position` ended makes no entry because of how the position ended."""
    rig.until(lambda: rig.engine.candle_cache.newest() > position.candle_close, "the next close")
    rig.enter()
    return any(line["gate"] == "stopped_out" for line in rig.notes.said(Event.SKIP))


def test_a_stop_that_fires_between_two_looks_is_not_sold_again(rig: Rig) -> None:
    """The exit's list of open orders is slightly older than the stop's fill."""
    bought = rig.bought().qty
    rig.deposit(rig.base, bought * 3)
    rig.arm("late_fill", count=1, seconds=1.5)
    rig.jump("0.90")
    for _ in range(4):
        rig.turn()
    rig.until(lambda: is_out(rig), "the end")
    rig.quiet()
    assert rig.coins() == bought * 3


def test_after_a_stop_out_the_same_candle_is_blocked(rig: Rig) -> None:
    position = rig.bought()
    rig.jump("0.90")
    rig.until(lambda: is_out(rig), "the stop")
    assert is_blocked(rig, position)
    rig.quiet()
    assert is_out(rig)
