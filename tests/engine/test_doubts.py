"""When an exchange that reports less filled than before is believed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from bot.domain.clock import MINUTE
from bot.domain.order import OrderRecord, OrderStatus, OrderType, Purpose, Side, VenueOrder
from bot.engine.doubts import HIDDEN, TAKEN_BACK, Doubts

KNOWN = OrderRecord(
    OrderStatus.PARTIALLY_FILLED, Purpose.STOP, "BTC-USD", Side.SELL, OrderType.STOP, Decimal(10), 1, 1, exchange_id="S1",
    filled_qty=Decimal(9), booked_qty=Decimal(2),
)  # fmt: skip
ENTRY = replace(KNOWN, purpose=Purpose.ENTRY)
THIRD = TAKEN_BACK // 3


def reported(filled: int, status: OrderStatus = OrderStatus.OPEN, name: str = "S1") -> VenueOrder:
    return VenueOrder(name, "BTC-USD", Side.SELL, OrderType.STOP, status, Decimal(10), Decimal(filled))


@pytest.mark.parametrize(
    ("record", "answers", "believed"),
    [
        (KNOWN, [(0, 2), (1, 2), (TAKEN_BACK, 2)], True),
        (KNOWN, [(0, 2), (THIRD, 2), (2 * THIRD, 2), (3 * THIRD, 2)], True),
        (KNOWN, [(0, 2), (TAKEN_BACK, 2)], False),  # twice only
        (KNOWN, [(0, 2), (1, 2), (TAKEN_BACK - 1, 2)], False),  # not for long
        (KNOWN, [(0, 2), (1, 9), (TAKEN_BACK, 2), (TAKEN_BACK + 1, 2)], False),  # agreed in between
        (KNOWN, [(0, 9), (1, 9), (TAKEN_BACK, 9)], False),  # reports as much
        (KNOWN, [(0, 1), (1, 1), (TAKEN_BACK, 1)], False),  # less than booked: outdated
        (KNOWN, [(0, 2), (HIDDEN + 1, 2), (HIDDEN + 2, 2)], False),  # no check in between
        (KNOWN, [(5 * MINUTE, 2), (5 * MINUTE + 1, 2), (0, 2), (1, 2)], False),  # the clock was set back
        (KNOWN, [(5 * MINUTE, 2), (0, 2), (1, 2), (TAKEN_BACK, 2)], True),
        (ENTRY, [(0, 2), (1, 2), (TAKEN_BACK, 2)], False),  # fills of an entry are awaited
        (ENTRY, [(0, 2), (1, 2), (HIDDEN, 2)], True),
        (replace(KNOWN, exchange_id="S2"), [(0, 2), (1, 2), (TAKEN_BACK, 2)], False),  # another order
    ],
)
def test_less_is_believed_when_it_is_said_often_and_for_long(
    record: OrderRecord, answers: list[tuple[int, int]], believed: bool
) -> None:
    doubts = Doubts()
    verdicts = [doubts.taken_back(record, reported(filled), at) for at, filled in answers]
    assert verdicts == [False] * (len(answers) - 1) + [believed]


def test_an_order_in_flight_says_nothing() -> None:
    doubts = Doubts()
    flying = reported(2, OrderStatus.SUBMITTED)
    assert not any(doubts.taken_back(KNOWN, flying, at) for at in (0, 1, TAKEN_BACK))


def test_a_doubt_begins_again_once_it_was_believed() -> None:
    doubts = Doubts()
    assert [doubts.taken_back(KNOWN, reported(2), at) for at in (0, 1, TAKEN_BACK, TAKEN_BACK + 1)] == [
        False,
        False,
        True,
        False,
    ]


def test_what_is_remembered_is_bounded() -> None:
    doubts = Doubts()
    for number in range(1_000):
        doubts.taken_back(replace(KNOWN, exchange_id=f"S{number}"), reported(2, name=f"S{number}"), number)
    assert len(doubts._of) <= 100
