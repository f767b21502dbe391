"""Wallets that keep fewer decimals than orders may have: all that was bought is protected and sold, and nothing is refused."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from bot.domain.log import Event
from bot.domain.order import OrderStatus, Purpose
from tests.rig import Rig

STEP = Decimal("0.00001")
#: What a refusal for lack of coins leads to.
REFUSALS = {Event.REJECTED, Event.MISSING, Event.GONE}


@pytest.fixture(params=[True, False], ids=["stops hold", "stops hold nothing"])
def coarse(unopened: Rig, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """An account at an exchange whose wallets keep five decimals, and whose stops hold their coins or do not."""
    with unopened.switched("wallet_decimals", 5), unopened.switched("stop_holds_base", request.param):
        unopened.open()
        unopened.steady()
        yield unopened


def sell_all(rig: Rig) -> None:
    price = rig.engine.oms.broker.tickers({rig.symbol})[rig.symbol].last
    assert rig.position is not None
    rig.engine.exits.sell(rig.symbol, rig.position.qty, price, Purpose.EXIT, "test")
    rig.quiet()


def refused(rig: Rig) -> list[object]:
    records = [record for record in rig.book.orders_of(rig.symbol, 0) if record.status is OrderStatus.REJECTED]
    return [*records, *(line for line in rig.notes.lines if line[1] in REFUSALS)]


def test_entry_stop_and_exit(coarse: Rig) -> None:
    rig = coarse
    position = rig.bought()
    rig.quiet()
    assert rig.lot == STEP
    assert position.qty % STEP == 0
    assert position.qty == rig.coins()
    assert 0 <= position.qty - rig.resting() < STEP
    sell_all(rig)
    assert (rig.position, rig.coins(), rig.resting()) == (None, 0, 0)
    assert refused(rig) == []


def test_the_stop_fires(coarse: Rig) -> None:
    rig = coarse
    rig.bought()
    rig.jump("0.90")
    rig.until(lambda: rig.position is None, "the stop")
    rig.quiet()
    assert rig.coins() == sum(rig.book.dust().values()) < STEP
    assert refused(rig) == []


def test_an_entry_that_ends_between_two_steps(coarse: Rig) -> None:
    """A part of an order may have any number of decimals; what the wallet does not keep is dust."""
    rig = coarse
    rig.arm("partial_fill", "AddOrder", count=1)
    rig.enter()
    rig.quiet()
    assert rig.position is not None
    held = rig.position.qty
    assert 0 <= held - rig.coins() < STEP
    assert 0 <= rig.coins() - rig.resting() < STEP
    sell_all(rig)
    assert (rig.position, rig.coins(), rig.resting()) == (None, 0, 0)
    assert refused(rig) == []
