"""Any Kraken error, for any call, over real sockets: the fault `exchange_error` and its `body`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.test_clients import krakenex_of
from tests.sandbox_fixture import Sandbox

LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "30000", "volume": "0.001"}
TEXTS = [
    "EAccount:Invalid permissions:BTC trading restricted for NL.",
    "EService: Throttled: 1796000000",
    "Price(s) not found",
    "eorder:some word that nobody wrote down",
]


@pytest.fixture
def kraken(sandbox: Sandbox) -> Any:
    sandbox.control("POST", "switches", venue="kraken", name="rate_counter_max", value=1000)
    key = sandbox.control("POST", "accounts", venue="kraken")
    api = krakenex_of(sandbox)
    api.key, api.secret = key["api_key"], key["api_secret"]
    return api


def refused(sandbox: Sandbox, kraken: Any, body: str, method: str, **words: str) -> list[str]:
    """The errors of a call with such a fault armed."""
    armed = {"venue": "kraken", "kind": "exchange_error", "path": f"/{method}$", "body": body, "count": 1}
    sandbox.control("POST", "faults", **armed)
    errors: list[str] = kraken.query_private(method, words, timeout=5)["error"]
    sandbox.control("DELETE", "faults")
    return errors


@pytest.mark.parametrize("body", [*TEXTS, json.dumps(TEXTS)])
def test_any_text_or_list_of_texts_refuses_any_call(sandbox: Sandbox, kraken: Any, body: str) -> None:
    wanted = TEXTS if body.startswith("[") else [body]
    txid = kraken.query_private("AddOrder", dict(LIMIT), timeout=5)["result"]["txid"][0]
    assert refused(sandbox, kraken, body, "AddOrder", **LIMIT) == wanted
    assert refused(sandbox, kraken, body, "AddOrder", **LIMIT, validate="true") == wanted
    assert refused(sandbox, kraken, body, "AmendOrder", txid=txid, limit_price="29000") == wanted
    assert refused(sandbox, kraken, body, "CancelOrder", txid=txid) == wanted
    for method in ("BalanceEx", "OpenOrders", "ClosedOrders", "TradesHistory", "TradeVolume", "GetApiKeyInfo"):
        assert refused(sandbox, kraken, body, method) == wanted
    (order,) = kraken.query_private("OpenOrders", timeout=5)["result"]["open"].items()
    assert (order[0], order[1]["descr"]["price"]) == (txid, "30000.0")


def test_one_of_several_words_may_leave_the_fate_open(sandbox: Sandbox, kraken: Any) -> None:
    body = json.dumps(["EOrder:Unknown order", "EService: Timeout"])
    fates = set()
    for number in range(20):
        refused(sandbox, kraken, body, "AddOrder", **LIMIT, userref=str(number + 1))
        fates.add(bool(kraken.query_private("CancelAll", timeout=5)["result"]["count"]))
    assert fates == {False, True}


def test_an_order_may_be_rejected_in_several_words(sandbox: Sandbox, kraken: Any) -> None:
    words = ["EOrder:Insufficient funds", "EOrder:Domain rate limit exceeded"]
    sandbox.control("POST", "faults", venue="kraken", kind="reject_order", body=json.dumps(words))
    assert kraken.query_private("AddOrder", {**LIMIT, "validate": "true"}, timeout=5)["error"] == []
    assert kraken.query_private("AddOrder", dict(LIMIT), timeout=5)["error"] == words
