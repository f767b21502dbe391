"""A strategy's decision at a close is carried out when the candle arrives, without waiting for a cycle or a look."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from bot.domain.candles import Candles
from bot.domain.order import STOPS, Purpose
from bot.strategy.base import Close, Trade
from tests.faults.test_targets import first_target
from tests.rig import OnDemand, Rig

VENUES = ("kraken", "okx", "coinbase")


class Deciding(OnDemand):
    """At a close it exits or moves its stop, as the test sets it."""

    def __init__(self) -> None:
        super().__init__()
        self.out = False
        self.moved: float | None = None

    def on_close(self, trade: Trade, candles: Candles) -> Close:
        return Close(self.moved or trade.stop, "told" if self.out else "")


@pytest.fixture
def rule(unopened: Rig) -> Deciding:
    unopened.rule = rule = Deciding()
    unopened.open()
    unopened.steady()
    return rule


def deliver_next_close(rig: Rig) -> None:
    """Delivers the next close, and does nothing else."""
    closed = rig.engine.candle_cache.newest()
    while rig.engine.candle_cache.newest() == closed:
        time.sleep(0.05)
    rig.candles()


@pytest.mark.parametrize("venue", VENUES)
def test_an_exit_is_sold(unopened: Rig, rule: Deciding) -> None:
    rig = unopened
    rig.bought()
    rule.out = True
    deliver_next_close(rig)
    assert rig.position is None
    assert [one.reason for one in rig.sales() if one.booked_qty > 0] == ["told"]
    rig.quiet()


@pytest.mark.parametrize("venue", VENUES)
def test_a_target_that_was_reached_before_the_close_comes_before_the_exit(unopened: Rig, rule: Deciding) -> None:
    rig = unopened
    target = first_target(rig, rig.bought())
    rig.move(target * Decimal("1.01"))
    rule.out = True
    deliver_next_close(rig)
    assert rig.position is None
    assert [one.purpose for one in rig.sales() if one.booked_qty > 0] == [Purpose.TP1, Purpose.EXIT]
    rig.quiet()


@pytest.mark.parametrize("venue", VENUES)
def test_a_stop_that_is_moved_rests_there(unopened: Rig, rule: Deciding) -> None:
    rig = unopened
    position = rig.bought()
    rule.moved = float(position.stop_price) * 1.01
    deliver_next_close(rig)
    assert rig.position is not None
    assert rig.position.stop_price > position.stop_price
    resting = [one for one in rig.engine.oms.broker.open_orders() if one.type in STOPS]
    wanted, tick = rig.position.stop_price, rig.engine.oms.instruments[rig.symbol].tick
    assert resting
    assert all(one.trigger_price is not None and abs(one.trigger_price - wanted) <= tick for one in resting)
    assert rig.protected()
