"""Stops: attached to an order or placed alone, what they cover, how they end, what fires."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.core.values import Kind, Origin, Side, Ticket
from tests.sandbox.okx.okx_desk import OkxDesk


def stop_of(desk: OkxDesk, percent: int = -2, **words: str) -> list[dict[str, str]]:
    return [{"slTriggerPx": desk.away(percent), "slOrdPx": "-1", **words}]


def entry(desk: OkxDesk, sz: str = "0.01", **words: Any) -> dict[str, Any]:
    return desk.order("buy", sz, desk.away(2), **{"ordType": "ioc", "attachAlgoOrds": stop_of(desk), **words})


def pending(desk: OkxDesk) -> list[dict[str, Any]]:
    return desk.ask("trade/orders-algo-pending", ordType="conditional,oco")


def test_an_attached_stop_is_there_with_the_fill_and_of_gross_size(desk: OkxDesk) -> None:
    order = entry(desk, attachAlgoOrds=stop_of(desk, attachAlgoClOrdId="njs1"), clOrdId="nj1")
    row = pending(desk)[0]
    assert (row["sz"], row["algoClOrdId"], row["state"], row["slOrdPx"]) == ("0.01", "njs1", "live", "-1")
    truth = desk.ledger()["orders"][1]
    assert {name: truth[name] for name in ("id", "client_id", "type", "origin", "parent_id", "status")} == {
        "id": row["algoId"], "client_id": "njs1", "type": "stop", "origin": "attached", "parent_id": order["ordId"],
        "status": "open",
    }  # fmt: skip
    assert desk.coins("BTC") == Decimal("0.00999")
    exposure = desk.exchange.state.exposure["BTC-USDT"]
    assert (exposure.held, exposure.covered, exposure.stretches) == (Decimal("0.00999"), Decimal("0.01"), [])


def test_an_attached_stop_can_be_net_of_the_fee(desk: OkxDesk) -> None:
    desk.venue.switches.set("attached_size", "net")
    entry(desk)
    assert pending(desk)[0]["sz"] == "0.00999"


def test_a_part_fill_attaches_its_part_and_none_attaches_nothing(desk: OkxDesk) -> None:
    desk.venue.faults.arm({"kind": "partial_fill"})
    part = desk.show(entry(desk)["ordId"])
    assert pending(desk)[0]["sz"] == part["accFillSz"] != "0.01"
    resting = desk.order("buy", "0.001", desk.away(-4), attachAlgoOrds=stop_of(desk, -6))
    assert len(pending(desk)) == 1
    assert desk.show(resting["ordId"])["attachAlgoOrds"][0]["slTriggerPx"] == desk.away(-6)
    desk.tell("trade/cancel-order", {"instId": "BTC-USDT", "ordId": resting["ordId"]})
    assert len(pending(desk)) == 1


def test_a_stop_that_fires_ends_and_sends_a_market_order(desk: OkxDesk) -> None:
    entry(desk)
    algo = pending(desk)[0]["algoId"]
    desk.price(desk.away(-3))
    row = desk.ask("trade/order-algo", algoId=algo)[0]
    assert (row["state"], row["actualSide"], len(row["ordIdList"])) == ("effective", "sl", 1)
    sold = desk.show(row["ordId"])
    assert (sold["ordType"], sold["state"], sold["algoId"]) == ("market", "filled", algo)
    assert sold["accFillSz"] == "0.00999"
    assert desk.coins("BTC") == 0
    stop, child = desk.ledger()["orders"][1:]
    assert (stop["status"], stop["reason"], stop["filled"]) == ("canceled", "triggered", "0")
    assert (child["origin"], child["parent_id"], child["type"], child["status"]) == (
        "triggered", algo, "market", "filled",
    )  # fmt: skip
    history = desk.ask("trade/orders-algo-history", ordType="conditional", state="effective")
    assert [item["algoId"] for item in history] == [algo]


def test_a_stop_for_more_than_is_there_may_fail_instead(desk: OkxDesk) -> None:
    desk.venue.switches.set("algo_short_of_coins", "fail")
    entry(desk)
    algo = pending(desk)[0]["algoId"]
    desk.price(desk.away(-3))
    row = desk.ask("trade/order-algo", algoId=algo)[0]
    assert (row["state"], row["failCode"], row["ordIdList"]) == ("order_failed", "51008", [])
    assert desk.coins("BTC") == Decimal("0.00999")
    desk.seconds(2)
    assert desk.exchange.state.exposure["BTC-USDT"].stretches[0].end_ms is None


def test_a_stop_without_any_coins_fails(desk: OkxDesk) -> None:
    entry(desk)
    desk.order("sell", "0.00999")
    algo = pending(desk)[0]["algoId"]
    desk.price(desk.away(-3))
    assert desk.ask("trade/order-algo", algoId=algo)[0]["state"] == "order_failed"


def test_stops_freeze_nothing(desk: OkxDesk) -> None:
    entry(desk)
    coins = desk.ask("account/balance", ccy="BTC")[0]["details"][0]
    assert (coins["availBal"], coins["frozenBal"]) == ("0.00999", "0")


def test_a_stop_is_amended_in_place(desk: OkxDesk) -> None:
    entry(desk)
    algo = pending(desk)[0]["algoId"]
    body = {"instId": "BTC-USDT", "algoId": algo, "newSz": "0.00999", "newSlTriggerPx": desk.away(-1)}
    answer = desk.tell("trade/amend-algos", body)
    assert (answer["code"], answer["data"][0]["algoId"]) == ("0", algo)
    row = pending(desk)[0]
    assert (row["sz"], row["slTriggerPx"]) == ("0.00999", desk.away(-1))
    assert row["slOrdPx"] == "-1"
    above = desk.tell("trade/amend-algos", {**body, "newSlTriggerPx": desk.away(1)})["data"][0]
    assert above["sCode"] == "51280"
    unknown = desk.tell("trade/amend-algos", {**body, "algoId": "1"})["data"][0]
    assert unknown["sCode"] == "51503"


def test_canceling_takes_an_array_and_says_each_fate(desk: OkxDesk) -> None:
    entry(desk)
    algo = pending(desk)[0]["algoId"]
    body = [{"instId": "BTC-USDT", "algoId": algo}, {"instId": "BTC-USDT", "algoId": "1"}]
    answer = desk.tell("trade/cancel-algos", body)
    assert (answer["code"], [row["sCode"] for row in answer["data"]]) == ("2", ["0", "51400"])
    assert pending(desk) == []


@pytest.mark.parametrize(
    ("side", "words", "code"),
    [
        ("sell", {"slTriggerPx": 1, "slOrdPx": "-1"}, "51280"),
        ("sell", {"tpTriggerPx": -1, "tpOrdPx": "-1"}, "51279"),
        ("buy", {"slTriggerPx": -1, "slOrdPx": "-1"}, "51278"),
        ("buy", {"tpTriggerPx": 1, "tpOrdPx": "-1"}, "51277"),
    ],
)
def test_triggers_on_the_wrong_side_are_refused(desk: OkxDesk, side: str, words: dict[str, Any], code: str) -> None:
    priced = {name: desk.away(v) if isinstance(v, int) else v for name, v in words.items()}
    assert desk.algo(side, "0.01", **priced)["sCode"] == code


def test_a_stop_above_its_entry_is_refused_with_the_entry(desk: OkxDesk) -> None:
    row = desk.order("buy", "0.01", desk.away(2), ordType="ioc", attachAlgoOrds=stop_of(desk, 3))
    assert (row["sCode"], desk.ledger()["orders"]) == ("51047", [])


def test_rejections_of_algos_may_come_under_code_zero(desk: OkxDesk) -> None:
    body = {"instId": "BTC-USDT", "tdMode": "cash", "side": "sell", "ordType": "conditional", "sz": "1e-9",
            "slTriggerPx": desk.away(-2), "slOrdPx": "-1"}  # fmt: skip
    assert desk.tell("trade/order-algo", body)["code"] == "1"
    desk.venue.switches.set("algo_rejection_code_zero", True)
    answer = desk.tell("trade/order-algo", body)
    assert (answer["code"], answer["data"][0]["sCode"]) == ("0", "51000")


def test_one_cancels_the_other(desk: OkxDesk) -> None:
    desk.buy("0.01")
    legs = {"slTriggerPx": desk.away(-2), "slOrdPx": "-1", "tpTriggerPx": desk.away(2), "tpOrdPx": "-1"}
    algo = desk.algo("sell", "0.005", "oco", **legs)["algoId"]
    desk.price(desk.away(3))
    row = desk.ask("trade/order-algo", algoId=algo)[0]
    assert (row["state"], row["actualSz"], row["actualSide"]) == ("effective", "0.005", "tp")
    assert pending(desk) == []


def test_an_oco_needs_both_legs(desk: OkxDesk) -> None:
    body = {"instId": "BTC-USDT", "tdMode": "cash", "side": "sell", "ordType": "oco", "sz": "0.01",
            "slTriggerPx": desk.away(-2), "slOrdPx": "-1"}  # fmt: skip
    assert desk.tell("trade/order-algo", body)["code"] == "50014"


def test_a_conditional_with_both_legs_uses_its_stop(desk: OkxDesk) -> None:
    desk.buy("0.01")
    legs = {"slTriggerPx": desk.away(-2), "slOrdPx": "-1", "tpTriggerPx": desk.away(2), "tpOrdPx": "-1"}
    algo = desk.algo("sell", "0.005", **legs)["algoId"]
    desk.price(desk.away(3))
    assert desk.ask("trade/order-algo", algoId=algo)[0]["state"] == "live"


def test_a_trigger_fires_from_either_side_with_its_limit(desk: OkxDesk) -> None:
    desk.buy("0.01")
    up = desk.algo("sell", "0.002", "trigger", triggerPx=desk.away(2), orderPx=desk.away(4))["algoId"]
    down = desk.algo("sell", "0.002", "trigger", triggerPx=desk.away(-2), orderPx="-1")["algoId"]
    desk.price(desk.away(3))
    row = desk.ask("trade/order-algo", algoId=up)[0]
    assert (row["state"], desk.show(row["ordId"])["state"]) == ("effective", "live")
    desk.price(desk.away(-8))
    assert desk.ask("trade/order-algo", algoId=down)[0]["state"] == "effective"


def test_a_trailing_stop_wakes_trails_and_fires(desk: OkxDesk) -> None:
    desk.buy("0.01")
    start = desk.last
    words = {"callbackRatio": "0.05", "activePx": desk.away(10)}
    algo = desk.algo("sell", "0.005", "move_order_stop", **words)["algoId"]
    desk.price(desk.away(-3))
    desk.seconds(30)
    asleep = desk.ask("trade/order-algo", algoId=algo)[0]
    assert (asleep["state"], asleep["moveTriggerPx"]) == ("live", "")
    desk.price(f"{start * 12 / 10:.1f}")
    desk.seconds(30)
    awake = desk.ask("trade/order-algo", algoId=algo)[0]
    assert abs(Decimal(awake["moveTriggerPx"]) / (start * 12 / 10) - Decimal("0.95")) < Decimal("0.02")
    desk.price(f"{start:.1f}")
    assert desk.ask("trade/order-algo", algoId=algo)[0]["state"] == "effective"


def test_an_algo_id_of_ones_own_is_unique_and_finds_it(desk: OkxDesk) -> None:
    words = {"slTriggerPx": desk.away(-2), "slOrdPx": "-1", "algoClOrdId": "mine1"}
    placed = desk.algo("sell", "0.01", **words)
    assert desk.algo("sell", "0.01", **words)["sCode"] == "51065"
    assert desk.ask("trade/order-algo", algoClOrdId="mine1")[0]["algoId"] == placed["algoId"]
    assert desk.tell_code("trade/order-algo", algoId="17") == "51603"


def test_algo_history_wants_a_state_or_an_id(desk: OkxDesk) -> None:
    assert desk.tell_code("trade/orders-algo-history", ordType="conditional") == "50015"


def test_attached_terms_can_be_refused_on_spot(desk: OkxDesk) -> None:
    desk.venue.switches.set("attached_refused_on_spot", True)
    assert entry(desk)["sCode"] == "51000"


def test_a_stop_may_come_with_each_fill(desk: OkxDesk) -> None:
    desk.venue.switches.set("attached_when", "each fill")
    order = entry(desk, "1")
    assert order["sCode"] == "51008"
    desk.exchange.deposit("main", "USDT", Decimal(10_000_000))
    order = entry(desk, "5")
    fills = desk.ask("trade/fills", ordId=order["ordId"])
    assert len(fills) > 1
    assert sorted(row["sz"] for row in pending(desk)) == sorted(fill["fillSz"] for fill in fills)


def test_the_owner_may_sell_the_coins_of_a_stop(desk: OkxDesk) -> None:
    entry(desk)
    ticket = Ticket("main", "BTC-USDT", Side.SELL, Kind.MARKET, qty=Decimal("0.005"), origin=Origin.MANUAL)
    sold = desk.exchange.place(ticket)
    assert desk.show(sold.id)["ordType"] == "market"
    desk.price(desk.away(-3))
    algo = desk.ask("trade/orders-algo-history", ordType="conditional", state="effective")[0]
    assert desk.show(algo["ordId"])["accFillSz"] == "0.00499"


def test_split_take_profits_are_refused(desk: OkxDesk) -> None:
    assert entry(desk, attachAlgoOrds=stop_of(desk, sz="0.005"))["sCode"] == "51076"
    assert entry(desk, attachAlgoOrds=stop_of(desk) + stop_of(desk, -3))["sCode"] == "51076"
    assert desk.ledger()["orders"] == []
