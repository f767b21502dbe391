"""A fill of the entry appears only after the stop has sold everything: no position may be left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal

import pytest

from bot.brokers.base import BaseBroker
from bot.domain.fill import Fill
from bot.domain.instrument import Balance
from bot.domain.log import Event
from bot.domain.order import Side
from bot.engine.coins import UNCONFIRMED
from bot.engine.doubts import HIDDEN
from tests.rig import Rig


class Curtain:
    """Hides all fills of each purchase but the first from the exchange's lists, until it is lifted."""

    def __init__(self, broker: BaseBroker, monkeypatch: pytest.MonkeyPatch) -> None:
        self.down = True
        self._fills, self._fills_of = broker.fills, broker.fills_of
        monkeypatch.setattr(broker, "fills", lambda since: self.shown(self._fills(since)))
        monkeypatch.setattr(broker, "fills_of", lambda order: self.shown(self._fills_of(order)))

    def shown(self, fills: Sequence[Fill]) -> Sequence[Fill]:
        first = {fill.exchange_order_id: fill.fill_id for fill in reversed(fills)}
        return [one for one in fills if not self.down or one.side is Side.SELL or one.fill_id in first.values()]


@pytest.mark.parametrize("venue", ["okx"])
def test_what_the_stop_sold_waits_for_what_the_entry_bought(
    rig: Rig, venue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded in the wrong order, the sale would close half a position, and the other half would open one without coins.

    The order already says how much it bought; the list of fills lags behind, as one replica behind another.
    """
    rig.deposit(rig.quote, Decimal(100_000))
    rig.arm("drop_before", "trade/amend-algos")  # the stop keeps the full size bought
    curtain = Curtain(rig.engine.oms.broker, monkeypatch)
    rig.enter()
    assert len([one for one in rig.truth()["fills"] if one["side"] == "buy"]) > 1
    seen = rig.position
    assert seen is not None
    assert seen.qty < rig.coins()
    rig.jump("0.9")
    for _ in range(3):
        rig.turn()
        rig.reconcile()
    assert rig.coins() < rig.lot
    assert rig.position == seen  # the sale is not recorded yet
    curtain.down = False
    rig.disarm()
    rig.quiet()
    assert rig.position is None
    assert rig.notes.said(Event.GONE) == []


def test_a_late_fill_of_an_entry_whose_stop_fired_leaves_no_position(rig: Rig) -> None:
    rig.deposit("USD", Decimal(100_000))
    rig.arm("late_fill", seconds=4.0, count=1)
    rig.enter()
    assert len([one for one in rig.truth()["fills"] if one["side"] == "buy"]) > 1
    rig.jump("0.9")
    rig.restart()
    rig.until(lambda: rig.agreed() and rig.coins() == 0, "the truth")
    assert rig.position is None
    assert rig.differences() == []


def test_stops_that_fired_wait_for_a_hidden_fill_of_their_entry(rig: Rig) -> None:
    """Each fill of the entry has its own stop, and all have sold before the venue shows one of the fills. If recorded first,
    the sales would end the position, and the late fill would open one without coins, which would sell the owner's.
    """
    rig.deposit("USD", Decimal(100_000))
    owners = Decimal(20)
    rig.deposit(rig.base, owners)
    rig.arm("late_fill", seconds=3.0, count=1)
    rig.enter()
    assert len([one for one in rig.truth()["fills"] if one["side"] == "buy"]) > 1
    rig.jump("0.9")
    for _ in range(6):
        rig.cycle()
    rig.until(lambda: rig.agreed() and rig.coins() == owners, "the truth")
    assert rig.position is None
    assert len(rig.notes.said(Event.EXIT)) == 1
    assert rig.notes.said(Event.OVERSOLD) == []
    assert rig.differences() == []


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_a_stops_fill_that_shows_after_its_coins_were_taken_for_gone_takes_their_place(rig: Rig, venue: str) -> None:
    """Balances lack the coins for longer than they are waited for, with the fill still hidden: they were sold, not removed."""
    rig.bought()
    rig.arm("late_fill", seconds=3.0, count=5)
    rig.jump("0.95")
    for _ in range(100):
        if rig.coins() >= rig.lot:
            time.sleep(0.02)
    for ahead in (0, UNCONFIRMED):
        rig.clock.ahead += ahead
        rig.engine.reconciliation.count({rig.base: Balance(rig.coins())})
    assert len(rig.notes.said(Event.GONE)) == 1
    rig.until(lambda: rig.agreed() and rig.position is None, "the fill")
    assert rig.differences() == []
    assert [earned < 0 for _, earned in rig.engine.oms.book.results(rig.symbol, 2)] == [True]
    assert rig.notes.said(Event.OVERSOLD) == []


def test_sales_do_not_wait_for_ever_for_a_fill_that_does_not_come(rig: Rig) -> None:
    rig.arm("late_fill", seconds=6.0)
    rig.enter()
    oms = rig.engine.oms
    assert not oms.bought_in_full(rig.symbol)
    rig.clock.ahead += HIDDEN
    assert oms.bought_in_full(rig.symbol)
    rig.clock.ahead -= HIDDEN
    rig.disarm()
    rig.quiet()


def test_a_sale_that_ended_short_is_not_made_again_before_its_fills_can_be_seen(rig: Rig) -> None:
    """The order has ended, but neither it nor the fills show yet what it sold: another sale would sell the owner's coins."""
    bought = rig.bought().qty
    rig.deposit(rig.base, bought * 5)
    with rig.switched("ends_one_unit_short", True):
        rig.arm("late_fill", count=1, seconds=3.0)
        rig.jump("1.05")
        rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
        rig.quiet()
    assert rig.position is not None
    assert rig.coins() == bought * 5 + rig.position.qty + sum(rig.book.dust().values())
    assert not rig.notes.said(Event.OVERSOLD)
