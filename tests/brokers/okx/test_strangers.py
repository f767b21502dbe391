"""Rows that OKX should not send: they are left out if they cannot be ours; otherwise the whole list fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from bot.brokers.base import BrokerError
from bot.brokers.okx import OKXBroker, OkxConfig
from bot.domain.clock import SystemClock, system_ms
from bot.domain.log import Event
from tests.brokers.okx.conftest import Notes, Script, fixture, ok

OURS, HIS, ID, BTC = "680800019749904001", "680800019749904002", "njabcmgx0a1b2zz9q1", "BTC-USDT"
ORDER: dict[str, Any] = fixture("order_partial_ioc")[0] | {
    "state": "live",
    "ordId": HIS,
    "algoId": "",
    "algoClOrdId": "",
}
ALGO: dict[str, Any] = fixture("algo_live")[0] | {"algoId": HIS}
FILL: dict[str, Any] = fixture("fills")[2] | {"ordId": HIS}
BAD: dict[str, Any] = {"side": None}
ORDERS, ALGOS, FILLS = (f"/api/v5/trade/{name}" for name in ("orders-pending", "orders-algo-pending", "fills"))
#: Whose a row may be that nobody can read: only the first two and the last are certainly somebody else's.
BY_HAND, NAMED = {"clOrdId": ""}, {"clOrdId": "alice1"}
PERHAPS_OURS: list[dict[str, Any]] = [
    {"clOrdId": ID},
    {"clOrdId": "", "instId": ""},
    {"clOrdId": "", "algoId": "680800019749904009"},
    {"clOrdId": "", "algoClOrdId": ID},
    {"clOrdId": "", "category": "full_liquidation"},
]


@pytest.fixture
def broker(config: OkxConfig, script: Script, notes: Notes) -> Iterator[OKXBroker]:
    with closing(OKXBroker(config, SystemClock(), notes)) as one:
        one.instruments()
        yield one


def shown(broker: OKXBroker) -> list[str]:
    return [one.exchange_id for one in broker.open_orders()]


@pytest.mark.parametrize("odd", [BY_HAND | BAD, NAMED | BAD, NAMED | {"instId": BTC, "sz": "-"}])
def test_an_odd_order_of_somebody_else_is_left_out(broker: OKXBroker, script: Script, notes: Notes, odd: Any) -> None:
    script.says[ORDERS] = ok(ORDER | odd, ORDER | {"ordId": OURS, "clOrdId": ID})
    assert shown(broker) == shown(broker) == [OURS]
    assert [fields["product"] for fields in notes.said(Event.LEFT_OUT)] == [BTC]


@pytest.mark.parametrize("odd", PERHAPS_OURS)
def test_an_odd_order_that_may_be_ours_makes_the_list_fail(broker: OKXBroker, script: Script, odd: Any) -> None:
    script.says[ORDERS] = ok(ORDER | BAD | odd)
    with pytest.raises(BrokerError):
        broker.open_orders()


def test_an_odd_row_in_answer_to_our_client_id_is_no_absence(broker: OKXBroker, script: Script) -> None:
    script.says["/api/v5/trade/order"] = ok(ORDER | BY_HAND | BAD)
    with pytest.raises(BrokerError):
        broker.find(ID, BTC, system_ms())


def test_an_odd_stop_of_somebody_else_hides_none_of_ours(broker: OKXBroker, script: Script) -> None:
    ours = ALGO | {"algoId": OURS, "algoClOrdId": ID, "clOrdId": ""}
    script.says[ALGOS] = ok(ALGO | {"algoClOrdId": "", "clOrdId": ""} | BAD, ours)
    assert set(shown(broker)) == {OURS}
    script.says[ALGOS] = ok(ours | BAD)
    with pytest.raises(BrokerError):
        broker.open_orders()


def test_an_odd_fill_is_left_out_once_its_order_is_known_to_be_foreign(broker: OKXBroker, script: Script) -> None:
    ours = FILL | {"ordId": OURS, "clOrdId": ID, "tradeId": "7"}
    script.says[FILLS] = ok(FILL | {"clOrdId": "", "fillSz": "0"}, ours)
    with pytest.raises(BrokerError):  # its order is not shown
        broker.fills(0)
    script.says["/api/v5/trade/order"] = ok(ORDER | BY_HAND)
    assert [one.exchange_order_id for one in broker.fills(0)] == [OURS]
    script.says[FILLS] = ok(ours | {"fillSz": "0"})
    with pytest.raises(BrokerError):
        broker.fills(0)
