"""The owner sells or withdraws our coins while we trade, at every venue: the position shrinks, and nothing is oversold."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from bot.domain.instrument import Balance
from bot.domain.log import Event
from bot.domain.order import Purpose
from bot.engine.coins import UNCONFIRMED
from tests.faults.test_coins_not_there import owner_may_take_them
from tests.rig import Rig

LATER_MS = 25_000
CANDLE_MS = 300_000


@pytest.mark.parametrize("way", ["sold", "withdrawn"])
@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_half_is_gone_and_the_exit_sells_what_is_left(rig: Rig, way: str) -> None:
    with owner_may_take_them(rig):
        lot = rig.engine.oms.instruments[rig.symbol].lot
        bought = rig.bought().qty
        gone = rig.engine.oms.instruments[rig.symbol].size(bought / 2)
        if way == "sold":
            rig.manual("sell", gone)
        else:
            rig.deposit(rig.base, -gone)
        rig.cycle()
        assert rig.position is not None
        assert rig.position.qty == bought
        rig.clock.ahead += LATER_MS if way == "sold" else UNCONFIRMED
        rig.cycle()
        rig.until(lambda: rig.position is not None and rig.position.qty < bought, "the smaller position")
        assert len(rig.notes.said(Event.GONE)) == 1
        rig.until(lambda: abs(rig.resting() - (bought - gone)) <= lot, "the smaller stop")
        position = rig.position
        assert position is not None
        rig.engine.exits.sell(rig.symbol, position.qty, position.entry_price, Purpose.EXIT, "out")
        rig.until(lambda: rig.position is None, "the exit")
    sold = sum((Decimal(row["filled"]) for row in rig.sent(side="sell") if row["origin"] != "manual"), Decimal(0))
    assert bought - gone - 2 * lot <= sold <= bought - gone
    assert 0 <= rig.coins() <= 2 * lot


@pytest.mark.parametrize("venue", ["okx"])
def test_a_sale_is_refused_where_it_could_be_reduced(rig: Rig) -> None:
    """Only a refusal proves that coins are gone: a sale that OKX cuts down to what is there would be repeated for hours."""
    with rig.switched("market_sells_reduced", True):
        bought = rig.bought()
        rig.deposit(rig.base, -rig.engine.oms.instruments[rig.symbol].size(bought.qty / 2))
        for _ in range(3):
            rig.engine.exits.sell(rig.symbol, bought.qty, bought.entry_price, Purpose.EXIT, "out")
            rig.clock.ahead += LATER_MS
            rig.cycle()
    assert rig.position is None
    assert len(rig.sales()) == 2


def test_what_was_missed_of_one_position_is_not_held_against_the_next(rig: Rig) -> None:
    """Lagging balances lack the first position's coins at one look; the next look is the second position's first."""
    first = rig.bought()
    rig.engine.reconciliation.count({})
    rig.engine.exits.sell(rig.symbol, first.qty, first.entry_price, Purpose.EXIT, "out")
    assert rig.position is None
    candle = rig.clock.market_ms() // CANDLE_MS
    while rig.clock.market_ms() // CANDLE_MS == candle:
        rig.turn()
        time.sleep(0.2)
    second = rig.bought()
    rig.clock.ahead += UNCONFIRMED
    rig.engine.reconciliation.count({})
    assert rig.notes.said(Event.GONE) == []
    assert rig.position == second


def test_only_what_both_looks_missed_is_written_off(rig: Rig) -> None:
    """Coins that vanished between the two looks get a second look of their own: they may be a sale not shown yet."""
    bought, lot = rig.bought(), rig.lot
    half = rig.engine.oms.instruments[rig.symbol].size(bought.qty / 2)
    rig.engine.reconciliation.count({rig.base: Balance(bought.qty - half)})
    rig.clock.ahead += UNCONFIRMED
    rig.engine.reconciliation.count({})
    assert [line["qty"] for line in rig.notes.said(Event.GONE)] == [half]
    assert rig.position is not None
    assert abs(rig.position.qty - half) <= lot
    rig.engine.reconciliation.count({})
    assert len(rig.notes.said(Event.GONE)) == 1
