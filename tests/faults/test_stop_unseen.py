"""A stop fired before anyone noticed: its coins are gone, and are neither sold nor protected again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from itertools import cycle
from pathlib import Path

import pytest

from bot.brokers.base import BrokerError
from bot.domain.order import Purpose
from tests.rig import PATIENCE, Rig
from tests.sandbox_fixture import Sandbox
from tests.torture.agreement import sold_gross

#: The request that places an entry, by venue.
PLACE = {"kraken": "AddOrder", "okx": "trade/order$", "coinbase": "brokerage/orders$"}
QUOTE = {"kraken": "USD", "okx": "USDT", "coinbase": "USD"}
#: A separate market for each test, so that a jump affects only its own.
BASES = cycle(("SOL", "ETH", "LTC", "ADA", "XRP", "DOGE", "BTC"))


@pytest.fixture(scope="module")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("venues"), "--speed", "30", venues=tuple(PLACE)) as running:
        yield running


@pytest.fixture(params=PLACE)
def at(request: pytest.FixtureRequest, venues: Sandbox, tmp_path: Path) -> Iterator[Rig]:
    """An account at each venue."""
    rig = Rig(venues, tmp_path, f"{next(BASES)}-{QUOTE[request.param]}", venue=request.param)
    rig.open()
    rig.steady()
    yield rig
    rig.crash()
    rig.disarm()


@pytest.fixture
def foreign(at: Rig) -> Decimal:
    """Deposits coins of the owner, enough to be sold by mistake."""
    at.deposit(at.base, Decimal(2_000))
    return at.coins()


def enter_unseen(rig: Rig) -> None:
    """Loses the answer to an entry; before the next look, the market falls through its stop."""
    rig.arm("drop_after", PLACE[rig.venue], count=1)
    (entry,) = rig.enter()
    assert entry.attached_stop is not None
    jump_to(rig, entry.attached_stop)
    wait_for(lambda: any(row["side"] == "sell" for row in rig.truth()["fills"]))


def jump_to(rig: Rig, stop: Decimal) -> None:
    """Moves the market a little beyond a stop."""
    price = rig.engine.oms.instruments[rig.symbol].price(stop * Decimal("0.9995"))
    rig.sandbox.control("POST", "price", venue=rig.venue, symbol=rig.symbol, price=str(price))


def wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_its_coins_are_not_sold_again(at: Rig, foreign: Decimal) -> None:
    enter_unseen(at)
    at.until(lambda: any(order.booked_qty for order in at.orders(Purpose.STOP)), "the stop in the book")
    at.quiet()
    assert at.position is None
    assert not at.orders(Purpose.EXIT)
    assert at.coins() - foreign == -sold_gross(at.truth()).get(at.base, Decimal(0))
    assert at.resting() == 0


def test_its_fills_are_ours_when_they_are_seen_first(at: Rig, foreign: Decimal) -> None:
    """The fills name an order that was created by an order which the book has never seen."""
    enter_unseen(at)
    wait_for(lambda: hunted(at))
    wait_for(lambda: reconciled(at))
    assert at.position is None
    at.quiet()


def test_one_that_fired_since_the_last_look_is_not_replaced(at: Rig, foreign: Decimal) -> None:
    """A leg was sold and the rest is to be protected at the last price, but the stop has already sold the coins."""
    position = at.bought()
    jump_to(at, position.stop_price)
    wait_for(lambda: any(row["side"] == "sell" for row in at.truth()["fills"]))
    with suppress(BrokerError):
        at.engine.protection.ensure(at.symbol, position.entry_price)
    at.until(lambda: at.position is None, "the end")
    at.quiet()
    assert not [order for order in at.orders(Purpose.STOP) if order.client_id is not None and order.parent_id is None]
    assert at.coins() - foreign <= at.engine.oms.instruments[at.symbol].lot


def reconciled(rig: Rig) -> bool:
    """Whether reconciliation alone has brought the stop's sale into the book."""
    rig.reconcile()
    return any(order.booked_qty for order in rig.orders(Purpose.STOP))


def hunted(rig: Rig) -> bool:
    with suppress(BrokerError):
        rig.engine.lost_orders.search()
    return not rig.engine.oms.in_flight()
