"""The owner sells one position by command while the exchange fails, the daemon dies, or the order is too small to sell."""

from __future__ import annotations

from decimal import Decimal

import pytest

from bot.domain.log import Event
from bot.domain.order import Purpose
from bot.engine.flatten import BY_HAND, Progress
from tests.rig import Rig

VENUES = ("kraken", "okx", "coinbase")


def sell(rig: Rig, entry_id: str) -> Progress:
    return rig.engine.flattening.sell_one(rig.symbol, entry_id)


@pytest.mark.parametrize("venue", VENUES)
def test_it_is_sold_with_its_stop_and_nothing_else_is(rig: Rig) -> None:
    position = rig.bought()
    rig.deposit(rig.base, position.qty * 2)
    foreign = rig.coins() - position.qty
    last = ""

    def is_done() -> bool:
        nonlocal last
        done, last = sell(rig, position.entry_id)
        return done

    rig.until(is_done, "the sale")
    rig.quiet()
    assert f"{rig.symbol} sold: " in last
    assert rig.position is None
    assert abs(rig.coins() - foreign) < rig.lot
    assert rig.resting() == 0
    assert {one.purpose for one in rig.sales()} == {Purpose.FLATTEN}
    (line,) = rig.notes.said(Event.EXIT)
    assert str(line["reason"]).startswith(BY_HAND)
    assert sell(rig, position.entry_id).done
    assert len(rig.sent(side="sell", origin="api")) == 1


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("http_status", "OpenOrders"),
        ("drop_before", "AddOrder"),
        ("drop_after", "AddOrder"),
        ("maintenance", "CancelOrder"),
    ],
)
def test_it_is_sold_once_although_the_exchange_fails_and_nija_restarts(rig: Rig, kind: str, path: str) -> None:
    position = rig.bought()
    rig.deposit(rig.base, position.qty * 2)
    rig.arm(kind, path, count=1 if path == "OpenOrders" else 2)
    first = sell(rig, position.entry_id)
    assert not first.done
    assert first.text
    rig.restart()
    rig.until(lambda: sell(rig, position.entry_id).done, "the sale")
    rig.quiet()
    assert rig.position is None
    assert rig.coins() == position.qty * 2
    assert rig.resting() == 0


def test_below_a_minimum_that_has_just_risen_it_stays_and_so_does_its_stop(rig: Rig) -> None:
    """The new minimum is learned before the stop would be cancelled. Without a stop it also stays: it is no dust."""
    position = rig.bought()
    with rig.switched(f"rules.{rig.symbol}", f"min={position.qty * 2}"):
        done, text = sell(rig, position.entry_id)
        assert done
        assert f"{rig.symbol} was not sold: " in text
        assert text.endswith("its stop stays")
        assert rig.resting() == position.qty
        for stop in rig.engine.protection.stops_of(position, rig.engine.oms.broker.open_orders()):
            rig.engine.oms.broker.cancel(stop)
        rig.turn()
        done, text = sell(rig, position.entry_id)
        assert done
        assert text.endswith("no stop can protect it")
        assert rig.position == position
        assert rig.book.dust() == {}
    rig.engine.read_rules()
    rig.until(lambda: rig.resting() == position.qty, "its stop, now that the minimum has fallen")


def test_what_is_worth_little_and_too_small_becomes_dust(rig: Rig) -> None:
    position = rig.bought()
    rig.engine.exits.sell(rig.symbol, position.qty * Decimal("0.97"), position.entry_price, Purpose.TP1, "a leg")
    left = rig.position  # some ten dollars: more than the market's minimum
    assert left is not None
    for stop in rig.engine.protection.stops_of(left, rig.engine.oms.broker.open_orders()):
        rig.engine.oms.broker.cancel(stop)
    with rig.switched(f"rules.{rig.symbol}", f"min={position.qty}"):
        done, text = sell(rig, position.entry_id)
    assert done
    assert text.endswith("kept as dust")
    assert rig.position is None
    assert rig.book.dust() == {rig.base: left.qty}
