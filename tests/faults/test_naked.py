"""How long a position may be naked when nothing fails: not at all at the entry, two round trips for a replacement."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from bot.domain.log import Event
from bot.engine.protect import Verdict
from tests.rig import Rig

#: Allowance for a slow machine; the bound itself is two round trips and 250 ms.
SLACK = Decimal(1)


def round_trip(rig: Rig) -> Decimal:
    """The longest of several requests to the exchange, in this run, on this machine."""
    longest = 0.0
    for _ in range(5):
        began = time.monotonic()
        rig.engine.oms.broker.open_orders()
        longest = max(longest, time.monotonic() - began)
    return Decimal(str(longest))


@pytest.mark.parametrize("venue", ["kraken", "okx", "coinbase"])
def test_never_at_the_entry_and_briefly_at_the_targets(rig: Rig) -> None:
    bound = 2 * round_trip(rig) + Decimal("0.25") + SLACK
    rig.bought()
    assert rig.naked_seconds() == []
    rig.jump("1.05")
    rig.until(lambda: bool(rig.position and rig.position.stage == 1), "the first target")
    rig.quiet()
    rig.jump("1.04")
    rig.until(lambda: rig.position is None or rig.position.stage == 2, "the second target")
    rig.quiet()
    stretches = rig.naked_seconds()
    assert [one for one in stretches if one[0] > bound] == []
    assert [one for one in stretches if one[1] == "entry"] == []


def test_our_own_record_of_it_is_closed_again(rig: Rig) -> None:
    """A stop that the exchange removed is noticed at the next look, recorded with its cause, and placed again."""
    position = rig.bought()
    broker = rig.engine.oms.broker
    for stop in rig.engine.protection.stops_of(position, broker.open_orders()):
        broker.cancel(stop)
    rig.turn()
    rig.quiet()
    assert rig.resting() == position.qty
    (line,) = rig.notes.said(Event.STOP)[-1:]
    naked_ms = line["naked_ms"]
    assert isinstance(naked_ms, int)
    assert naked_ms >= 0


@pytest.mark.parametrize("venue", ["coinbase"])
def test_a_stop_that_is_refused_because_the_market_has_passed_it_means_out_at_once(rig: Rig) -> None:
    """The price at which the stop was raised is out of date when the exchange checks the stop."""
    position = rig.bought()
    last = rig.engine.oms.broker.tickers({rig.symbol})[rig.symbol].last
    rig.book.plan(rig.symbol, stage=position.stage, stop_price=last * Decimal("1.02"))
    assert rig.engine.protection.ensure(rig.symbol, last * Decimal("1.04")) is Verdict.BEYOND_STOP
    rig.until(lambda: rig.position is None, "the exit")
    rig.quiet()
