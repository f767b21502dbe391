"""Spot orders: what they cost, which code rejects what, what is kept and for how long."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.sandbox.okx.okx_client import OkxClient

BUY = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "px": "100000", "sz": "0.001"}


def test_a_purchase_pays_its_fee_in_the_coin_bought(client: OkxClient) -> None:
    row = client.buy("0.01")
    assert (row["state"], row["accFillSz"], row["fee"], row["feeCcy"]) == ("filled", "0.01", "-0.00001", "BTC")
    assert client.coins("BTC") == Decimal("0.00999")
    paid = Decimal(row["avgPx"]) * Decimal("0.01")
    assert abs(Decimal(5000) - client.coins("USDT") - paid) < Decimal("0.001")


def test_with_fee_type_1_the_fee_is_in_quote(client: OkxClient) -> None:
    client.post("account/set-fee-type", {"feeType": "1"})
    row = client.buy("0.01")
    assert row["feeCcy"] == "USDT"
    assert client.coins("BTC") == Decimal("0.01")
    assert client.ask("account/config")[0]["feeType"] == "1"


def test_a_sale_pays_in_quote(client: OkxClient) -> None:
    client.buy("0.01")
    row = client.show(client.order("sell", "0.005")["ordId"])
    assert row["feeCcy"] == "USDT"
    assert Decimal(row["fee"]) < 0


def test_the_size_of_a_market_purchase_is_quote_by_default(client: OkxClient) -> None:
    row = client.show(client.order("buy", "100")["ordId"])
    assert (row["tgtCcy"], row["sz"], row["state"]) == ("quote_ccy", "100", "filled")
    spent = Decimal(row["accFillSz"]) * Decimal(row["avgPx"])
    assert Decimal(99) < spent <= Decimal("100.0001")


def test_a_sale_of_more_than_the_fee_left_is_refused(client: OkxClient) -> None:
    client.buy("0.01")
    row = client.order("sell", "0.01")
    assert (row["sCode"], row["subCode"], row["ordId"]) == ("51008", "1000", "")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"instId": "NO-SUCH"}, "51001"),
        ({"instId": "DOT-USDT"}, "51022"),
        ({"tdMode": "cross"}, "51010"),
        ({"tdMode": "margin"}, "51000"),
        ({"side": "hold"}, "51000"),
        ({"ordType": "stop"}, "51000"),
        ({"px": "0"}, "51000"),
        ({"px": "100000.05"}, "51000"),
        ({"px": "1e5"}, "51000"),
        ({"px": "150000"}, "51006"),
        ({"clOrdId": "with-hyphen"}, "51000"),
        ({"clOrdId": "x" * 33}, "51000"),
        ({"posSide": "long"}, "51000"),
        ({"reduceOnly": "true"}, "51139"),
        ({"sz": "0.000001"}, "51020"),
        ({"sz": "0.001000001"}, "51121"),
        ({"sz": "0.1"}, "51008"),
    ],
)
def test_a_refused_order_is_200_with_its_code_in_the_row(client: OkxClient, words: dict[str, str], code: str) -> None:
    client.price("100000")
    answer = client.post("trade/order", {**BUY, **words})
    row = answer["data"][0]
    assert (answer["code"], row["sCode"], row["ordId"]) == ("1", code, "")
    assert answer["msg"] == "All operations failed"
    assert client.ledger()["orders"] == []
    assert client.venue.tally.rejected[code] == 1


def test_a_missing_parameter_is_the_gateways_400(client: OkxClient) -> None:
    body = {name: value for name, value in BUY.items() if name != "sz"}
    answer = client.send(client.request("POST", "trade/order", body=body))
    assert answer.status == 400
    assert b"50014" in answer.body


def test_empty_texts_nulls_and_numbers_are_taken(client: OkxClient) -> None:
    client.price("100000")
    odd: dict[str, Any] = {**BUY, "px": 90000, "posSide": "", "reduceOnly": False, "attachAlgoOrds": None, "ccy": ""}
    row = client.post("trade/order", odd)["data"][0]
    assert row["sCode"] == "0"
    assert client.show(row["ordId"])["px"] == "90000.0"


def test_limit_orders_above_the_band_can_be_pulled_to_it(client: OkxClient) -> None:
    row = client.post("trade/order", {**BUY, "px": "150000", "pxAmendType": "1", "ordType": "ioc"})["data"][0]
    assert row["sCode"] == "0"
    assert Decimal(client.show(row["ordId"])["px"]) <= client.last * Decimal("1.051")


def test_a_client_id_is_unique_among_pending_orders_only(client: OkxClient) -> None:
    first = client.order("buy", "0.001", client.away(-4), clOrdId="nj1")
    assert client.order("buy", "0.001", client.away(-4), clOrdId="nj1")["sCode"] == "51016"
    client.post("trade/cancel-order", {"instId": "BTC-USDT", "clOrdId": "nj1"})
    second = client.order("buy", "100", clOrdId="nj1")
    third = client.order("buy", "100", clOrdId="nj1")
    assert len({first["ordId"], second["ordId"], third["ordId"]}) == 3
    newest = client.ask("trade/order", instId="BTC-USDT", clOrdId="nj1")[0]
    assert newest["ordId"] == third["ordId"]


def test_the_venues_id_wins_over_the_clients(client: OkxClient) -> None:
    first = client.order("buy", "100", clOrdId="one")
    client.order("buy", "100", clOrdId="two")
    assert client.ask("trade/order", instId="BTC-USDT", ordId=first["ordId"], clOrdId="two")[0]["clOrdId"] == "one"


def test_post_only_that_would_take_is_accepted_and_canceled(client: OkxClient) -> None:
    row = client.order("buy", "0.001", client.away(2), ordType="post_only")
    assert row["sCode"] == "0"
    shown = client.show(row["ordId"])
    assert (shown["state"], shown["cancelSource"], shown["accFillSz"]) == ("canceled", "31", "0")


def test_fok_fills_whole_or_not_at_all(client: OkxClient) -> None:
    client.venue.exchange.deposit("main", "USDT", Decimal(50_000_000))
    lost = client.show(client.order("buy", "180", client.away(0), ordType="fok")["ordId"])
    assert (lost["state"], lost["accFillSz"]) == ("canceled", "0")
    done = client.show(client.order("buy", "0.001", client.away(2), ordType="fok")["ordId"])
    assert done["state"] == "filled"


def test_a_partly_filled_ioc_is_canceled_with_its_fill(client: OkxClient) -> None:
    client.venue.faults.arm({"kind": "partial_fill"})
    row = client.show(client.order("buy", "0.01", client.away(2), ordType="ioc")["ordId"])
    assert row["state"] == "canceled"
    assert Decimal(0) < Decimal(row["accFillSz"]) < Decimal("0.01")
    assert Decimal(row["fee"]) < 0


def test_amending_changes_price_and_total_size(client: OkxClient) -> None:
    order = client.order("buy", "0.001", client.away(-4))
    body = {"instId": "BTC-USDT", "ordId": order["ordId"], "newSz": "0.002", "newPx": client.away(-3), "reqId": "r1"}
    row = client.post("trade/amend-order", body)["data"][0]
    assert (row["sCode"], row["reqId"], row["ordId"]) == ("0", "r1", order["ordId"])
    shown = client.show(order["ordId"])
    assert (shown["sz"], shown["px"]) == ("0.002", client.away(-3))
    short = client.post("trade/amend-order", {**body, "newSz": "9"})["data"][0]
    assert short["sCode"] == "51502"
    assert client.show(order["ordId"])["sz"] == "0.002"
    client.post("trade/amend-order", {**body, "newSz": "9", "cxlOnFail": True})
    assert client.show(order["ordId"])["state"] == "canceled"
    assert client.post("trade/amend-order", body)["data"][0]["sCode"] == "51509"


def test_canceling_what_is_gone_is_51400_whatever_happened_to_it(client: OkxClient) -> None:
    filled = client.buy("0.001")["ordId"]
    for order_id in (filled, "2500000000000000001"):
        row = client.post("trade/cancel-order", {"instId": "BTC-USDT", "ordId": order_id})["data"][0]
        assert row["sCode"] == "51400"


def test_a_batch_that_fails_in_part_is_code_2(client: OkxClient) -> None:
    good = {**BUY, "px": client.away(-4)}
    answer = client.post("trade/batch-orders", [good, {**good, "sz": "0.0000001"}])
    assert (answer["code"], [row["sCode"] for row in answer["data"]]) == ("2", ["0", "51020"])
    ids = [{"instId": "BTC-USDT", "ordId": row["ordId"]} for row in answer["data"] if row["ordId"]]
    assert client.post("trade/cancel-batch-orders", ids)["code"] == "0"
    assert client.post("trade/batch-orders", [good] * 21)["code"] == "51111"


def test_expired_requests_do_nothing(client: OkxClient) -> None:
    body = {**BUY, "px": client.away(-4)}
    assert client.post("trade/order", body, exptime=str(client.wall.ms - 1))["code"] == "50036"
    request = client.request("POST", "trade/order", body=body, exptime=str(client.wall.ms + 5_000))
    client.wall.ms += 5_001
    assert b'"sCode":"50037"' in client.send(request).body
    assert client.ledger()["orders"] == []
    assert client.post("trade/order", body, exptime=str(client.wall.ms + 5_000))["code"] == "0"


def test_an_expiry_runs_on_the_venues_own_clock(client: OkxClient) -> None:
    client.venue.faults.arm({"kind": "clock_skew", "seconds": 10})
    answer = client.post("trade/order", {**BUY, "px": client.away(-4)}, exptime=str(client.wall.ms + 5_000))
    assert answer["data"][0]["sCode"] == "50037"


def test_the_dead_mans_switch_cancels_orders_and_spares_stops(client: OkxClient) -> None:
    client.buy("0.01")
    order = client.order("buy", "0.001", client.away(-4))
    stop = client.algo("sell", "0.005", slTriggerPx=client.away(-3), slOrdPx="-1")
    armed = client.post("trade/cancel-all-after", {"timeOut": 10})["data"][0]
    assert int(armed["triggerTime"]) == client.wall.ms + 10_000
    client.seconds(11)
    assert client.show(order["ordId"])["cancelSource"] == "20"
    assert client.ask("trade/order-algo", algoId=stop["algoId"])[0]["state"] == "live"


def test_unfilled_canceled_orders_are_forgotten_after_two_hours(client: OkxClient) -> None:
    gone = client.order("buy", "0.001", client.away(-4))["ordId"]
    kept = client.buy("0.001")["ordId"]
    client.post("trade/cancel-order", {"instId": "BTC-USDT", "ordId": gone})
    client.seconds(7_100)
    assert {row["ordId"] for row in client.ask("trade/orders-history", instType="SPOT")} == {gone, kept}
    archive = client.ask("trade/orders-history-archive", instType="SPOT")
    assert {row["ordId"] for row in archive} == {kept}
    client.seconds(200)
    assert client.code_of("trade/order", instId="BTC-USDT", ordId=gone) == "51603"
    assert {row["ordId"] for row in client.ask("trade/orders-history", instType="SPOT")} == {kept}


def test_fills_are_forgotten_after_three_days_but_not_in_the_history(client: OkxClient) -> None:
    client.buy("0.001")
    client.seconds(3 * 86_400 + 60)
    assert client.ask("trade/fills") == []
    assert len(client.ask("trade/fills-history", instType="SPOT")) >= 1


def test_fills_carry_what_the_ledger_says(client: OkxClient) -> None:
    client.buy("0.02", clOrdId="nj7")
    rows, truth = client.ask("trade/fills"), client.ledger()["fills"]
    assert {f"{r['instId']}:{r['ordId']}:{r['tradeId']}" for r in rows} == {f["id"] for f in truth}
    assert {(r["fillSz"], r["fillPx"], r["fee"]) for r in rows} == {
        (f["qty"], r["fillPx"], f"-{f['fee']}") for f, r in zip(reversed(truth), rows, strict=True)
    }
    assert all(r["clOrdId"] == "nj7" and r["feeCcy"] == "BTC" and r["execType"] == "T" for r in rows)


def test_pages_are_exclusive_on_both_sides_and_newest_first(client: OkxClient) -> None:
    ids = [client.order("buy", "0.001", client.away(-4), clOrdId=f"p{n}")["ordId"] for n in range(5)]
    newest_first = ids[::-1]
    shown = [row["ordId"] for row in client.ask("trade/orders-pending", limit=2)]
    assert shown == newest_first[:2]
    assert [row["ordId"] for row in client.ask("trade/orders-pending", limit=2, after=shown[-1])] == newest_first[2:4]
    assert [row["ordId"] for row in client.ask("trade/orders-pending", before=ids[2])] == newest_first[:2]
    between = client.ask("trade/orders-pending", before=ids[0], after=ids[4])
    assert [row["ordId"] for row in between] == newest_first[1:4]


def test_fills_page_by_bill(client: OkxClient) -> None:
    for _ in range(3):
        client.buy("0.001")
    bills = [row["billId"] for row in client.ask("trade/fills-history", instType="SPOT")]
    assert bills == sorted(bills, key=int, reverse=True)
    rest = client.ask("trade/fills-history", instType="SPOT", after=bills[0])
    assert [row["billId"] for row in rest] == bills[1:]


def test_a_resting_order_holds_its_money_and_fills_as_maker(client: OkxClient) -> None:
    order = client.order("buy", "0.01", client.away(-1))
    usdt = client.ask("account/balance", ccy="USDT")[0]["details"][0]
    assert Decimal(usdt["frozenBal"]) == Decimal(client.away(-1)) * Decimal("0.01")
    client.price(client.away(-2))
    client.seconds(60)
    row = client.show(order["ordId"])
    assert (row["state"], row["fee"]) == ("filled", "-0.000008")


def test_what_could_not_be_sent_again_is_not_there_twice(client: OkxClient) -> None:
    client.venue.faults.arm({"kind": "reject_order"})
    assert client.order("buy", "100")["sCode"] == "51008"
    assert client.order("buy", "100")["sCode"] == "0"


def test_late_fills_are_hidden_from_every_list(client: OkxClient) -> None:
    client.venue.faults.arm({"kind": "late_fill", "seconds": 5})
    order = client.order("buy", "100")["ordId"]
    assert client.show(order)["state"] == "live"
    assert client.ask("trade/fills") == []
    assert client.coins("BTC") == 0
    client.seconds(6)
    assert client.show(order)["state"] == "filled"


def test_money_in_the_funding_account_does_not_trade(client: OkxClient) -> None:
    client.post("asset/transfer", {"ccy": "USDT", "amt": "4950", "from": "18", "to": "6"})
    assert client.ask("asset/balances")[0]["bal"] == "4950"
    assert client.order("buy", "100")["sCode"] == "51131"
    assert client.coins("USDT") == 50


def test_precheck_says_what_would_happen_and_does_nothing(client: OkxClient) -> None:
    client.post("account/set-account-level", {"acctLv": "3"})
    body = {"instId": "BTC-USDT", "tdMode": "cross", "side": "buy", "ordType": "market", "sz": "100"}
    assert client.post("trade/order-precheck", body)["code"] == "0"
    assert client.post("trade/order-precheck", {**body, "sz": "900000"})["code"] == "51131"
    assert client.ledger()["orders"] == []


def test_rates_of_fees_are_negative(client: OkxClient) -> None:
    fee = client.ask("account/trade-fee", instType="SPOT", instId="BTC-USDT")[0]
    assert (fee["maker"], fee["taker"]) == ("-0.0008", "-0.001")
    assert fee["feeGroup"][0]["taker"] == "-0.001"


@pytest.mark.parametrize("rule", ["51000", "51150", "round"])
def test_what_becomes_of_a_price_between_ticks_is_a_switch(client: OkxClient, rule: str) -> None:
    client.price("100000")
    client.venue.switches.set("price_off_tick", rule)
    row = client.order("buy", "0.001", "96000.07")
    if rule == "round":
        assert client.show(row["ordId"])["px"] == "96000.0"
    else:
        assert row["sCode"] == rule


def test_an_account_sends_a_thousand_orders_in_two_seconds(client: OkxClient) -> None:
    client.venue.switches.set("rate_limit_percent", 100)
    batches = [[{**BUY, "instId": f"NONE-{n}"}] * 20 for n in range(51)]
    codes = [client.post("trade/batch-orders", batch)["code"] for batch in batches]
    assert codes == ["1"] * 50 + ["50061"]
    client.seconds(2)
    assert client.post("trade/batch-orders", batches[0])["code"] == "1"


def test_refusals_are_on_the_timeline_with_their_client_id(client: OkxClient) -> None:
    client.venue.keyring.permit(client.key, ["view"], ip_bound=True)
    client.post("trade/order", {**BUY, "clOrdId": "nj9"})
    client.venue.keyring.permit(client.key, ["view", "trade"], ip_bound=True)
    client.post("trade/order", {**BUY, "clOrdId": "nj10", "sz": "9"})
    events = client.exchange.state.timeline.since(0)
    assert [(event["kind"], event["client_id"]) for event in events] == [("reject", "nj9"), ("reject", "nj10")]


@pytest.mark.parametrize("level", ["1", "2"])
@pytest.mark.parametrize("code", ["51010", "50030"])
def test_the_simple_account_modes_have_no_precheck(client: OkxClient, level: str, code: str) -> None:
    client.post("account/set-account-level", {"acctLv": level})
    client.venue.switches.set("precheck_elsewhere", code)
    assert client.post("trade/order-precheck", BUY)["code"] == code
    assert client.order("buy", "100")["sCode"] == "0"
