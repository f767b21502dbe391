"""Orders at the local Kraken: what is accepted, what is rejected, how they fill, change and end."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.core.values import Origin, Status
from tests.sandbox.kraken_client import KrakenClient

LIMIT = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "50000", "volume": "0.001"}


def test_a_market_buy_fills_and_pays_the_taker_fee(client: KrakenClient) -> None:
    order = client.buy("0.005")
    assert order.status is Status.FILLED
    fills = [client.exchange.state.fills[i] for i in order.fill_ids]
    assert sum(f.fee for f in fills) == pytest.approx(order.cost * Decimal("0.002"), abs=Decimal("0.001"))
    money = client.result("BalanceEx")
    assert money["XXBT"]["balance"] == "0.0050000000"
    assert Decimal(money["ZUSD"]["balance"]) == 3000 - order.cost - order.fee


def test_some_orders_fill_in_parts_at_different_prices() -> None:
    counts = {len(KrakenClient(seed).buy("0.01").fill_ids) for seed in range(12)}
    assert 1 in counts
    assert max(counts) > 1


def test_an_order_larger_than_the_book_walks_it_and_loses_the_rest(client: KrakenClient) -> None:
    client.exchange.deposit("main", "USD", Decimal(10**12))
    order = client.buy("5000")
    prices = {client.exchange.state.fills[i].price for i in order.fill_ids}
    assert order.status is Status.CANCELED
    assert len(prices) > 10
    assert Decimal(0) < order.filled < order.qty


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"volume": "0.00001"}, "EOrder:Order minimum not met"),
        ({"price": "50000.05"}, "EOrder:Tick size check failed"),
        ({"volume": "0.00005", "price": "9000"}, "EOrder:Cost minimum not met"),
        ({"volume": "1"}, "EOrder:Insufficient funds"),
        ({"volume": "0.000000001"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "-1"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": "NaN"}, "EGeneral:Invalid arguments:volume"),
        ({"volume": ""}, "EGeneral:Invalid arguments:volume"),
        ({"ordertype": "guess"}, "EGeneral:Invalid arguments:ordertype"),
        ({"type": "hold"}, "EGeneral:Invalid arguments:type"),
        ({"pair": "NOPE"}, "EQuery:Unknown asset pair"),
        ({"price": "0"}, "EOrder:Invalid price:Invalid price argument"),
        ({"oflags": "fcib,fciq"}, "EGeneral:Invalid arguments:oflags"),
        ({"timeinforce": "GTD"}, "EGeneral:Invalid arguments:expiretm"),
        ({"expiretm": "+2"}, "EGeneral:Invalid arguments:expiretm"),
        ({"cl_ord_id": "much too long to be one"}, "EGeneral:Invalid arguments:cl_ord_id"),
        ({"leverage": "2"}, "EOrder:Margin allowance exceeded"),
        ({"type": "sell"}, "EOrder:Insufficient funds"),
        ({"ordertype": "trailing-stop", "price": "100"}, "EGeneral:Invalid arguments:price"),
        ({"deadline": "tomorrow"}, "EGeneral:Invalid arguments:deadline"),
    ],
)
def test_what_is_refused(client: KrakenClient, change: dict[str, Any], error: str) -> None:
    assert client.error("AddOrder", **{**LIMIT, **change}) == error
    assert client.result("OpenOrders") == {"open": {}}
    assert client.exchange.state.timeline.rows[-1]["kind"] == "reject"


@pytest.mark.parametrize("name", ["XXBTZUSD", "XBTUSD", "XBT/USD"])
def test_a_pair_is_known_by_three_names_and_answered_by_its_own(client: KrakenClient, name: str) -> None:
    assert list(client.public("Ticker", pair=name)["result"]) == ["XXBTZUSD"]
    client.result("AddOrder", **{**LIMIT, "pair": name})
    (order,) = client.result("OpenOrders")["open"].values()
    assert order["descr"]["pair"] == "XBTUSD"


def test_a_resting_limit_holds_and_fills_as_maker_when_the_market_comes(client: KrakenClient) -> None:
    price = client.away("0.99")
    order = client.buy("0.01", ordertype="limit", price=price)
    assert Decimal(client.result("BalanceEx")["ZUSD"]["hold_trade"]) >= Decimal(price) * Decimal("0.01")
    client.jump("0.98")
    client.seconds(60)
    assert order.status is Status.FILLED
    record = client.result("QueryOrders", txid=order.id, trades="true")[order.id]
    assert (record["status"], record["vol_exec"], Decimal(record["price"])) == ("closed", "0.01000000", Decimal(price))
    trades = client.result("TradesHistory")["trades"].values()
    assert all(trade["maker"] for trade in trades)
    assert client.result("BalanceEx")["ZUSD"]["hold_trade"] == "0.0000"


def test_some_resting_orders_are_seen_partly_filled() -> None:
    seen = set()
    for seed in range(8):
        client = KrakenClient(seed)
        order = client.buy("0.01", ordertype="limit", price=client.away("0.99"))
        client.jump("0.98")
        seen.add(order.status)
        if order.status is Status.PARTIALLY_FILLED:
            record = client.result("OpenOrders")["open"][order.id]
            assert record["status"] == "open"
            assert 0 < Decimal(record["vol_exec"]) < Decimal(record["vol"])
    assert Status.PARTIALLY_FILLED in seen


def test_ioc_below_the_market_ends_unfilled(client: KrakenClient) -> None:
    order = client.buy("0.001", ordertype="limit", price=client.away("0.9"), timeinforce="IOC")
    assert (order.status, order.filled) == (Status.CANCELED, Decimal(0))


def test_gtd_expires_on_the_market_clock(client: KrakenClient) -> None:
    order = client.buy("0.001", ordertype="limit", price=client.away("0.5"), timeinforce="GTD", expiretm="+60")
    client.seconds(59)
    assert order.working
    client.seconds(2)
    assert client.result("ClosedOrders")["closed"][order.id]["status"] == "expired"


def test_a_stop_sells_at_the_gap_price(client: KrakenClient) -> None:
    client.buy("0.005")
    stop = client.sell(ordertype="stop-loss", price=client.away("0.97"), volume="0.005")
    client.jump("0.90")
    assert stop.status is Status.FILLED
    record = client.result("QueryOrders", txid=stop.id)[stop.id]
    assert record["misc"] == "stopped"
    assert Decimal(record["price"]) < client.last * Decimal("1.001")


def test_a_stop_fires_where_the_market_passes_it_and_not_later(client: KrakenClient) -> None:
    """In a market without gaps the execution is near the trigger, however long the exchange was not asked."""
    client.buy("0.005")
    trigger = Decimal(client.away("0.9985"))
    stop = client.sell(ordertype="stop-loss", price=str(trigger), volume="0.005")
    for _ in range(48):
        client.seconds(1800)
        if not stop.working:
            break
    assert stop.status is Status.FILLED
    assert stop.cost / stop.filled == pytest.approx(trigger, rel=Decimal("0.001"))
    assert stop.triggered_ms is not None
    assert stop.triggered_ms < client.clock.market_ms()


def test_results_do_not_depend_on_how_often_somebody_looks() -> None:
    outcomes = []
    for step in (1.0, 37.0, 3600.0):
        client = KrakenClient(3)
        client.buy("0.01")
        client.sell(ordertype="stop-loss", price=client.away("0.995"), volume="0.004")
        client.sell(ordertype="limit", price=client.away("1.004"), volume="0.004")
        client.sell(ordertype="trailing-stop", price="+0.4%", volume="0.002")
        until = client.clock.market_ms() + 3_600_000
        while client.clock.market_ms() < until:
            client.seconds(min(step, (until - client.clock.market_ms()) / 1000))
        outcomes.append([(f.qty, f.price, f.time_ms) for f in client.exchange.state.fills.values()])
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert len(outcomes[0]) > 1


def test_close_terms_make_one_stop_per_fill(client: KrakenClient) -> None:
    client.exchange.deposit("main", "USD", Decimal(10**9))
    order = client.buy("20", close__ordertype="stop-loss", close__price=client.away("0.95"))
    spawned = [o for o in client.exchange.state.orders.values() if o.parent_id == order.id]
    fills = [client.exchange.state.fills[i] for i in order.fill_ids]
    assert len(fills) > 1
    assert [o.qty for o in spawned] == [f.qty for f in fills]
    assert all(o.origin is Origin.ATTACHED and o.client_id is None for o in spawned)
    record = client.result("OpenOrders")["open"][spawned[0].id]
    assert record["refid"] == order.id
    assert record["descr"]["order"].startswith(f"sell {spawned[0].qty:.8f} XBTUSD @ stop loss ")


def test_validate_checks_and_places_nothing(client: KrakenClient) -> None:
    assert set(client.result("AddOrder", **LIMIT, validate="true")) == {"descr"}
    assert client.error("AddOrder", **{**LIMIT, "volume": "1"}, validate="true") == "EOrder:Insufficient funds"
    assert client.result("OpenOrders") == {"open": {}}
    assert "txid" in client.result("AddOrder", **LIMIT, validate="False")


def test_client_ids_are_unique_among_open_orders(client: KrakenClient) -> None:
    first = client.result("AddOrder", **LIMIT, cl_ord_id="njabc")["txid"][0]
    assert client.error("AddOrder", **LIMIT, cl_ord_id="njabc").startswith("EGeneral:Invalid arguments")
    assert client.result("CancelOrder", cl_ord_id="njabc") == {"count": 1}
    second = client.result("AddOrder", **LIMIT, cl_ord_id="njabc")["txid"][0]
    assert list(client.result("OpenOrders", cl_ord_id="njabc")["open"]) == [second]
    assert list(client.result("ClosedOrders", cl_ord_id="njabc")["closed"]) == [first]


def test_userref_cancels_all_that_carry_it(client: KrakenClient) -> None:
    for _ in range(3):
        client.result("AddOrder", **LIMIT, userref="7")
    client.result("AddOrder", **LIMIT)
    assert client.result("CancelOrder", txid="7") == {"count": 3}
    assert client.error("CancelOrder", txid="7") == "EOrder:Unknown order"
    assert client.result("CancelAll") == {"count": 1}


def test_a_deadline_that_has_passed_is_refused(client: KrakenClient) -> None:
    def deadline(seconds: float) -> str:
        return datetime.fromtimestamp((client.wall.ms + seconds * 1000) / 1000, UTC).isoformat()

    assert client.error("AddOrder", **LIMIT, deadline=deadline(-0.1)) == "EService:Deadline elapsed"
    assert client.error("AddOrder", **LIMIT, deadline=deadline(61)) == "EGeneral:Invalid arguments:deadline"
    assert "txid" in client.result("AddOrder", **LIMIT, deadline=deadline(5).replace("+00:00", "Z"))


def test_amend_keeps_the_id_and_below_the_fill_cancels_the_rest(client: KrakenClient) -> None:
    order = client.buy("0.005", ordertype="limit", price=client.away("0.9"), cl_ord_id="nj1")
    assert (
        client.result("AmendOrder", txid=order.id, limit_price=client.away("0.91"), order_qty="0.006")["amend_id"][0]
        == "T"
    )
    record = client.result("OpenOrders")["open"][order.id]
    assert (record["vol"], record["cl_ord_id"], record["misc"]) == ("0.00600000", "nj1", "amended")
    assert client.error("AmendOrder", txid=order.id, order_qty="1") == "EOrder:Insufficient funds"
    client.jump("0.909")
    assert order.status is Status.PARTIALLY_FILLED or order.filled == order.qty
    assert client.error("AmendOrder", txid="OAAAAA-BBBBB-CCCCCC", order_qty="1") == "EOrder:Unknown order"


def test_amending_a_stop_moves_its_trigger(client: KrakenClient) -> None:
    client.buy("0.005")
    stop = client.sell(ordertype="stop-loss", price=client.away("0.9"), volume="0.003")
    client.result("AmendOrder", txid=stop.id, trigger_price=client.away("0.95"), order_qty="0.005")
    assert client.result("OpenOrders")["open"][stop.id]["descr"]["price"] == str(stop.trigger)
    client.jump("0.94")
    assert (stop.status, stop.filled) == (Status.FILLED, Decimal("0.005"))


def test_edit_makes_a_new_order_and_ends_the_old_one(client: KrakenClient) -> None:
    old = client.buy("0.005", ordertype="limit", price=client.away("0.9"), userref="5")
    answer = client.result("EditOrder", txid=old.id, pair="XBTUSD", price=client.away("0.8"), volume="0.004")
    assert (answer["status"], answer["originaltxid"]) == ("ok", old.id)
    assert client.result("ClosedOrders")["closed"][old.id]["reason"] == "Order replaced"
    assert client.result("OpenOrders")["open"][answer["txid"]]["vol"] == "0.00400000"


@pytest.mark.parametrize("as_json", [True, False])
def test_batches_by_json_and_by_form(client: KrakenClient, as_json: bool) -> None:
    one = {"ordertype": "limit", "type": "buy", "price": "50000", "volume": "0.001"}
    if as_json:
        answer = client.ask_json("AddOrderBatch", pair="XBTUSD", orders=[one, {**one, "volume": "0.05"}, one])
    else:
        flat = {
            f"orders__{i}__{k}": v
            for i in range(3)
            for k, v in {**one, "volume": "0.05" if i == 1 else "0.001"}.items()
        }
        answer = client.ask("AddOrderBatch", pair="XBTUSD", **flat)
    first, second, third = answer["result"]["orders"]
    assert isinstance(first["txid"], str)
    assert second["txid"] != third["txid"]
    refused = client.ask_json("AddOrderBatch", pair="XBTUSD", orders=[one, {**one, "volume": "0.0000001"}])
    assert refused["error"] == ["EOrder:Order minimum not met"]
    gone = client.ask_json("CancelOrderBatch", orders=[first["txid"], third["txid"]])
    assert gone["result"] == {"count": 2}


def test_dead_mans_switch_cancels_everything_even_stops(client: KrakenClient) -> None:
    client.buy("0.005", close__ordertype="stop-loss", close__price=client.away("0.9"))
    assert client.result("CancelAllOrdersAfter", timeout=60)["triggerTime"] != "0"
    client.wall.ms += 59_000
    assert client.result("OpenOrders")["open"]
    client.wall.ms += 2_000
    assert client.result("OpenOrders") == {"open": {}}
    assert client.result("CancelAllOrdersAfter", timeout=0)["triggerTime"] == "0"


def test_histories_page_by_fifty_and_filter_by_time_and_id(client: KrakenClient) -> None:
    for _ in range(27):
        client.buy("0.0001")
        client.sell(ordertype="market", volume="0.0001")
        client.seconds(20)
    everything = client.result("TradesHistory", consolidate_taker="false")
    assert everything["count"] >= 54
    assert len(everything["trades"]) == 50
    rest = client.result("TradesHistory", consolidate_taker="false", ofs=50)
    assert len(rest["trades"]) == everything["count"] - 50
    newest, *_, oldest = everything["trades"].items()
    assert newest[1]["time"] > oldest[1]["time"]
    later = client.result("TradesHistory", consolidate_taker="false", start=oldest[1]["time"])
    assert oldest[0] not in later["trades"]
    assert newest[0] in later["trades"]
    assert client.result("TradesHistory", start=newest[0])["count"] == 0
    assert client.result("ClosedOrders")["count"] == 54
    assert client.result("Ledgers", asset="XBT")["count"] * 2 == client.result("Ledgers", type="trade")["count"]
    assert set(client.result("QueryTrades", txid=newest[0])) == {newest[0]}


def test_consolidated_trades_add_up_to_the_fills(client: KrakenClient) -> None:
    client.exchange.deposit("main", "USD", Decimal(10**9))
    order = client.buy("3")
    (merged,) = client.result("TradesHistory")["trades"].values()
    parts = client.result("TradesHistory", consolidate_taker="false")["trades"]
    assert set(parts) == set(order.fill_ids)
    for name in ("vol", "cost", "fee"):
        assert Decimal(merged[name]) == sum(Decimal(part[name]) for part in parts.values())


def test_fcib_takes_the_fee_in_the_coin(client: KrakenClient) -> None:
    order = client.buy("0.005", oflags="fcib")
    balance = client.result("BalanceEx")
    assert Decimal(balance["XXBT"]["balance"]) == Decimal("0.005") * Decimal("0.998")
    assert Decimal(balance["ZUSD"]["balance"]) == 3000 - order.cost
    row = next(r for r in client.result("Ledgers")["ledger"].values() if r["asset"] == "XXBT")
    assert Decimal(row["fee"]) > 0


def test_viqc_spends_a_budget_of_quote(client: KrakenClient) -> None:
    order = client.buy("100", oflags="viqc")
    assert Decimal(99) < order.cost + order.fee <= Decimal(100)


def test_pair_modes(client: KrakenClient) -> None:
    switches = client.venue.switches
    switches.set("pair_status.BTC-USD", "cancel_only")
    assert client.error("AddOrder", **LIMIT) == "EService:Market in cancel_only mode"
    switches.set("pair_status.BTC-USD", "post_only")
    assert client.error("AddOrder", **LIMIT) == "EService:Market in post_only mode"
    assert "txid" in client.result("AddOrder", **LIMIT, oflags="post")
    switches.set("pair_status.BTC-USD", "limit_only")
    assert "txid" in client.result("AddOrder", **LIMIT)
    assert client.public("AssetPairs", pair="XBTUSD")["result"]["XXBTZUSD"]["status"] == "limit_only"


def test_trade_volume_tells_the_accounts_own_fees(client: KrakenClient) -> None:
    answer = client.result("TradeVolume", pair="XBTUSD")
    fees = answer["fees"]["XXBTZUSD"]
    assert (answer["volume"], fees["fee"], fees["nextfee"]) == ("250000.0000", "0.2000", "0.1800")
    assert answer["fees_maker"]["XXBTZUSD"]["fee"] == "0.1000"
    client.exchange.deposit("main", "USD", Decimal(10**9))
    client.buy("5")
    assert client.result("TradeVolume", pair="XBTUSD")["fees"]["XXBTZUSD"]["fee"] == "0.1800"


# ---- what the documentation leaves open ----


def test_switch_stop_holds_base(client: KrakenClient) -> None:
    client.buy("0.005")
    client.sell(ordertype="stop-loss", price=client.away("0.9"), volume="0.005")
    sale = {"pair": "XBTUSD", "type": "sell", "ordertype": "market", "volume": "0.005"}
    assert client.error("AddOrder", **sale) == "EOrder:Insufficient funds"
    client.result("CancelAll")
    client.venue.switches.set("stop_holds_base", False)
    stop = client.sell(ordertype="stop-loss", price=client.away("0.9"), volume="0.005")
    client.result("AddOrder", **sale)
    client.jump("0.85")
    record = client.result("QueryOrders", txid=stop.id)[stop.id]
    assert (record["status"], record["reason"]) == ("canceled", "Insufficient funds")


def test_switch_close_refused_on_spot(client: KrakenClient) -> None:
    client.venue.switches.set("close_refused_on_spot", True)
    words = {**LIMIT, "close__ordertype": "stop-loss", "close__price": "40000", "validate": "true"}
    assert client.error("AddOrder", **words).startswith("EGeneral:Invalid arguments")


def test_switch_close_below_ordermin_dropped(client: KrakenClient) -> None:
    client.venue.switches.set("close_below_ordermin_dropped", True)
    client.exchange.deposit("main", "USD", Decimal(10**9))
    for _ in range(30):
        client.buy("0.00006", close__ordertype="stop-loss", close__price=client.away("0.9"))
    spawned = [o for o in client.exchange.state.orders.values() if o.parent_id]
    fills = client.exchange.state.fills.values()
    assert len(spawned) == sum(f.qty >= Decimal("0.00005") for f in fills) < len(fills)


def test_switch_validate_any_is_true(client: KrakenClient) -> None:
    client.venue.switches.set("validate_any_is_true", True)
    assert "txid" not in client.result("AddOrder", **LIMIT, validate="False")


def test_switch_query_unknown_is_error(client: KrakenClient) -> None:
    unknown = "OAAAAA-BBBBB-CCCCCC"
    assert client.result("QueryOrders", txid=unknown) == {}
    client.venue.switches.set("query_unknown_is_error", True)
    assert client.error("QueryOrders", txid=unknown) == "EOrder:Invalid order"


def test_switch_post_only_rejects(client: KrakenClient) -> None:
    words = {**LIMIT, "price": client.away("1.01"), "oflags": "post"}
    assert client.error("AddOrder", **words) == "EOrder:Post only order"
    client.venue.switches.set("post_only_rejects", False)
    txid = client.result("AddOrder", **words)["txid"][0]
    record = client.result("QueryOrders", txid=txid)[txid]
    assert (record["status"], record["reason"], record["vol_exec"]) == ("canceled", "Post only order", "0.00000000")


def test_switch_fcib_default_on_sell(client: KrakenClient) -> None:
    client.buy("0.005")
    client.venue.switches.set("fcib_default_on_sell", True)
    order = client.sell(ordertype="limit", price=client.away("1.1"), volume="0.001")
    assert client.result("OpenOrders")["open"][order.id]["oflags"] == "fcib"


def test_switch_volume_minimum_is_argument(client: KrakenClient) -> None:
    client.venue.switches.set("volume_minimum_is_argument", True)
    refused = client.error("AddOrder", **{**LIMIT, "volume": "0.00001"})
    assert refused == "EGeneral:Invalid arguments:volume minimum not met"


def test_unknown_switches_and_wrong_values_are_refused(client: KrakenClient) -> None:
    with pytest.raises(ValueError, match="no switch 'nonsense'"):
        client.venue.switches.set("nonsense", True)
    with pytest.raises(ValueError, match="holds bool"):
        client.venue.switches.set("stop_holds_base", "yes")
