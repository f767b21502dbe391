"""Stops, attached to an order or placed alone: what they cover, how they end, what triggers them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.core.values import Kind, Origin, Side, Ticket
from tests.sandbox.okx.okx_client import OkxClient


def stop_of(client: OkxClient, percent: int = -2, **words: str) -> list[dict[str, str]]:
    return [{"slTriggerPx": client.away(percent), "slOrdPx": "-1", **words}]


def entry(client: OkxClient, sz: str = "0.01", **words: Any) -> dict[str, Any]:
    return client.order("buy", sz, client.away(2), **{"ordType": "ioc", "attachAlgoOrds": stop_of(client), **words})


def pending(client: OkxClient) -> list[dict[str, Any]]:
    return client.ask("trade/orders-algo-pending", ordType="conditional,oco")


def test_an_attached_stop_is_there_with_the_fill_and_of_gross_size(client: OkxClient) -> None:
    order = entry(client, attachAlgoOrds=stop_of(client, attachAlgoClOrdId="njs1"), clOrdId="nj1")
    row = pending(client)[0]
    assert (row["sz"], row["algoClOrdId"], row["state"], row["slOrdPx"]) == ("0.01", "njs1", "live", "-1")
    truth = client.ledger()["orders"][1]
    assert {name: truth[name] for name in ("id", "client_id", "type", "origin", "parent_id", "status")} == {
        "id": row["algoId"], "client_id": "njs1", "type": "stop", "origin": "attached", "parent_id": order["ordId"],
        "status": "open",
    }  # fmt: skip
    assert client.coins("BTC") == Decimal("0.00999")
    exposure = client.exchange.state.exposure["BTC-USDT"]
    assert (exposure.held, exposure.covered, exposure.periods) == (Decimal("0.00999"), Decimal("0.01"), [])


def test_an_attached_stop_can_be_net_of_the_fee(client: OkxClient) -> None:
    client.venue.switches.set("attached_size", "net")
    entry(client)
    assert pending(client)[0]["sz"] == "0.00999"


def test_a_part_fill_attaches_its_part_and_none_attaches_nothing(client: OkxClient) -> None:
    client.venue.faults.arm({"kind": "partial_fill"})
    part = client.show(entry(client)["ordId"])
    assert pending(client)[0]["sz"] == part["accFillSz"] != "0.01"
    resting = client.order("buy", "0.001", client.away(-4), attachAlgoOrds=stop_of(client, -6))
    assert len(pending(client)) == 1
    assert client.show(resting["ordId"])["attachAlgoOrds"][0]["slTriggerPx"] == client.away(-6)
    client.post("trade/cancel-order", {"instId": "BTC-USDT", "ordId": resting["ordId"]})
    assert len(pending(client)) == 1


def test_a_stop_that_fires_ends_and_sends_a_market_order(client: OkxClient) -> None:
    entry(client)
    algo = pending(client)[0]["algoId"]
    client.price(client.away(-3))
    row = client.ask("trade/order-algo", algoId=algo)[0]
    assert (row["state"], row["actualSide"], len(row["ordIdList"])) == ("effective", "sl", 1)
    sold = client.show(row["ordId"])
    assert (sold["ordType"], sold["state"], sold["algoId"]) == ("market", "filled", algo)
    assert sold["accFillSz"] == "0.00999"
    assert client.coins("BTC") == 0
    stop, child = client.ledger()["orders"][1:]
    assert (stop["status"], stop["reason"], stop["filled"]) == ("canceled", "triggered", "0")
    assert (child["origin"], child["parent_id"], child["type"], child["status"]) == (
        "triggered", algo, "market", "filled",
    )  # fmt: skip
    history = client.ask("trade/orders-algo-history", ordType="conditional", state="effective")
    assert [item["algoId"] for item in history] == [algo]


def test_a_stop_for_more_than_is_there_may_fail_instead(client: OkxClient) -> None:
    client.venue.switches.set("algo_short_of_coins", "fail")
    entry(client)
    algo = pending(client)[0]["algoId"]
    client.price(client.away(-3))
    row = client.ask("trade/order-algo", algoId=algo)[0]
    assert (row["state"], row["failCode"], row["ordIdList"]) == ("order_failed", "51008", [])
    assert client.coins("BTC") == Decimal("0.00999")
    client.seconds(2)
    assert client.exchange.state.exposure["BTC-USDT"].periods[0].end_ms is None


def test_a_stop_without_any_coins_fails(client: OkxClient) -> None:
    entry(client)
    client.order("sell", "0.00999")
    algo = pending(client)[0]["algoId"]
    client.price(client.away(-3))
    assert client.ask("trade/order-algo", algoId=algo)[0]["state"] == "order_failed"


def test_stops_freeze_nothing(client: OkxClient) -> None:
    entry(client)
    coins = client.ask("account/balance", ccy="BTC")[0]["details"][0]
    assert (coins["availBal"], coins["frozenBal"]) == ("0.00999", "0")


def test_a_stop_is_amended_in_place(client: OkxClient) -> None:
    entry(client)
    algo = pending(client)[0]["algoId"]
    body = {"instId": "BTC-USDT", "algoId": algo, "newSz": "0.00999", "newSlTriggerPx": client.away(-1)}
    answer = client.post("trade/amend-algos", body)
    assert (answer["code"], answer["data"][0]["algoId"]) == ("0", algo)
    row = pending(client)[0]
    assert (row["sz"], row["slTriggerPx"]) == ("0.00999", client.away(-1))
    assert row["slOrdPx"] == "-1"
    above = client.post("trade/amend-algos", {**body, "newSlTriggerPx": client.away(1)})["data"][0]
    assert above["sCode"] == "51280"
    unknown = client.post("trade/amend-algos", {**body, "algoId": "1"})["data"][0]
    assert unknown["sCode"] == "51503"


def test_canceling_takes_an_array_and_says_each_fate(client: OkxClient) -> None:
    entry(client)
    algo = pending(client)[0]["algoId"]
    body = [{"instId": "BTC-USDT", "algoId": algo}, {"instId": "BTC-USDT", "algoId": "1"}]
    answer = client.post("trade/cancel-algos", body)
    assert (answer["code"], [row["sCode"] for row in answer["data"]]) == ("2", ["0", "51400"])
    assert pending(client) == []


@pytest.mark.parametrize(
    ("side", "words", "code"),
    [
        ("sell", {"slTriggerPx": 1, "slOrdPx": "-1"}, "51280"),
        ("sell", {"tpTriggerPx": -1, "tpOrdPx": "-1"}, "51279"),
        ("buy", {"slTriggerPx": -1, "slOrdPx": "-1"}, "51278"),
        ("buy", {"tpTriggerPx": 1, "tpOrdPx": "-1"}, "51277"),
    ],
)
def test_triggers_on_the_wrong_side_are_refused(client: OkxClient, side: str, words: dict[str, Any], code: str) -> None:
    priced = {name: client.away(v) if isinstance(v, int) else v for name, v in words.items()}
    assert client.algo(side, "0.01", **priced)["sCode"] == code


def test_a_stop_above_its_entry_is_refused_with_the_entry(client: OkxClient) -> None:
    row = client.order("buy", "0.01", client.away(2), ordType="ioc", attachAlgoOrds=stop_of(client, 3))
    assert (row["sCode"], client.ledger()["orders"]) == ("51047", [])


def test_rejections_of_algos_may_come_under_code_zero(client: OkxClient) -> None:
    body = {"instId": "BTC-USDT", "tdMode": "cash", "side": "sell", "ordType": "conditional", "sz": "1e-9",
            "slTriggerPx": client.away(-2), "slOrdPx": "-1"}  # fmt: skip
    assert client.post("trade/order-algo", body)["code"] == "1"
    client.venue.switches.set("algo_rejection_code_zero", True)
    answer = client.post("trade/order-algo", body)
    assert (answer["code"], answer["data"][0]["sCode"]) == ("0", "51000")


def test_one_cancels_the_other(client: OkxClient) -> None:
    client.buy("0.01")
    legs = {"slTriggerPx": client.away(-2), "slOrdPx": "-1", "tpTriggerPx": client.away(2), "tpOrdPx": "-1"}
    algo = client.algo("sell", "0.005", "oco", **legs)["algoId"]
    client.price(client.away(3))
    row = client.ask("trade/order-algo", algoId=algo)[0]
    assert (row["state"], row["actualSz"], row["actualSide"]) == ("effective", "0.005", "tp")
    assert pending(client) == []


def test_an_oco_needs_both_legs(client: OkxClient) -> None:
    body = {"instId": "BTC-USDT", "tdMode": "cash", "side": "sell", "ordType": "oco", "sz": "0.01",
            "slTriggerPx": client.away(-2), "slOrdPx": "-1"}  # fmt: skip
    assert client.post("trade/order-algo", body)["code"] == "50014"


def test_a_conditional_with_both_legs_uses_its_stop(client: OkxClient) -> None:
    client.buy("0.01")
    legs = {"slTriggerPx": client.away(-2), "slOrdPx": "-1", "tpTriggerPx": client.away(2), "tpOrdPx": "-1"}
    algo = client.algo("sell", "0.005", **legs)["algoId"]
    client.price(client.away(3))
    assert client.ask("trade/order-algo", algoId=algo)[0]["state"] == "live"


def test_a_trigger_fires_from_either_side_with_its_limit(client: OkxClient) -> None:
    client.buy("0.01")
    up = client.algo("sell", "0.002", "trigger", triggerPx=client.away(2), orderPx=client.away(4))["algoId"]
    down = client.algo("sell", "0.002", "trigger", triggerPx=client.away(-2), orderPx="-1")["algoId"]
    client.price(client.away(3))
    row = client.ask("trade/order-algo", algoId=up)[0]
    assert (row["state"], client.show(row["ordId"])["state"]) == ("effective", "live")
    client.price(client.away(-8))
    assert client.ask("trade/order-algo", algoId=down)[0]["state"] == "effective"


def test_a_trailing_stop_wakes_trails_and_fires(client: OkxClient) -> None:
    client.buy("0.01")
    start = client.last
    words = {"callbackRatio": "0.05", "activePx": client.away(10)}
    algo = client.algo("sell", "0.005", "move_order_stop", **words)["algoId"]
    client.price(client.away(-3))
    client.seconds(30)
    asleep = client.ask("trade/order-algo", algoId=algo)[0]
    assert (asleep["state"], asleep["moveTriggerPx"]) == ("live", "")
    client.price(f"{start * 12 / 10:.1f}")
    client.seconds(30)
    awake = client.ask("trade/order-algo", algoId=algo)[0]
    assert abs(Decimal(awake["moveTriggerPx"]) / (start * 12 / 10) - Decimal("0.95")) < Decimal("0.02")
    client.price(f"{start:.1f}")
    assert client.ask("trade/order-algo", algoId=algo)[0]["state"] == "effective"


def test_an_algo_id_of_ones_own_is_unique_and_finds_it(client: OkxClient) -> None:
    words = {"slTriggerPx": client.away(-2), "slOrdPx": "-1", "algoClOrdId": "mine1"}
    placed = client.algo("sell", "0.01", **words)
    assert client.algo("sell", "0.01", **words)["sCode"] == "51065"
    assert client.ask("trade/order-algo", algoClOrdId="mine1")[0]["algoId"] == placed["algoId"]
    assert client.code_of("trade/order-algo", algoId="17") == "51603"


def test_algo_history_wants_a_state_or_an_id(client: OkxClient) -> None:
    assert client.code_of("trade/orders-algo-history", ordType="conditional") == "50015"


def test_a_page_of_ended_stops_is_full_of_those_of_its_state(client: OkxClient) -> None:
    """A page that is not full ends the list for a client."""
    entry(client)
    canceled = client.algo("sell", "0.01", slTriggerPx=client.away(-5), slOrdPx="-1")["algoId"]
    client.post("trade/cancel-algos", [{"instId": "BTC-USDT", "algoId": canceled}])
    client.price(client.away(-3))
    words = {"ordType": "conditional", "limit": "1"}
    for state in ("effective", "canceled"):
        assert len(client.ask("trade/orders-algo-history", **words, state=state)) == 1


def test_attached_terms_can_be_refused_on_spot(client: OkxClient) -> None:
    client.venue.switches.set("attached_refused_on_spot", True)
    assert entry(client)["sCode"] == "51000"


def test_a_stop_may_come_with_each_fill(client: OkxClient) -> None:
    client.venue.switches.set("attached_when", "each fill")
    order = entry(client, "1")
    assert order["sCode"] == "51008"
    client.exchange.deposit("main", "USDT", Decimal(10_000_000))
    order = entry(client, "5")
    fills = client.ask("trade/fills", ordId=order["ordId"])
    assert len(fills) > 1
    assert sorted(row["sz"] for row in pending(client)) == sorted(fill["fillSz"] for fill in fills)


def test_the_owner_may_sell_the_coins_of_a_stop(client: OkxClient) -> None:
    entry(client)
    ticket = Ticket("main", "BTC-USDT", Side.SELL, Kind.MARKET, qty=Decimal("0.005"), origin=Origin.MANUAL)
    sold = client.exchange.place(ticket)
    assert client.show(sold.id)["ordType"] == "market"
    client.price(client.away(-3))
    algo = client.ask("trade/orders-algo-history", ordType="conditional", state="effective")[0]
    assert client.show(algo["ordId"])["accFillSz"] == "0.00499"


def test_split_take_profits_are_refused(client: OkxClient) -> None:
    assert entry(client, attachAlgoOrds=stop_of(client, sz="0.005"))["sCode"] == "51076"
    assert entry(client, attachAlgoOrds=stop_of(client) + stop_of(client, -3))["sCode"] == "51076"
    assert client.ledger()["orders"] == []
