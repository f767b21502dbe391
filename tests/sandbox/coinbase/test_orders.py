"""Coinbase's orders: what every configuration holds and costs, and how it is rejected, changed and cancelled."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.coinbase.trading import CREATE
from bot.sandbox.coinbase.words import rfc3339
from tests.sandbox.coinbase.coinbase_client import BROKERAGE, CoinbaseClient

TAKER, MAKER = Decimal("0.0025"), Decimal("0.0015")


def end_time(client: CoinbaseClient, seconds: float) -> str:
    return rfc3339(client.wall.ms + int(seconds * 1000))


def codes(error: dict[str, str]) -> tuple[str, str]:
    return error["error"], error["preview_failure_reason"]


# ---- market orders ----


def test_a_market_buy_of_coins_costs_its_notional_and_the_fee(client: CoinbaseClient) -> None:
    order = client.buy("0.005")
    shown = client.order(order)
    value, fees = Decimal(shown["filled_value"]), Decimal(shown["total_fees"])
    assert (shown["status"], shown["filled_size"], shown["settled"]) == ("FILLED", "0.005", True)
    assert abs(fees - value * TAKER) < Decimal("1e-9")
    assert Decimal(shown["total_value_after_fees"]) == value + fees
    assert client.wallet("USD") == (3000 - value - fees, 0)
    assert client.wallet("BTC") == (Decimal("0.005"), 0)


def test_a_market_buy_of_money_spends_that_much_with_fees(client: CoinbaseClient) -> None:
    order = client.place({"market_market_ioc": {"quote_size": "100"}})
    client.real_seconds(1)
    shown = client.order(order)
    assert (shown["size_in_quote"], shown["size_inclusive_of_fees"]) == (True, True)
    spent = Decimal(shown["total_value_after_fees"])
    assert Decimal("99.99") < spent <= 100
    assert shown["order_configuration"] == {
        "market_market_ioc": {"quote_size": "100", "rfq_enabled": False, "rfq_disabled": False, "reduce_only": False}
    }


def test_fills_of_a_buy_of_money_are_sized_in_money(client: CoinbaseClient) -> None:
    order = client.place({"market_market_ioc": {"quote_size": "100"}})
    client.real_seconds(1)
    fills = client.get("orders/historical/fills", order_ids=order.id)["fills"]
    assert all(fill["size_in_quote"] for fill in fills)
    assert sum(Decimal(fill["size"]) / Decimal(fill["price"]) for fill in fills) == order.filled
    client.switch("quote_fills_in_quote", False)
    fills = client.get("orders/historical/fills", order_ids=order.id)["fills"]
    assert sum(Decimal(fill["size"]) for fill in fills) == order.filled
    assert sum(Decimal(fill["commission"]) for fill in fills) == order.fee


def test_money_can_buy_coins_finer_than_can_be_sold(client: CoinbaseClient) -> None:
    client.switch("quote_buys_finer_than_lot", True)
    entry = {"limit_price": client.away("1.2"), "stop_trigger_price": client.away("0.8")}
    order = client.place(
        {"market_market_ioc": {"quote_size": "33"}}, attached_order_configuration={"trigger_bracket_gtc": entry}
    )
    client.real_seconds(1)
    assert order.filled % Decimal("1e-8") != 0
    assert Decimal(client.order(order)["total_value_after_fees"]) == pytest.approx(33, abs=Decimal("1e-8"))
    fills = client.get("orders/historical/fills", order_ids=order.id)["fills"]
    bought = sum(Decimal(fill["size"]) / Decimal(fill["price"]) for fill in fills)
    assert bought == pytest.approx(order.filled, rel=Decimal("1e-12"))
    assert client.wallet("BTC") == (0, order.filled)
    client.post("orders/batch_cancel", order_ids=[order.tags["attached_id"]])
    client.real_seconds(1)
    size = str(order.filled.quantize(Decimal("1e-8"), "ROUND_DOWN"))
    client.place({"market_market_ioc": {"base_size": size}}, "SELL")
    client.real_seconds(1)
    assert 0 < client.wallet("BTC")[0] < Decimal("1e-8")


def test_a_market_sell_gives_what_is_left_after_the_fee(client: CoinbaseClient) -> None:
    client.buy("0.005")
    before, _ = client.wallet("USD")
    order = client.place({"market_market_ioc": {"base_size": "0.005"}}, "SELL")
    client.real_seconds(1)
    shown = client.order(order)
    assert Decimal(shown["total_value_after_fees"]) == Decimal(shown["filled_value"]) - Decimal(shown["total_fees"])
    assert client.wallet("USD")[0] - before == Decimal(shown["total_value_after_fees"])


def test_orders_are_pending_first_and_fills_come_later(client: CoinbaseClient) -> None:
    client.switch("pending_ms", 30)
    order = client.place({"market_market_ioc": {"base_size": "0.005"}})
    shown = client.order(order)
    assert (shown["status"], shown["filled_size"]) == ("PENDING", "0")
    client.switch("fills_lag_ms", 500)
    client.real_seconds(0.05)
    assert client.order(order)["status"] == "FILLED"
    assert client.get("orders/historical/fills")["fills"] == []
    client.real_seconds(0.5)
    assert client.get("orders/historical/fills")["fills"]


def test_an_order_can_be_unknown_for_a_moment_after_it_was_taken(client: CoinbaseClient) -> None:
    client.switch("order_404_ms", 200)
    order = client.limit("0.9")
    status, text = client.refused("GET", f"orders/historical/{order.id}")
    assert (status, "order with this orderID was not found" in text) == (404, True)
    assert client.get("orders/historical/batch")["orders"] == []
    client.real_seconds(0.2)
    assert client.order(order)["status"] == "OPEN"


# ---- limit orders ----


def test_a_limit_buy_holds_its_cost_with_the_fee_and_gives_it_back(client: CoinbaseClient) -> None:
    order = client.limit("0.9")
    held = Decimal("0.005") * Decimal(client.away("0.9")) * (1 + TAKER)
    assert client.wallet("USD") == (3000 - held, held)
    assert Decimal(client.order(order)["outstanding_hold_amount"]) == held
    assert client.post("orders/batch_cancel", order_ids=[order.id])["results"][0]["success"]
    client.real_seconds(1)
    assert client.wallet("USD") == (3000, 0)


def test_a_resting_order_fills_as_maker_when_the_market_comes(client: CoinbaseClient) -> None:
    order = client.limit("0.99")
    client.jump("0.98")
    client.seconds(60)
    shown = client.order(order)
    assert shown["status"] == "FILLED"
    assert Decimal(shown["filled_value"]) == order.qty * (order.price or 0)
    fills = client.get("orders/historical/fills")["fills"]
    assert {fill["liquidity_indicator"] for fill in fills} == {"MAKER"}
    assert abs(Decimal(shown["total_fees"]) - Decimal(shown["filled_value"]) * MAKER) < Decimal("1e-9")


def test_immediate_or_cancel_takes_what_is_there(client: CoinbaseClient) -> None:
    order = client.place({"sor_limit_ioc": {"base_size": "0.005", "limit_price": client.away("1.01")}})
    nothing = client.place({"sor_limit_ioc": {"base_size": "0.005", "limit_price": client.away("0.9")}})
    client.real_seconds(1)
    assert client.order(order)["status"] == "FILLED"
    shown = client.order(nothing)
    assert (shown["status"], shown["filled_size"], shown["order_type"]) == ("CANCELLED", "0", "LIMIT")
    assert shown["time_in_force"] == "IMMEDIATE_OR_CANCEL"


def test_an_immediate_order_may_be_sized_in_money(client: CoinbaseClient) -> None:
    order = client.place({"sor_limit_ioc": {"quote_size": "100", "limit_price": client.away("1.01")}})
    client.real_seconds(1)
    assert Decimal(98) < order.filled * Decimal(client.away("1.01")) <= 100


def test_fill_or_kill_fills_all_or_nothing(client: CoinbaseClient) -> None:
    all_of_it = client.place({"limit_limit_fok": {"base_size": "0.001", "limit_price": client.away("1.01")}})
    nothing = client.place({"limit_limit_fok": {"base_size": "0.001", "limit_price": client.away("0.99")}})
    client.real_seconds(1)
    assert client.order(all_of_it)["status"] == "FILLED"
    assert (client.order(nothing)["status"], nothing.filled) == ("CANCELLED", 0)


def test_a_deadline_runs_on_the_real_clock(client: CoinbaseClient) -> None:
    limit = {"base_size": "0.005", "limit_price": client.away("0.7"), "end_time": end_time(client, 10)}
    order = client.place({"limit_limit_gtd": limit})
    client.clock.advance(3600)
    client.real_seconds(9.9)
    assert client.order(order)["status"] == "OPEN"
    client.real_seconds(0.1)
    assert client.order(order)["status"] == "EXPIRED"
    assert client.wallet("USD") == (3000, 0)


def test_a_deadline_is_kept_by_the_venues_own_clock(client: CoinbaseClient) -> None:
    client.venue.faults.arm({"kind": "clock_skew", "seconds": 8})
    limit = {"base_size": "0.005", "limit_price": client.away("0.7"), "end_time": end_time(client, 10)}
    order = client.place({"limit_limit_gtd": limit})
    client.real_seconds(1.9)
    assert client.order(order)["status"] == "OPEN"
    client.real_seconds(0.1)
    assert client.order(order)["status"] == "EXPIRED"


def test_a_deadline_that_has_passed_is_refused_or_expires_at_once(client: CoinbaseClient) -> None:
    limit = {"base_size": "0.005", "limit_price": client.away("0.9"), "end_time": end_time(client, -1)}
    assert client.refusal({"limit_limit_gtd": limit})["error"] == "END_TIME_IS_IN_THE_PAST"
    client.switch("past_end_time", "invalid")
    assert client.refusal({"limit_limit_gtd": limit})["error"] == "INVALID_END_TIME"
    client.switch("past_end_time", "expires")
    order = client.place({"limit_limit_gtd": limit})
    assert client.order(order)["status"] == "EXPIRED"


def test_post_only_never_takes(client: CoinbaseClient) -> None:
    taking = {"base_size": "0.005", "limit_price": client.away("1.01"), "post_only": True}
    assert codes(client.refusal({"limit_limit_gtc": taking})) == (
        "INVALID_LIMIT_PRICE_POST_ONLY",
        "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
    )
    order = client.place({"limit_limit_gtc": {**taking, "limit_price": client.away("0.99")}})
    client.real_seconds(1)
    assert client.order(order)["status"] == "OPEN"
    assert client.order(order)["order_configuration"]["limit_limit_gtc"]["post_only"] is True


# ---- stops ----


def stop(client: CoinbaseClient, at: str, limit: str, direction: str = "DOWN") -> dict[str, Any]:
    fields = {"base_size": "0.005", "limit_price": client.away(limit), "stop_price": client.away(at)}
    return {"stop_limit_stop_limit_gtc": {**fields, "stop_direction": f"STOP_DIRECTION_STOP_{direction}"}}


def test_a_stop_waits_holds_the_coins_and_sells_at_its_trigger(client: CoinbaseClient) -> None:
    client.buy()
    order = client.place(stop(client, "0.98", "0.96"), "SELL")
    client.real_seconds(1)
    shown = client.order(order)
    assert (shown["status"], shown["trigger_status"], shown["order_type"]) == ("OPEN", "STOP_PENDING", "STOP_LIMIT")
    assert client.wallet("BTC") == (0, Decimal("0.005"))
    client.jump("0.975")
    client.seconds(30)
    shown = client.order(order)
    assert (shown["status"], shown["trigger_status"]) == ("FILLED", "STOP_TRIGGERED")
    assert client.wallet("BTC") == (0, 0)


def test_a_stop_whose_limit_the_market_has_left_rests(client: CoinbaseClient) -> None:
    client.buy()
    order = client.place(stop(client, "0.98", "0.975"), "SELL")
    client.jump("0.90")
    client.seconds(10)
    shown = client.order(order)
    assert (shown["status"], shown["trigger_status"], shown["filled_size"]) == ("OPEN", "STOP_TRIGGERED", "0")


def test_a_stop_on_the_wrong_side_of_the_market_is_refused(client: CoinbaseClient) -> None:
    client.buy()
    above = client.refusal(stop(client, "1.02", "1.01"), "SELL")
    below = client.refusal(stop(client, "0.98", "0.99", "UP"))
    assert codes(above) == ("UNKNOWN_FAILURE_REASON", "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE")
    assert codes(below) == ("UNKNOWN_FAILURE_REASON", "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE")


def test_a_sell_that_waits_for_a_rise_takes_profit(client: CoinbaseClient) -> None:
    client.buy()
    order = client.place(stop(client, "1.02", "1.01", "UP"), "SELL")
    client.jump("1.021")
    client.seconds(30)
    assert client.order(order)["status"] == "FILLED"


def test_a_buying_stop_holds_money_and_buys_the_break(client: CoinbaseClient) -> None:
    order = client.place(stop(client, "1.02", "1.03", "UP"))
    assert client.wallet("USD")[1] > 0
    client.jump("1.021")
    client.seconds(30)
    assert client.order(order)["status"] == "FILLED"
    assert client.wallet("USD")[1] == 0


def test_a_stop_may_have_a_deadline(client: CoinbaseClient) -> None:
    client.buy()
    fields = stop(client, "0.98", "0.96")["stop_limit_stop_limit_gtc"]
    order = client.place({"stop_limit_stop_limit_gtd": {**fields, "end_time": end_time(client, 5)}}, "SELL")
    client.real_seconds(5)
    assert client.order(order)["status"] == "EXPIRED"
    assert client.wallet("BTC")[1] == 0


def test_stops_can_be_switched_off(client: CoinbaseClient) -> None:
    client.buy()
    client.switch("stops_refused_on_spot", True)
    assert client.refusal(stop(client, "0.98", "0.96"), "SELL")["error"] == "UNSUPPORTED_ORDER_CONFIGURATION"
    bracket = {"base_size": "0.005", "limit_price": client.away("1.1"), "stop_trigger_price": client.away("0.9")}
    assert client.refusal({"trigger_bracket_gtc": bracket}, "SELL")["error"] == "UNSUPPORTED_ORDER_CONFIGURATION"


def test_stops_may_leave_the_coins_free(client: CoinbaseClient) -> None:
    client.buy()
    client.switch("stops_hold_base", False)
    order = client.place(stop(client, "0.98", "0.96"), "SELL")
    assert client.wallet("BTC") == (Decimal("0.005"), 0)
    client.place({"market_market_ioc": {"base_size": "0.005"}}, "SELL")
    client.jump("0.97")
    client.seconds(5)
    shown = client.order(order)
    assert (shown["status"], shown["reject_reason"]) == ("FAILED", "REJECT_REASON_INSUFFICIENT_FUNDS")


# ---- refusals ----


UNKNOWN, UNKNOWN_PREVIEW = "UNKNOWN_FAILURE_REASON", "UNKNOWN_PREVIEW_FAILURE_REASON"
MARKET = "market_market_ioc"


@pytest.mark.parametrize(
    ("key", "fields", "side", "expected"),
    [
        (MARKET, {"quote_size": "5000"}, "BUY", ("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND")),
        (MARKET, {"base_size": "1"}, "SELL", ("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND")),
        (MARKET, {"quote_size": "0.5"}, "BUY", (UNKNOWN, "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL")),
        (MARKET, {"quote_size": "10.001"}, "BUY", (UNKNOWN, "PREVIEW_INVALID_QUOTE_SIZE_PRECISION")),
        (MARKET, {"quote_size": "10"}, "SELL", ("UNSUPPORTED_ORDER_CONFIGURATION", UNKNOWN_PREVIEW)),
        (MARKET, {"base_size": "0.000000001"}, "BUY", ("INVALID_SIZE_PRECISION", "PREVIEW_INVALID_SIZE_PRECISION")),
        (MARKET, {"base_size": "0.00000001"}, "BUY", (UNKNOWN, "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL")),
        (MARKET, {"base_size": "100000"}, "BUY", (UNKNOWN, "PREVIEW_INVALID_BASE_SIZE_TOO_LARGE")),
        ("market_market_fok", {"quote_size": "10"}, "BUY", ("UNSUPPORTED_ORDER_CONFIGURATION", UNKNOWN_PREVIEW)),
        (
            "limit_limit_gtc",
            {"base_size": "0.01", "limit_price": "50000.001"},
            "BUY",
            ("INVALID_PRICE_PRECISION", "PREVIEW_INVALID_PRICE_PRECISION"),
        ),
    ],
)
def test_refusals_are_http_200(
    client: CoinbaseClient, key: str, fields: dict[str, str], side: str, expected: tuple[str, str]
) -> None:
    assert codes(client.refusal({key: fields}, side)) == expected
    assert not client.exchange.state.orders


def test_a_refusal_says_why_in_the_field_that_the_switch_names(client: CoinbaseClient) -> None:
    too_much = {"market_market_ioc": {"quote_size": "5000"}}
    fields = ("error", "preview_failure_reason", "new_order_failure_reason")
    none = (UNKNOWN, UNKNOWN_PREVIEW, UNKNOWN)
    expected = {
        "both": ("INSUFFICIENT_FUND", "PREVIEW_INSUFFICIENT_FUND", none[2]),
        "error": ("INSUFFICIENT_FUND", *none[1:]),
        "preview": (none[0], "PREVIEW_INSUFFICIENT_FUND", none[2]),
        "new_order": (*none[:2], "INSUFFICIENT_FUND"),
    }
    for where, wanted in expected.items():
        client.switch("refusal_code_in", where)
        error = client.refusal(too_much)
        assert tuple(error[field] for field in fields) == wanted
        assert error["message"] == "Insufficient balance in source account"


@pytest.mark.parametrize(
    "body",
    [
        {"client_order_id": ""},
        {"client_order_id": "x" * 129},
        {"product_id": None},
        {"order_configuration": {}},
        {"order_configuration": {"strange_order": {}}},
        {"order_configuration": {"market_market_ioc": {}}},
        {"order_configuration": {"market_market_ioc": {"base_size": "1", "quote_size": "1"}}},
        {"order_configuration": {"market_market_ioc": {"quote_size": "NaN"}}},
        {"order_configuration": {"market_market_ioc": {"quote_size": "-5"}}},
    ],
)
def test_what_is_no_order_is_http_400(client: CoinbaseClient, body: dict[str, Any]) -> None:
    good = {
        "client_order_id": "a",
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": {"market_market_ioc": {"quote_size": "10"}},
    }
    status, text = client.refused("POST", "orders", **{**good, **body})
    assert (status, '"error":"INVALID_ARGUMENT"' in text) == (400, True)


def test_products_that_do_not_trade_refuse(client: CoinbaseClient) -> None:
    order = {"market_market_ioc": {"quote_size": "10"}}
    assert client.refusal(order, product_id="NOPE-USD")["error"] == "INVALID_PRODUCT_ID"
    assert client.refusal(order, product_id="DOT-USD")["error"] == "ORDER_ENTRY_DISABLED"
    client.switch("product_status.BTC-USD", "offline")
    assert client.refusal(order)["error"] == "UNTRADABLE_PRODUCT"
    client.switch("product_status.BTC-USD", "online")
    client.switch("product_flag.BTC-USD", "limit_only")
    assert client.refusal(order)["error"] == "UNSUPPORTED_ORDER_CONFIGURATION"
    assert client.limit("0.9").working


def test_only_so_many_orders_rest_at_once(client: CoinbaseClient) -> None:
    client.switch("open_order_cap", 1)
    client.limit("0.9")
    limit = {"limit_limit_gtc": {"base_size": "0.005", "limit_price": client.away("0.9")}}
    assert client.refusal(limit)["error"] == "COMMANDER_REJECTED_NEW_ORDER"


def test_a_twin_trades_the_same_book_from_another_wallet(client: CoinbaseClient) -> None:
    order = client.buy(product_id="BTC-USDC")
    assert (client.wallet("USD")[0], client.wallet("USDC")[0] < 2000) == (3000, True)
    assert client.wallet("BTC") == (order.qty, 0)
    shown = client.get("product_book", product_id="BTC-USDC", limit=1)["pricebook"]
    real = client.get("product_book", product_id="BTC-USD", limit=1)["pricebook"]
    assert (shown["product_id"], shown["bids"]) == ("BTC-USDC", real["bids"])
    too_much = client.refusal({"market_market_ioc": {"quote_size": "2500"}}, product_id="BTC-USDC")
    assert too_much["error"] == "INSUFFICIENT_FUND"


# ---- the same id again ----


def test_a_used_id_answers_with_the_old_order_whatever_is_asked(client: CoinbaseClient) -> None:
    first = client.buy("0.005", client_id="mine")
    other = {"limit_limit_gtc": {"base_size": "0.001", "limit_price": client.away("1.2")}}
    answer = client.create(other, "SELL", "mine", product_id="ETH-USD")
    assert answer["success_response"]["order_id"] == first.id
    assert (answer["order_configuration"], answer["success_response"]["side"]) == (other, "SELL")
    assert list(client.exchange.state.orders) == [first.id]
    assert client.wallet("BTC") == (Decimal("0.005"), 0)


def test_a_used_id_can_be_refused_instead(client: CoinbaseClient) -> None:
    client.buy(client_id="mine")
    client.switch("duplicate_client_id", "refused")
    answer = client.create({"market_market_ioc": {"quote_size": "10"}}, client_id="mine")
    assert (answer["success"], answer["error_response"]["error"]) == (False, "DUPLICATE_CLIENT_ORDER_ID")


def test_a_refused_order_does_not_use_up_its_id(client: CoinbaseClient) -> None:
    client.create({"market_market_ioc": {"quote_size": "5000"}}, client_id="mine")
    order = client.place({"market_market_ioc": {"quote_size": "10"}}, client_id="mine")
    assert order.client_id == "mine"


def test_an_id_is_forgotten_after_the_memory_that_the_switch_gives(client: CoinbaseClient) -> None:
    client.switch("client_id_memory_seconds", 60)
    first = client.limit("0.9", client_id="mine")
    client.seconds(59)
    assert client.limit("0.9", client_id="mine") is first
    client.seconds(1)
    second = client.limit("0.9", client_id="mine")
    assert second is not first
    assert client.limit("0.9", client_id="mine") is second


def test_ids_of_different_accounts_do_not_meet(client: CoinbaseClient) -> None:
    first = client.buy(client_id="mine")
    second = client.venue.open_account("second")
    body = {
        "client_order_id": "mine",
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": {"market_market_ioc": {"quote_size": "10"}},
    }
    token = client.token("POST", CREATE, key=second)
    answer = json.loads(client.send("POST", CREATE, body=json.dumps(body).encode(), token=token).body)
    assert answer["success_response"]["order_id"] not in {"", first.id}
    path = f"{BROKERAGE}orders/historical/{first.id}"
    assert client.send("GET", path, token=client.token("GET", path, key=second)).status == 404


# ---- cancelling and editing ----


def cancel(client: CoinbaseClient, *ids: str) -> list[tuple[bool, str]]:
    rows = client.post("orders/batch_cancel", order_ids=list(ids))["results"]
    assert [row["order_id"] for row in rows] == list(ids)
    return [(row["success"], row["failure_reason"]) for row in rows]


def test_a_cancel_is_a_request_with_a_result_for_each_order(client: CoinbaseClient) -> None:
    filled, resting = client.buy(), client.limit("0.9")
    assert cancel(client, filled.id, resting.id, "nobody") == [
        (False, "ORDER_IS_FULLY_FILLED"),
        (True, "UNKNOWN_CANCEL_FAILURE_REASON"),
        (False, "UNKNOWN_CANCEL_ORDER"),
    ]
    shown = client.order(resting)
    assert (shown["status"], shown["pending_cancel"]) == ("CANCEL_QUEUED", True)
    assert cancel(client, resting.id) == [(False, "DUPLICATE_CANCEL_REQUEST")]
    client.real_seconds(0.02)
    shown = client.order(resting)
    assert (shown["status"], shown["pending_cancel"], shown["cancel_message"]) == (
        "CANCELLED",
        False,
        "User requested cancel",
    )
    assert cancel(client, resting.id) == [(False, "UNKNOWN_CANCEL_ORDER")]


def test_an_order_can_still_fill_while_its_cancel_is_queued(client: CoinbaseClient) -> None:
    client.switch("cancel_ms", 1000)
    order = client.limit("0.99")
    cancel(client, order.id)
    client.jump("0.98")
    client.clock.advance(60)
    client.real_seconds(2)
    client.real_seconds(1)
    assert client.order(order)["status"] in {"FILLED", "CANCELLED"}
    assert order.filled > 0


def test_a_cancel_without_delay_is_there_at_once(client: CoinbaseClient) -> None:
    client.switch("cancel_ms", 0)
    order = client.limit("0.9")
    cancel(client, order.id)
    assert client.order(order)["status"] == "CANCELLED"


def test_a_cancel_needs_ids(client: CoinbaseClient) -> None:
    assert client.refused("POST", "orders/batch_cancel", order_ids=[])[0] == 400


def edit(client: CoinbaseClient, order_id: str, **body: str) -> str:
    answer = client.post("orders/edit", order_id=order_id, **body)
    if answer["success"]:
        assert answer["errors"] == []
        return ""
    return str(answer["errors"][0]["edit_failure_reason"])


def test_an_edit_changes_price_and_size_under_the_same_id(client: CoinbaseClient) -> None:
    order = client.limit("0.9")
    assert edit(client, order.id, price=client.away("0.8"), size="0.002") == ""
    client.real_seconds(1)
    shown = client.order(order)
    found = shown["order_configuration"]["limit_limit_gtc"]
    assert {name: Decimal(value) for name, value in found.items()} == {
        "base_size": Decimal("0.002"),
        "limit_price": Decimal(client.away("0.8")),
    }
    (edited,) = shown["edit_history"]
    assert (Decimal(edited["price"]), edited["size"]) == (Decimal(client.away("0.8")), "0.002")
    assert client.wallet("USD")[1] == Decimal("0.002") * Decimal(client.away("0.8")) * (1 + TAKER)


def test_an_edit_that_cannot_be_is_refused(client: CoinbaseClient) -> None:
    order, filled = client.limit("0.9"), client.buy("0.001")
    price = client.away("0.8")
    assert edit(client, "nobody", price=price, size="0.1") == "ORDER_NOT_FOUND"
    assert edit(client, filled.id, price=price, size="0.1") == "ONLY_LIMIT_ORDER_EDITS_SUPPORTED"
    assert edit(client, order.id, price=price) == "INVALID_EDITED_SIZE"
    assert edit(client, order.id, size="0.1") == "INVALID_EDITED_PRICE"
    assert edit(client, order.id, price="1.001", size="0.1") == "INVALID_EDITED_PRICE"
    assert edit(client, order.id, price=str(order.price), size="0.005") == "EDIT_REQUEST_EQUAL_TO_ORIGINAL_REQUEST"
    assert edit(client, order.id, price=price, size="5") == "UNKNOWN_EDIT_ORDER_FAILURE_REASON"
    assert (order.qty, client.wallet("USD")[1] > 0) == (Decimal("0.005"), True)


def test_an_edit_preview_changes_nothing(client: CoinbaseClient) -> None:
    order = client.limit("0.9")
    body = {"order_id": order.id, "price": client.away("0.8"), "size": "0.002"}
    shown = client.post("orders/edit_preview", **body)
    assert (shown["errors"], shown["base_size"]) == ([], "0.002")
    assert order.qty == Decimal("0.005")
    errors = client.post("orders/edit_preview", **{**body, "order_id": "nobody"})["errors"]
    assert errors[0]["edit_failure_reason"] == "ORDER_NOT_FOUND"


# ---- previews ----


def test_a_preview_tells_the_cost_and_places_nothing(client: CoinbaseClient) -> None:
    order = {
        "product_id": "BTC-USD",
        "side": "BUY",
        "order_configuration": {"market_market_ioc": {"quote_size": "100"}},
    }
    shown = client.post("orders/preview", **order)
    assert (shown["errs"], shown["order_total"]) == ([], "100")
    assert abs(Decimal(shown["commission_total"]) - (100 - 100 / (1 + TAKER))) < Decimal("1e-7")
    assert not client.exchange.state.orders


def test_a_preview_says_what_speaks_against_the_order(client: CoinbaseClient) -> None:
    market = {"product_id": "BTC-USD", "order_configuration": {"market_market_ioc": {"base_size": "5"}}}
    assert client.post("orders/preview", side="SELL", **market)["errs"] == ["PREVIEW_INSUFFICIENT_FUND"]
    limit = {"base_size": "0.001", "limit_price": "1.001"}
    shown = client.post(
        "orders/preview", product_id="BTC-USD", side="BUY", order_configuration={"limit_limit_gtc": limit}
    )
    assert shown["errs"] == ["PREVIEW_INVALID_PRICE_PRECISION"]


# ---- faults of orders ----


def test_an_order_can_be_refused_by_fault(client: CoinbaseClient) -> None:
    client.venue.faults.arm({"kind": "reject_order"})
    client.venue.faults.arm({"kind": "reject_order", "body": "ORDER_ENTRY_DISABLED"})
    order = {"market_market_ioc": {"quote_size": "10"}}
    assert client.refusal(order)["error"] == "INSUFFICIENT_FUND"
    assert client.refusal(order)["error"] == "ORDER_ENTRY_DISABLED"
    assert client.place(order).filled > 0


def test_an_order_can_be_accepted_and_fail_afterwards(client: CoinbaseClient) -> None:
    client.venue.faults.arm({"kind": "reject_order", "body": "FAILED"})
    order = client.place({"market_market_ioc": {"quote_size": "10"}})
    shown = client.order(order)
    assert (shown["status"], shown["filled_size"], shown["settled"]) == ("FAILED", "0", True)
    assert client.wallet("USD") == (3000, 0)


def test_a_refused_order_may_be_live_all_the_same(client: CoinbaseClient) -> None:
    client.venue.faults.arm({"kind": "reject_order"})
    client.switch("refused_orders_live", True)
    limit = {"limit_limit_gtc": {"base_size": "0.005", "limit_price": client.away("0.9")}}
    answer = client.create(limit, client_id="mine")
    assert answer["error_response"]["error"] == "COMMANDER_REJECTED_NEW_ORDER"
    rows = client.get("orders/historical/batch")["orders"]
    assert [row["client_order_id"] for row in rows] == ["mine"]
    assert client.place(limit, client_id="mine").id == rows[0]["order_id"]


def test_a_fault_can_fill_an_order_in_part(client: CoinbaseClient) -> None:
    client.venue.faults.arm({"kind": "partial_fill", "count": 2})
    coins = client.place({"sor_limit_ioc": {"base_size": "0.01", "limit_price": client.away("1.01")}})
    money = client.place({"market_market_ioc": {"quote_size": "100"}})
    client.real_seconds(1)
    assert (coins.filled, client.order(coins)["status"]) == (Decimal("0.005"), "CANCELLED")
    assert Decimal(client.order(money)["total_value_after_fees"]) < 60


def test_a_fault_can_hold_fills_back(client: CoinbaseClient) -> None:
    client.venue.faults.arm({"kind": "late_fill", "seconds": 3})
    order = client.place({"market_market_ioc": {"base_size": "0.005"}})
    client.real_seconds(1)
    assert (client.order(order)["status"], client.wallet("BTC")) == ("OPEN", (0, 0))
    client.real_seconds(2)
    assert (client.order(order)["status"], client.wallet("BTC")) == ("FILLED", (Decimal("0.005"), 0))


def test_balances_can_be_stale(client: CoinbaseClient) -> None:
    client.real_seconds(60)
    client.buy()
    client.venue.faults.arm({"kind": "stale_balance", "seconds": 30, "count": 1})
    assert client.wallet("BTC") == (0, 0)
    assert client.wallet("BTC") == (Decimal("0.005"), 0)
