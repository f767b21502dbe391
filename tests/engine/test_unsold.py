"""Sale after sale that the exchange ends with nothing sold: the owner is told why, and not at every one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.domain.log import Event
from bot.domain.order import OrderRecord, OrderStatus, OrderType, Purpose, Side
from bot.engine.unsold import AGAIN, MANY, Unsold
from tests.marketdata.given import Hand
from tests.notes import Notes

OURS = "stop price passed"
SELF = "Cannot trade with self"
SALE = OrderRecord(
    OrderStatus.CANCELED, Purpose.EXIT, "BTC-USD", Side.SELL, OrderType.MARKET, Decimal(1), 1, 1, client_id="S1", reason=SELF, why=OURS
)  # fmt: skip


class Told:
    """What is told about the sales of positions."""

    def __init__(self) -> None:
        self.clock = Hand(None)
        self.notes = Notes()
        self._unsold = Unsold(self.clock, self.notes)

    def ended(self, times: int = 1, record: OrderRecord = SALE, entry: str = "E1") -> list[str]:
        """The reasons told while this many such sales ended."""
        before = len(self.notes.said(Event.REJECTED))
        for _ in range(times):
            self._unsold.ended(record, entry)
        return [str(fields["reason"]) for fields in self.notes.said(Event.REJECTED)[before:]]


@pytest.fixture
def told() -> Told:
    return Told()


def test_the_third_in_a_row_is_told_with_the_exchanges_reason(told: Told) -> None:
    assert told.ended(MANY - 1) == []
    assert told.ended() == [f"3 sales in a row ended with nothing sold: {SELF}; trying again"]
    (line,) = told.notes.lines
    assert line[0] == "warning"
    assert {name: line[2][name] for name in ("symbol", "purpose", "client_id")} == {
        "symbol": "BTC-USD",
        "purpose": Purpose.EXIT,
        "client_id": "S1",
    }


def test_then_it_is_told_once_a_minute(told: Told) -> None:
    assert len(told.ended(MANY)) == 1
    told.clock.now += AGAIN - 1
    assert told.ended(10) == []
    told.clock.now += 1
    assert told.ended(10) == [f"{MANY + 11} sales in a row ended with nothing sold: {SELF}; trying again"]


def test_a_sale_of_anything_begins_anew(told: Told) -> None:
    told.ended(MANY)
    told.ended(record=replace(SALE, booked_qty=Decimal("0.1")))
    assert told.ended(MANY - 1) == []
    assert len(told.ended()) == 1


@pytest.mark.parametrize(
    "status", [OrderStatus.REJECTED, OrderStatus.UNKNOWN, OrderStatus.SUBMITTED, OrderStatus.FILLED, OrderStatus.OPEN]
)
def test_others_are_not_counted_and_end_nothing(told: Told, status: OrderStatus) -> None:
    assert told.ended(10, replace(SALE, status=status)) == []
    told.ended(MANY - 1)
    told.ended(10, replace(SALE, status=status))
    assert len(told.ended()) == 1


def test_an_expired_one_counts_as_much(told: Told) -> None:
    assert len(told.ended(MANY, replace(SALE, status=OrderStatus.EXPIRED))) == 1


@pytest.mark.parametrize("reason", [OURS, ""])
def test_our_own_reason_is_not_the_exchanges(told: Told, reason: str) -> None:
    (line,) = told.ended(MANY, replace(SALE, reason=reason))
    assert line == "3 sales in a row ended with nothing sold: the exchange gives no reason; trying again"


def test_each_position_is_counted_for_itself_and_few_are_remembered(told: Told) -> None:
    told.ended(MANY - 1)
    assert told.ended(MANY - 1, entry="E2") == []
    assert len(told.ended(entry="E2")) == 1
    for number in range(100):
        told.ended(entry=f"later {number}")
    assert told.ended(MANY - 1) == []
