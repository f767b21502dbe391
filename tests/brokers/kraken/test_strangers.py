"""Rows that Kraken should not send: they are left out if they cannot be ours; otherwise the whole list fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from bot.brokers.base import BrokerError
from bot.brokers.kraken import KrakenBroker
from bot.domain.log import Event
from tests.brokers.kraken.conftest import BTC, Answers, By, Notes, fixture, trade

OURS, ALICE, HAND, CHILD = (f"O{name}-AAAAA-AAAAAA" for name in ("OURSX", "ALICE", "HANDX", "CHILD"))
ID = "njabc0000000000001"
GOOD: Mapping[str, Any] = fixture("open_orders")["open"]["OAAAAA-AAAAA-AAAAA1"]
#: Nothing in the row names somebody: the row of an order by hand.
NAMELESS: Mapping[str, Any] = {name: cell for name, cell in GOOD.items() if name != "cl_ord_id"}
BAD = {"vol": None}


def shown(broker: KrakenBroker) -> set[str]:
    return {one.exchange_id for one in broker.open_orders()}


def lists(answers: Answers, orders: Mapping[str, Any], trades: Mapping[str, Any] | None = None) -> None:
    """All lists and queries of orders show `orders`."""

    def asked(fields: dict[str, str]) -> Any:
        return {txid: row for txid, row in orders.items() if txid in fields["txid"].split(",")}

    answers["OpenOrders"] = {"open": orders}
    answers["ClosedOrders"] = {"closed": orders, "count": len(orders)}
    answers["QueryOrders"] = By(asked)
    answers["TradesHistory"] = {"trades": trades or {}, "count": len(trades or {})}


# -- orders -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "odd",
    [
        {**NAMELESS, **BAD},
        {**NAMELESS, "cl_ord_id": "alice-1", **BAD},
        {**NAMELESS, "cl_ord_id": "alice-1", "descr": None},
        {**NAMELESS, "refid": "None", "opentm": "yesterday"},
        {**NAMELESS, "cl_ord_id": None, "userref": 7, "vol_exec": "-1"},
        {**NAMELESS, "descr": {**GOOD["descr"], "type": "hold"}},
    ],
)
def test_an_odd_order_of_somebody_else_is_left_out_of_every_list(
    answers: Answers, broker: KrakenBroker, notes: Notes, odd: Any
) -> None:
    lists(answers, {OURS: GOOD, ALICE: odd})
    for _ in range(2):
        assert shown(broker) == {OURS}
        assert {one.exchange_id for one in broker.recent_orders(0)} == {OURS}
        assert broker.order(ALICE, BTC) is None
        assert broker.order(OURS, BTC) is not None
    assert [fields["product"] for fields in notes.said(Event.LEFT_OUT)] == ["XBTUSD" if odd["descr"] else ""]


@pytest.mark.parametrize(
    "odd",
    [
        {**GOOD, **BAD},
        {**GOOD, "descr": None},
        {**NAMELESS, "refid": OURS, **BAD},
        {**NAMELESS, "refid": "ONEVER-AAAAA-AAAAAA", **BAD},
        {**NAMELESS, "descr": None},
        {},
        None,
        "row",
    ],
)
def test_an_odd_order_that_may_be_ours_is_never_left_out(answers: Answers, broker: KrakenBroker, odd: Any) -> None:
    lists(answers, {OURS: GOOD, CHILD: odd})
    for ask in (broker.open_orders, lambda: broker.recent_orders(0), lambda: broker.order(CHILD, BTC)):
        with pytest.raises(BrokerError, match="unreadable"):
            ask()


def test_one_that_was_ours_when_it_could_be_read_stays_ours(answers: Answers, broker: KrakenBroker) -> None:
    lists(answers, {OURS: GOOD})
    assert shown(broker) == {OURS}
    lists(answers, {OURS: {**NAMELESS, **BAD}})
    with pytest.raises(BrokerError, match="unreadable"):
        broker.open_orders()


def test_the_child_of_a_foreign_order_is_foreign(answers: Answers, broker: KrakenBroker) -> None:
    lists(answers, {HAND: NAMELESS})
    assert shown(broker) == {HAND}
    lists(answers, {HAND: NAMELESS, CHILD: {**NAMELESS, "refid": HAND, **BAD}})
    assert shown(broker) == {HAND}


@pytest.mark.parametrize("other", ["OpenOrders", "ClosedOrders"])
def test_what_a_search_for_our_client_id_shows_must_be_readable(
    answers: Answers, broker: KrakenBroker, other: str
) -> None:
    lists(answers, {HAND: {**NAMELESS, **BAD}})
    answers[other] = {"open": {}, "closed": {}, "count": 0}
    with pytest.raises(BrokerError, match="unreadable"):
        broker.find(ID, BTC, 0)


# -- trades -----------------------------------------------------------------------------------------------------------
ODD_TRADES = [{"vol": "0.00000000"}, {"price": "0"}, {"fee": None}, {"time": None}, {"type": ""}]


@pytest.mark.parametrize("order", [NAMELESS, {**NAMELESS, "cl_ord_id": "alice-1", **BAD}])
@pytest.mark.parametrize("odd", ODD_TRADES)
def test_an_odd_trade_of_a_foreign_order_is_left_out(
    answers: Answers, broker: KrakenBroker, notes: Notes, odd: Any, order: Any
) -> None:
    good = trade(1) | {"ordertxid": OURS}
    lists(answers, {OURS: GOOD, ALICE: order}, {"T1": good, "T2": trade(2) | {"ordertxid": ALICE} | odd})
    for _ in range(2):
        assert [fill.fill_id for fill in broker.fills(0)] == ["T1"]
    assert len(answers.fields("QueryOrders")) == 1  # asked once, and remembered
    assert Event.LEFT_OUT in notes.events


@pytest.mark.parametrize("nobody", [None, ""])
def test_a_trade_of_no_order_is_left_out(answers: Answers, broker: KrakenBroker, nobody: Any) -> None:
    lists(answers, {}, {"T1": trade(1), "T2": trade(2) | {"ordertxid": nobody}})
    assert [fill.fill_id for fill in broker.fills(0)] == ["T1"]
    assert answers.fields("QueryOrders") == []


@pytest.mark.parametrize("odd", ODD_TRADES)
@pytest.mark.parametrize("orders", [{OURS: GOOD}, {OURS: {**NAMELESS, "refid": CHILD}}, {OURS: {**GOOD, **BAD}}, {}])
def test_an_odd_trade_that_may_be_ours_is_never_left_out(
    answers: Answers, broker: KrakenBroker, odd: Any, orders: Any
) -> None:
    lists(answers, orders, {"T1": trade(1) | {"ordertxid": OURS} | odd})
    with pytest.raises(BrokerError, match="unreadable"):
        broker.fills(0)


def test_the_trades_of_an_order_must_all_be_readable(answers: Answers, broker: KrakenBroker) -> None:
    lists(answers, {OURS: {**GOOD, "trades": ["T1", "T2"]}})
    answers["QueryTrades"] = {"T1": trade(1) | {"ordertxid": OURS}, "T2": trade(2) | {"ordertxid": None}}
    order = broker.order(OURS, BTC)
    assert order is not None
    with pytest.raises(BrokerError, match="unreadable"):
        broker.fills_of(order)
