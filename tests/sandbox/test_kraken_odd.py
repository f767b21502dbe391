"""Kraken's rarer responses: last units, rebates, amends without a change, counts, names, tiers, Auto Earn."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.core.values import Order, Status
from tests.sandbox.kraken_client import KrakenClient

UNIT = Decimal("0.00000001")
LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "50000", "volume": "0.001"}


def record(client: KrakenClient, order: Order) -> dict[str, Any]:
    found: dict[str, Any] = client.result("QueryOrders", txid=order.id)[order.id]
    return found


# ---- how orders end ----


def test_fill_or_kill_takes_all_or_nothing(client: KrakenClient) -> None:
    client.exchange.deposit("main", "USD", Decimal(10**12))
    whole = client.buy("0.002", ordertype="limit", price=client.away("1.01"), timeinforce="FOK")
    assert (whole.status, whole.filled) == (Status.FILLED, whole.qty)
    none = client.buy("5000", ordertype="limit", price=client.away("1.0001"), timeinforce="FOK")
    assert (none.status, none.filled) == (Status.CANCELED, Decimal(0))
    assert client.error("AddOrder", **{**LIMIT, "ordertype": "market", "timeinforce": "FOK"}) == (
        "EGeneral:Invalid arguments:timeinforce"
    )


@pytest.mark.parametrize(("canceled", "status"), [(False, "closed"), (True, "canceled")])
def test_an_order_may_end_one_unit_short(client: KrakenClient, canceled: bool, status: str) -> None:
    client.venue.switches.set("ends_one_unit_short", True)
    client.venue.switches.set("short_end_is_canceled", canceled)
    order = client.buy("0.005", close__ordertype="stop-loss", close__price=client.away("0.9"))
    shown = record(client, order)
    assert (shown["status"], shown["reason"]) == (status, "Insignificant volume remaining")
    assert Decimal(shown["vol"]) - Decimal(shown["vol_exec"]) == UNIT
    assert Decimal(client.result("BalanceEx")["XXBT"]["balance"]) == order.qty - UNIT
    stops = [o for o in client.exchange.state.open.values() if o.parent_id == order.id]
    assert sum(stop.qty for stop in stops) == order.qty - UNIT
    client.jump("0.85")
    assert {record(client, stop)["status"] for stop in stops} == {status}
    assert client.exchange.state.accounts["main"].held["BTC"] == 0
    resting = client.buy("0.005", ordertype="limit", price=client.away("0.999"))
    client.jump("0.99")
    client.seconds(60)
    assert (record(client, resting)["status"], resting.qty - resting.filled) == (status, UNIT)


def test_a_fill_of_cost_zero_has_no_ledger_row_for_the_money() -> None:
    client = KrakenClient(pairs=2)
    client.venue.switches.set("zero_cost_fills", True)
    order = client.buy("0.1", pair="ETHUSD")
    assert order.status is Status.FILLED
    trades = client.result("TradesHistory", consolidate_taker="false")["trades"]
    free = {txid: trade for txid, trade in trades.items() if Decimal(trade["cost"]) == 0}
    assert [trade["vol"] for trade in free.values()] == ["0.00000001"]
    rows = client.result("Ledgers", type="trade")["ledger"].values()
    assert [row["asset"] for row in rows if row["refid"] in free] == ["XETH"]
    assert sum(Decimal(trade["vol"]) for trade in trades.values()) == Decimal("0.1")


def test_makers_may_be_paid(client: KrakenClient) -> None:
    client.venue.switches.set("maker_rebate", True)
    assert client.result("TradeVolume", pair="XBTUSD")["fees_maker"]["XXBTZUSD"]["fee"] == "-0.0200"
    assert client.result("TradeVolume", pair="XBTUSD")["fees"]["XXBTZUSD"]["fee"] == "0.2000"
    order = client.buy("0.01", ordertype="limit", price=client.away("0.999"))
    client.jump("0.99")
    client.seconds(60)
    shown = record(client, order)
    assert Decimal(shown["fee"]) == pytest.approx(-Decimal(shown["cost"]) * Decimal("0.0002"), abs=Decimal("0.001"))
    assert Decimal(client.result("BalanceEx")["ZUSD"]["balance"]) == 3000 - order.cost - order.fee
    assert all(t["fee"].startswith("-") for t in client.result("TradesHistory")["trades"].values())
    client.venue.switches.set("maker_rebate", False)
    assert client.result("TradeVolume", pair="XBTUSD")["fees_maker"]["XXBTZUSD"]["fee"] == "0.1000"


def test_an_amend_without_a_change_is_an_error(client: KrakenClient) -> None:
    order = client.buy("0.001", ordertype="limit", price="50000")
    nothing = "EOrder:No amendable parameters specified"
    assert client.error("AmendOrder", txid=order.id) == nothing
    assert client.error("AmendOrder", txid=order.id, limit_price="50000", order_qty="0.001") == nothing
    assert record(client, order)["misc"] == ""
    client.venue.switches.set("amend_without_change_is_error", False)
    assert client.result("AmendOrder", txid=order.id, limit_price="50000.0") == {"amend_id": ""}
    assert client.result("AmendOrder", txid=order.id, limit_price="50001")["amend_id"] != ""


# ---- forms of responses ----


@pytest.mark.parametrize("obeyed", [False, True])
def test_close_orders_may_carry_their_parents_ids(client: KrakenClient, obeyed: bool) -> None:
    client.venue.switches.set("close_carries_parent_ids", obeyed)
    stop = {"close__ordertype": "stop-loss", "close__price": client.away("0.9")}
    named, numbered = client.buy("0.001", **stop, cl_ord_id="nj7"), client.buy("0.001", **stop, userref="7")
    children = {o["refid"]: o for o in client.result("OpenOrders")["open"].values()}
    assert children[named.id].get("cl_ord_id") == ("nj7" if obeyed else None)
    assert children[numbered.id]["userref"] == (7 if obeyed else 0)


def test_fees_are_told_by_trade_volume_alone(client: KrakenClient) -> None:
    row = client.public("AssetPairs", pair="XBTUSD")["result"]["XXBTZUSD"]
    assert (row["fees"], row["fees_maker"], row["execution_venue"]) == ([], [], "international")
    assert client.public("AssetPairs", info="fees", pair="XBTUSD")["result"]["XXBTZUSD"]["fees"] == []
    assert client.public("AssetPairs", execution_venue="elsewhere")["result"] == {}


def test_new_names_where_they_are_obeyed(client: KrakenClient) -> None:
    client.buy("0.001")
    assert "XXBT" in client.result("Balance", assetVersion="1")
    assert "XXBTZUSD" in client.public("AssetPairs", assetVersion="1")["result"]
    client.venue.switches.set("asset_version_obeyed", True)
    assert {"BTC", "USD"} <= client.result("Balance", assetVersion="1").keys()
    assert {"BTC", "USD"} <= client.result("BalanceEx", assetVersion="1").keys()
    assert client.public("Assets", assetVersion="1", asset="XBT")["result"]["BTC"]["altname"] == "BTC"
    row = client.public("AssetPairs", assetVersion="1", pair="XBTUSD")["result"]["BTC/USD"]
    assert (row["altname"], row["base"], row["quote"]) == ("BTCUSD", "BTC", "USD")
    assert "XXBT" in client.result("Balance")


def test_counts_may_promise_more_than_there_is(client: KrakenClient) -> None:
    client.buy("0.001")
    client.venue.switches.set("count_overstated", True)
    answer = client.result("ClosedOrders")
    assert (len(answer["closed"]), answer["count"]) == (1, 51)
    assert client.result("ClosedOrders", ofs=50)["closed"] == {}
    client.venue.switches.set("count_absent", True)
    assert "count" not in client.result("TradesHistory")


def test_balances_may_be_numbers(client: KrakenClient) -> None:
    client.venue.switches.set("balance_ex_numbers", True)
    assert client.result("BalanceEx")["ZUSD"] == {"balance": 3000.0, "hold_trade": 0.0}


def test_untidy_records_have_the_trigger_elsewhere(client: KrakenClient) -> None:
    client.buy("0.001")
    stop = client.sell(ordertype="stop-loss", price=client.away("0.9"), volume="0.001")
    client.result("AmendOrder", txid=stop.id, trigger_price=client.away("0.91"))
    client.venue.switches.set("untidy_order_records", True)
    shown = client.result("OpenOrders")["open"][stop.id]
    assert (shown["refid"], shown["price"], shown["descr"]["price"]) == ("None", "0", "0")
    assert Decimal(shown["stopprice"]) == stop.trigger


def test_rows_of_orders_by_hand_may_be_odd_in_every_way(client: KrakenClient) -> None:
    client.venue.switches.set("odd_foreign_rows", True)
    ours = client.buy("0.001", ordertype="limit", price=client.away("0.5"), cl_ord_id="njabc0000000000001")
    for _ in range(6):
        client.buy("0.001")
        client.buy("0.001", ordertype="limit", price=client.away("0.5"))
    shown = client.result("OpenOrders", trades="true")["open"]
    assert (shown[ours.id]["status"], shown[ours.id]["vol"]) == ("open", "0.00100000")
    foreign = [row for txid, row in shown.items() if txid != ours.id]
    assert len(foreign) == 6
    assert {row["status"] for row in foreign} < {"untouched", "pending_new"}
    assert any(row["vol"] is None for row in client.result("ClosedOrders")["closed"].values())
    trades = client.result("TradesHistory")["trades"].values()
    assert {row["ordertxid"] is None for row in trades} == {True, False}
    assert {"0.00000000"} < {row["vol"] for row in trades}


def test_wallets_may_keep_fewer_decimals_than_orders_have(client: KrakenClient) -> None:
    client.venue.switches.set("wallet_decimals", 5)
    assert client.public("Assets")["result"]["XXBT"]["decimals"] == 5
    assert client.public("AssetPairs", pair="XBTUSD")["result"]["XXBTZUSD"]["lot_decimals"] == 8
    order = client.buy("0.00512345")
    assert Decimal(client.result("BalanceEx")["XXBT"]["balance"]) == Decimal("0.00512") < order.filled
    sale = {"pair": "XBTUSD", "type": "sell", "ordertype": "market"}
    assert client.error("AddOrder", **sale, volume="0.00512345") == "EOrder:Insufficient funds"
    assert client.sell(volume="0.00512", ordertype="market").status is Status.FILLED
    client.venue.switches.set("wallet_decimals", 0)
    assert client.public("Assets")["result"]["XXBT"]["decimals"] == 10
    client.buy("0.00512345")
    assert Decimal(client.result("BalanceEx")["XXBT"]["balance"]) == Decimal("0.00512345")


def test_a_price_off_the_tick_in_other_words(client: KrakenClient) -> None:
    client.venue.switches.set("price_decimals_named", True)
    text = "EOrder:Invalid price:XBTUSD price can only be specified up to 1 decimals."
    assert client.error("AddOrder", **{**LIMIT, "price": "50000.05"}) == text
    wrong = {**LIMIT, "ordertype": "stop-loss-limit", "price2": "0"}
    assert client.error("AddOrder", **wrong) == "EOrder:Invalid price:Invalid secondary price argument"


# ---- limits by tier ----


def reads_until_refused(client: KrakenClient) -> int:
    for number in range(100):
        if client.ask("Balance")["error"]:
            return number
    return 100


def adds_until_refused(client: KrakenClient) -> tuple[int, str]:
    for number in range(400):
        answer = client.ask("AddOrder", **{**LIMIT, "price": "6000", "volume": "0.0001"})
        if answer["error"]:
            return number, str(answer["error"][0])
    return 400, ""


@pytest.mark.parametrize(("tier", "reads", "adds"), [("starter", 15, 60), ("intermediate", 20, 80), ("pro", 20, 180)])
def test_the_tier_sets_the_counters(client: KrakenClient, tier: str, reads: int, adds: int) -> None:
    client.venue.switches.set("tier", tier)
    assert reads_until_refused(client) == reads
    assert adds_until_refused(client)[0] == adds


@pytest.mark.parametrize(("tier", "reads", "adds"), [("starter", 5, 19), ("intermediate", 9, 45), ("pro", 19, 74)])
def test_the_tier_sets_how_fast_counters_recover(client: KrakenClient, tier: str, reads: int, adds: int) -> None:
    client.venue.switches.set("tier", tier)
    client.venue.switches.set("order_cap_per_pair", 1000)
    reads_until_refused(client)
    adds_until_refused(client)
    client.wall.ms += 20_000
    assert (reads_until_refused(client), adds_until_refused(client)[0]) == (reads, adds)


def test_starter_is_the_default_and_a_number_wins(client: KrakenClient) -> None:
    assert (client.venue.switches.number("rate_counter_max"), client.venue.switches.word("tier")) == (15, "starter")
    client.venue.switches.set("rate_counter_max", 3)
    client.venue.switches.set("tier", "pro")
    assert reads_until_refused(client) == 3
    client.venue.switches.set("order_cap_per_pair", 2)
    assert adds_until_refused(client) == (2, "EOrder:Orders limit exceeded")
    with pytest.raises(ValueError, match="intermediate, pro, starter"):
        client.venue.switches.set("tier", "gold")


# ---- Auto Earn ----


def test_auto_earn_moves_free_coins_to_a_dotted_asset(client: KrakenClient) -> None:
    client.buy("0.005")
    client.sell(ordertype="stop-loss", price=client.away("0.9"), volume="0.002")
    client.venue.switches.set("auto_earn", "flex")
    money = client.result("BalanceEx")
    assert (money["XXBT"]["balance"], money["XXBT"]["hold_trade"]) == ("0.0020000000", "0.0020000000")
    assert money["XBT.F"] == {"balance": "0.0030000000", "hold_trade": "0.0000000000"}
    assert Decimal(money["ZUSD"]["balance"]) > 0
    sale = {"pair": "XBTUSD", "type": "sell", "ordertype": "market", "volume": "0.003"}
    assert client.error("AddOrder", **sale) == "EOrder:Insufficient funds"
    client.venue.switches.set("earn_draws_when_selling", True)
    assert "txid" in client.result("AddOrder", **sale)
    assert {row["type"] for row in client.result("Ledgers", asset="XBT.F")["ledger"].values()} == {"transfer"}


def test_auto_earn_sweeps_each_hour_until_it_is_off(client: KrakenClient) -> None:
    client.venue.switches.set("auto_earn", "flex")
    client.result("Balance")
    client.buy("0.005")
    assert Decimal(client.result("Balance")["XXBT"]) == Decimal("0.005")
    client.seconds(3600)
    assert Decimal(client.result("Balance")["XXBT"]) == 0
    client.venue.switches.set("auto_earn", "off")
    money = client.result("Balance")
    assert (Decimal(money["XXBT"]), Decimal(money["XBT.F"])) == (Decimal("0.005"), 0)


def test_a_vaults_coins_are_in_no_balance(client: KrakenClient) -> None:
    client.buy("0.005")
    client.venue.switches.set("auto_earn", "vault")
    money = client.result("Balance")
    assert (Decimal(money["XXBT"]), sorted(money)) == (Decimal(0), ["USDT", "XXBT", "ZUSD"])
    assert not any("VAULT" in row["asset"] for row in client.result("Ledgers")["ledger"].values())
    answer = client.result("Earn/Allocations")
    (item,) = answer["items"]
    assert (item["native_asset"], item["amount_allocated"]["total"]["native"]) == ("XBT", "0.0050000000")
    assert Decimal(answer["total_allocated"]) > 0
