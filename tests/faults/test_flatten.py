"""The operator flattens while the exchange fails: everything of ours is sold as soon as possible, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.brokers.base import Priority
from bot.brokers.common.deadline import Deadline
from bot.brokers.kraken import KrakenBroker
from bot.domain.order import Intent, OrderType, Purpose, Side
from bot.domain.outcome import Placed
from bot.engine.order_manager import OrderManager
from tests.rig import Rig

VENUES = ("kraken", "okx", "coinbase")
#: Faults of a whole venue, for all requests of a while or for the first few.
OUTAGES: list[tuple[str, dict[str, Any]]] = [
    ("refuse", {"seconds": 2.0}),
    ("maintenance", {"seconds": 2.0}),
    ("http_status", {"status": 502, "count": 4}),
    ("rate_limit", {"count": 2}),
    ("drop_after", {"method": "POST", "count": 2}),
]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("http_status", "OpenOrders"),
        ("drop_before", "AddOrder"),
        ("drop_after", "AddOrder"),
        ("maintenance", "CancelOrder"),
        ("drop_after", "CancelOrder"),
    ],
)
def test_flat_although_the_exchange_fails_at_first(rig: Rig, kind: str, path: str) -> None:
    bought = rig.bought().qty
    rig.deposit(rig.base, bought * 2)
    rig.arm(kind, path, count=2)

    def flat() -> bool:
        return not rig.engine.flattening.step("flatten")

    rig.until(flat, "flat")
    rig.quiet()
    assert rig.position is None
    assert rig.coins() == bought * 2
    assert rig.resting() == 0


def test_no_stop_is_taken_away_before_there_is_room_to_ask_how_it_ended(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key's rate counter is full. If a cancel's outcome cannot be read, the stop is only placed again and nothing is sold."""
    rig.bought()
    broker = rig.engine.oms.broker
    assert isinstance(broker, KrakenBroker)
    limits = broker._transport._limits
    waits: list[int] = []
    priorities: set[Priority] = set()
    expose, question = OrderManager.mark_unprotected, limits.question

    def exposed(self: OrderManager, symbol: str, why: str) -> None:
        waits.append(limits._calls.wait_ms(2.0, Priority.EXIT))
        expose(self, symbol, why)

    def asked(method: str, deadline: Deadline, priority: Priority = Priority.QUERY) -> None:
        priorities.add(priority)
        question(method, deadline, priority)

    monkeypatch.setattr(OrderManager, "mark_unprotected", exposed)
    monkeypatch.setattr(limits, "question", asked)
    limits._calls.exhaust()
    rig.engine.flattening.step("flatten")
    assert waits
    assert set(waits) == {0}
    assert priorities == {Priority.EXIT}


def test_an_entry_in_doubt_is_found_and_sold(rig: Rig) -> None:
    rig.arm("drop_after", "AddOrder", count=1)
    rig.enter()
    assert rig.engine.flattening.left()
    rig.until(lambda: not rig.engine.flattening.step("EMERGENCY_STOP"), "flat")
    rig.quiet()
    assert rig.coins() == Decimal(0)
    assert len(rig.sent(side="buy")) == 1


def test_the_owners_own_orders_stay(rig: Rig) -> None:
    """A resting order of another program of the owner."""
    rig.deposit(rig.base, Decimal(2))
    rig.bought()
    before = len(rig.sent(origin="api"))
    rig.engine.flattening.step("flatten")
    rig.until(lambda: not rig.engine.flattening.left(), "flat")
    assert rig.coins() == 2
    assert len(rig.sent(origin="api")) == before + 1


@pytest.mark.parametrize(("kind", "words"), OUTAGES)
@pytest.mark.parametrize("venue", VENUES)
def test_flat_as_soon_as_the_exchange_answers_again(rig: Rig, kind: str, words: dict[str, Any]) -> None:
    bought = rig.bought().qty
    rig.deposit(rig.base, bought * 2)
    foreign = rig.coins() - bought
    rested = his_order(rig)
    rig.arm(kind, **words)
    first = rig.engine.flattening.step("flatten")
    assert rig.position is None or any(rig.symbol in line for line in first)
    rig.until(lambda: not rig.engine.flattening.step("flatten"), "flat")
    rig.disarm()
    assert rig.position is None
    assert abs(rig.coins() - foreign) < rig.engine.oms.instruments[rig.symbol].lot
    assert rig.resting() == 0
    (his,) = [row for row in rig.truth()["orders"] if row["id"] == rested]
    assert his["status"] == "open"


def his_order(rig: Rig) -> str:
    """Places a resting order as another program of the owner; returns its id."""
    oms = rig.engine.oms
    price = oms.instruments[rig.symbol].price_down(oms.broker.tickers({rig.symbol})[rig.symbol].bid * Decimal("0.97"))
    qty = oms.instruments[rig.symbol].size(Decimal(20) / price)
    now = oms.clock.wall_ms()
    order = Intent(
        client_id=f"owner{now}",
        key="",
        purpose=Purpose.ENTRY,
        symbol=rig.symbol,
        side=Side.BUY,
        qty=qty,
        type=OrderType.LIMIT,
        created_at=oms.clock.market_ms(),
        sent_at=now,
        limit_price=price,
    )
    placed = oms.broker.place(order)
    assert isinstance(placed, Placed), placed
    return placed.exchange_id
