"""What account modes and order types do not accept: Portfolio margin, parameters of stops, amendments of stops."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.okx.okx_client import OkxClient

SWAP = "BTC-USDT-SWAP"
ON_SWAP = {"instId": SWAP, "tdMode": "cross"}


def stop(client: OkxClient, percent: int = -2, **words: Any) -> dict[str, Any]:
    return {"slTriggerPx": client.away(percent), "slOrdPx": "-1", **words}


@pytest.fixture
def portfolio(client: OkxClient) -> OkxClient:
    assert client.post("account/set-account-level", {"acctLv": "4"})["code"] == "0"
    return client


# ---- Portfolio margin ----


def test_portfolio_margin_takes_no_reduce_only(portfolio: OkxClient) -> None:
    assert portfolio.swap("buy", "2")["sCode"] == "0"
    assert portfolio.swap("sell", "1", reduceOnly=True)["sCode"] == "51205"
    assert portfolio.algo("sell", "1", **ON_SWAP, **stop(portfolio), reduceOnly=True)["sCode"] == "51205"
    assert portfolio.swap("sell", "1")["sCode"] == "0"
    assert portfolio.ask("account/positions")[0]["pos"] == "1"
    assert portfolio.post("trade/close-position", {"instId": SWAP, "mgnMode": "cross"})["code"] == "0"
    assert portfolio.ask("account/positions") == []


def test_portfolio_margin_has_one_way_and_no_leverage_of_its_own(portfolio: OkxClient) -> None:
    body = {"instId": SWAP, "lever": 1, "mgnMode": "cross"}
    assert portfolio.post("account/set-leverage", body)["code"] == "51039"
    assert portfolio.post("account/set-position-mode", {"posMode": "long_short_mode"})["code"] == "51041"
    assert portfolio.post("account/set-position-mode", {"posMode": "net_mode"})["code"] == "0"


def test_a_hedged_account_does_not_become_a_portfolio(client: OkxClient) -> None:
    client.post("account/set-position-mode", {"posMode": "long_short_mode"})
    assert client.post("account/set-account-level", {"acctLv": "4"})["code"] == "51041"
    assert client.ask("account/config")[0]["acctLv"] == "2"


def test_a_fraction_closes_at_the_market_outside_portfolio_margin(client: OkxClient) -> None:
    client.swap("buy", "1")
    words = {**ON_SWAP, **stop(client), "closeFraction": "1"}
    assert client.algo("sell", "", **words)["sCode"] == "51328"
    assert client.algo("sell", "", **{**words, "instId": "BTC-USDT", "tdMode": "cash"})["sCode"] == "51327"
    assert client.algo("sell", "", **words, reduceOnly=True)["sCode"] == "0"
    client.post("account/set-account-level", {"acctLv": "4"})
    assert client.algo("sell", "", **words)["sCode"] == "51332"


# ---- parameters of stops ----


def test_reduce_only_is_not_for_triggers(client: OkxClient) -> None:
    words = {**ON_SWAP, "triggerPx": client.away(-2), "orderPx": "-1"}
    assert client.algo("sell", "1", "trigger", **words, reduceOnly=True)["sCode"] == "51205"
    assert client.algo("sell", "1", "trigger", **words, reduceOnly=False)["sCode"] == "0"
    assert client.algo("sell", "1", **ON_SWAP, **stop(client), reduceOnly=True)["sCode"] == "0"


@pytest.mark.parametrize("kind", ["conditional", "oco", "move_order_stop"])
@pytest.mark.parametrize("target", ["base_ccy", "quote_ccy"])
def test_a_stop_of_coins_has_no_target_currency(client: OkxClient, kind: str, target: str) -> None:
    words = {
        "conditional": stop(client),
        "oco": {**stop(client), "tpTriggerPx": client.away(2), "tpOrdPx": "-1"},
        "move_order_stop": {"callbackRatio": "0.01"},
    }[kind]
    row = client.algo("sell", "0.001", kind, **words, tgtCcy=target)
    assert (row["sCode"], row["sMsg"]) == ("51000", "Parameter tgtCcy error ")
    assert client.algo("sell", "0.001", kind, **words)["sCode"] == "0"


def test_a_conditional_market_purchase_may_name_its_target(client: OkxClient) -> None:
    words = {"slTriggerPx": client.away(2), "tgtCcy": "base_ccy"}
    assert client.algo("buy", "0.001", **words, slOrdPx="-1")["sCode"] == "0"
    assert client.algo("buy", "0.001", **words, slOrdPx=client.away(3))["sCode"] == "51000"


@pytest.mark.parametrize("price", ["mark", "index"])
def test_pairs_trigger_by_the_last_price(client: OkxClient, price: str) -> None:
    words = stop(client, slTriggerPxType=price)
    trigger = {"triggerPx": client.away(-2), "orderPx": "-1", "triggerPxType": price}
    assert client.algo("sell", "0.001", **words)["sCode"] == "51415"
    assert client.algo("sell", "0.001", "trigger", **trigger)["sCode"] == "51415"
    attached = {"ordType": "ioc", "attachAlgoOrds": [words]}
    assert client.order("buy", "0.001", client.away(2), **attached)["sCode"] == "51415"
    assert client.algo("sell", "1", **ON_SWAP, **words)["sCode"] == "0"
    assert client.ask("trade/orders-algo-pending", ordType="conditional")[0]["slTriggerPxType"] == price
    assert client.algo("sell", "0.001", **stop(client, slTriggerPxType="bid"))["sCode"] == "51000"


# ---- amendments of stops ----


def test_a_trigger_keeps_its_type(client: OkxClient) -> None:
    algo = client.algo("sell", "1", **ON_SWAP, **stop(client, slTriggerPxType="mark"))["algoId"]
    body = {"instId": SWAP, "algoId": algo, "newSlTriggerPx": client.away(-1)}
    other = client.post("trade/amend-algos", {**body, "newSlTriggerPxType": "last"})["data"][0]
    assert other["sCode"] == "51528"
    same = client.post("trade/amend-algos", {**body, "newSlTriggerPxType": "mark"})["data"][0]
    assert same["sCode"] == "0"
    assert client.ask("trade/order-algo", algoId=algo)[0]["slTriggerPx"] == client.away(-1)


@pytest.mark.parametrize("code", ["51506", "51527", "51528", "51529"])
def test_changes_of_stops_are_refused_for_good(client: OkxClient, code: str) -> None:
    algo = client.algo("sell", "0.001", **stop(client))["algoId"]
    client.venue.switches.set("algo_amend_code", code)
    client.venue.switches.set("algo_amend_refused", True)
    body = {"instId": "BTC-USDT", "algoId": algo, "newSlTriggerPx": client.away(-1)}
    assert client.post("trade/amend-algos", body)["data"][0]["sCode"] == code
    assert client.ask("trade/order-algo", algoId=algo)[0]["slTriggerPx"] == client.away(-2)
    assert client.post("trade/cancel-algos", [{"instId": "BTC-USDT", "algoId": algo}])["code"] == "0"


@pytest.mark.parametrize("code", ["50002", "51000"])
def test_cancels_of_stops_come_in_an_array(client: OkxClient, code: str) -> None:
    algo = client.algo("sell", "0.001", **stop(client))["algoId"]
    client.venue.switches.set("algo_object_code", code)
    answer = client.send(client.request("POST", "trade/cancel-algos", body={"instId": "BTC-USDT", "algoId": algo}))
    assert (answer.status, code.encode() in answer.body) == (400, True)
    assert client.ask("trade/order-algo", algoId=algo)[0]["state"] == "live"


def test_refused_cancels_may_come_under_code_zero(client: OkxClient) -> None:
    client.venue.switches.set("algo_rejection_code_zero", True)
    answer = client.post("trade/cancel-algos", [{"instId": "BTC-USDT", "algoId": "1"}])
    assert (answer["code"], answer["data"][0]["sCode"]) == ("0", "51400")


# ---- other responses ----


def test_balances_name_the_spot_in_use_once(client: OkxClient) -> None:
    """nautilus_trader's client accepts either name for one field and rejects a response with both."""
    assert {name for name in client.ask("account/balance")[0]["details"][0] if name.startswith("maxSpot")} == {
        "maxSpotInUse"
    }


def test_switches_take_the_words_they_know(client: OkxClient) -> None:
    for name, word in (("attached_when", "later"), ("refused.BTC-USDT", "no"), ("orders_refused", "5129")):
        with pytest.raises(ValueError, match=name):
            client.venue.switches.set(name, word)
