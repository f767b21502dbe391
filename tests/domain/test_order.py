"""The life cycle of an order: every transition of the table."""

from __future__ import annotations

from itertools import product

import pytest

from bot.domain.order import (
    DONE,
    IN_FLIGHT,
    TRANSITIONS,
    WORKING,
    IllegalTransition,
    OrderStatus,
    Side,
    follow,
)

S = OrderStatus
FORBIDDEN = {
    *product([S.FILLED], set(S) - {S.FILLED}),
    *product([S.CANCELED], set(S) - {S.CANCELED, S.FILLED}),
    *product([S.EXPIRED], set(S) - {S.EXPIRED, S.FILLED}),
    *product(set(S) - {S.INTENT}, [S.INTENT]),
    *product(WORKING, IN_FLIGHT),
    (S.PARTIALLY_FILLED, S.OPEN),
    (S.PARTIALLY_FILLED, S.REJECTED),
    (S.REJECTED, S.SUBMITTED),
    (S.REJECTED, S.UNKNOWN),
}


@pytest.mark.parametrize(("now", "then"), list(product(S, S)))
def test_every_pair(now: OrderStatus, then: OrderStatus) -> None:
    if (now, then) in FORBIDDEN:
        with pytest.raises(IllegalTransition, match=f"{now} cannot become {then}"):
            follow(now, then)
    else:
        assert follow(now, then) is then


def test_every_status_is_in_one_set_and_in_the_table() -> None:
    assert sorted([*IN_FLIGHT, *WORKING, *DONE]) == sorted(S)
    assert set(TRANSITIONS) == set(S)


def test_a_lost_order_can_end_in_every_way_the_exchange_may_tell() -> None:
    for lost in (S.INTENT, S.SUBMITTED, S.UNKNOWN, S.REJECTED):
        assert WORKING | DONE - {lost} <= TRANSITIONS[lost] | {lost}


def test_sides() -> None:
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
