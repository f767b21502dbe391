"""An exchange says that an order is done before it shows what came of it: nothing is sold twice, not even the owner's coins."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from decimal import Decimal

import pytest

from bot.domain.log import Event
from bot.domain.order import Purpose
from tests.rig import Rig

#: Market ms for which it does not show it; several real seconds.
LATE_MS = 150_000
HIS_COINS = Decimal(50)


def persist(rig: Rig, deed: Callable[[Decimal], object]) -> None:
    """Does something about the position again and again, with the turns and cycles of an actor, until it is gone."""
    price, end = rig.engine.oms.broker.tickers({rig.symbol})[rig.symbol].last, time.monotonic() + 30
    while rig.position is not None:
        assert time.monotonic() < end, rig.notes.lines[-5:]
        deed(price)
        rig.turn()
        rig.cycle()
        time.sleep(0.4)


def sold(rig: Rig) -> Decimal:
    return sum((Decimal(row["filled"]) for row in rig.sent(side="sell")), Decimal(0))


def leave(rig: Rig) -> Callable[[Decimal], object]:
    def sell(price: Decimal) -> None:
        if rig.position is not None:
            rig.engine.exits.sell(rig.symbol, rig.position.qty, price, Purpose.EXIT, "out")

    return sell


@pytest.mark.everywhere
@pytest.mark.parametrize("venue", ["okx", "coinbase"])
def test_a_sale_that_is_filled_before_its_figures_show_it(rig: Rig) -> None:
    bought = rig.bought().qty
    rig.deposit(rig.base, HIS_COINS)
    with rig.switched("figures_lag_ms", LATE_MS):
        persist(rig, leave(rig))
    assert bought - rig.lot < sold(rig) <= bought
    assert rig.notes.said(Event.OVERSOLD) == []
    rig.quiet()


@pytest.mark.parametrize("venue", ["okx"])
def test_a_stop_that_has_fired_and_does_not_name_its_order(rig: Rig) -> None:
    bought = rig.bought().qty
    rig.deposit(rig.base, HIS_COINS)
    with ExitStack() as stack:
        for switch in ("fired_unnamed_ms", "figures_lag_ms"):
            stack.enter_context(rig.switched(switch, LATE_MS))
        rig.jump("0.93")
        persist(rig, lambda _: None)
    assert bought - rig.lot < sold(rig) <= bought
    assert rig.notes.said(Event.OVERSOLD) == []
    rig.quiet()


@pytest.mark.parametrize("hidden_ms", [30_000, 3_600_000])
@pytest.mark.parametrize("venue", ["okx"])
def test_a_cancelled_stop_that_is_shown_nowhere_bars_no_sale(rig: Rig, hidden_ms: int) -> None:
    """For a second, and forever."""
    bought = rig.bought().qty
    rig.quiet()
    with rig.switched("canceled_hidden_ms", hidden_ms):
        persist(rig, leave(rig))
    assert bought - rig.lot < sold(rig) <= bought
    assert len(rig.sent(side="sell")) == 2, "its stop, and the sale"
    rig.quiet()
