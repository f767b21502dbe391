"""What a list of orders omits or adds: sources, products, a second factor, hanging cancels; and closed markets."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from bot.sandbox.coinbase import codes
from bot.sandbox.coinbase.words import rfc3339
from bot.sandbox.core.values import Kind, Origin, Side, Ticket
from tests.sandbox.coinbase.coinbase_client import BROKERAGE, CoinbaseClient

BATCH = "orders/historical/batch"


def listed(client: CoinbaseClient, **query: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = client.get(BATCH, query)["orders"]
    return rows


def ids(client: CoinbaseClient, **query: Any) -> list[str]:
    return [row["order_id"] for row in listed(client, **query)]


# ---- sources ----


def by_hand(client: CoinbaseClient) -> str:
    ticket = Ticket("main", "BTC-USD", Side.BUY, Kind.MARKET, qty=Decimal("0.001"), origin=Origin.MANUAL)
    order = client.exchange.place(ticket)
    client.real_seconds(1)
    return order.id


def test_orders_and_trades_of_the_simple_app_are_in_neither_list(client: CoinbaseClient) -> None:
    owners, ours = by_hand(client), client.buy("0.001").id
    assert ids(client) == ids(client, order_placement_source="RETAIL_ADVANCED") == [ours]
    assert ids(client, order_placement_source="RETAIL_SIMPLE") == [owners]
    assert {fill["order_id"] for fill in client.get("orders/historical/fills")["fills"]} == {ours}
    assert client.get(f"orders/historical/{owners}")["order"]["order_placement_source"] == "RETAIL_SIMPLE"


def test_what_the_owner_does_on_the_advanced_page_is_in_both(client: CoinbaseClient) -> None:
    client.switch("hand_orders_advanced", True)
    owners = by_hand(client)
    assert ids(client) == [owners]
    assert {fill["order_id"] for fill in client.get("orders/historical/fills")["fills"]} == {owners}


# ---- other products ----


def test_a_list_of_all_products_may_have_a_row_without_a_side(client: CoinbaseClient) -> None:
    ours = client.limit("0.9")
    assert ids(client) == [ours.id]
    client.switch("foreign_product_rows", True)
    row = next(row for row in listed(client) if row["order_id"] != ours.id)
    assert (row["side"], row["product_type"], row["status"]) == ("", "UNKNOWN_PRODUCT_TYPE", "OPEN")
    assert row in listed(client, order_status="OPEN")
    assert (
        ids(client, product_type="SPOT")
        == ids(client, product_ids="BTC-USD")
        == ids(client, order_side="BUY")
        == [ours.id]
    )
    assert row not in listed(client, start_date=rfc3339(client.clock.market_ms() - 1000))
    assert client.get(f"orders/historical/{row['order_id']}")["order"] == row


# ---- the second factor ----


def test_a_list_behind_a_second_factor_is_empty_and_says_so(client: CoinbaseClient) -> None:
    order = client.limit("0.9")
    assert client.get(BATCH)["proof_token_required"] is False
    client.switch("proof_token_required", True)
    answer = client.get(BATCH)
    assert (answer["orders"], answer["has_next"], answer["proof_token_required"]) == ([], False, True)
    proven = client.get(BATCH, proof_token="shown")
    assert ([row["order_id"] for row in proven["orders"]], proven["proof_token_required"]) == ([order.id], False)
    client.switch("proof_token_shows_rows", True)
    answer = client.get(BATCH)
    assert (len(answer["orders"]), answer["proof_token_required"]) == (1, True)


# ---- live statuses ----


def test_a_cancel_that_hangs_is_a_status_of_its_own(client: CoinbaseClient) -> None:
    client.switch("cancel_ms", 600_000)
    order = client.limit("0.9")
    assert client.post("orders/batch_cancel", order_ids=[order.id])["results"][0]["success"]
    client.real_seconds(599)
    assert ids(client, order_status="OPEN") == []
    assert (
        ids(client, order_status="CANCEL_QUEUED") == ids(client, order_status=["OPEN", "CANCEL_QUEUED"]) == [order.id]
    )
    client.real_seconds(1)
    assert ids(client, order_status="CANCELLED") == [order.id]


def test_each_live_status_is_a_filter_value(client: CoinbaseClient) -> None:
    client.switch("pending_ms", 30)
    order = client.limit("0.9")
    assert ids(client, order_status="PENDING") == [order.id]
    for status in ("OPEN", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED", "UNKNOWN_ORDER_STATUS"):
        assert ids(client, order_status=status) == []


# ---- rows ----


def test_rows_have_the_fields_of_today(client: CoinbaseClient) -> None:
    order = client.buy("0.001")
    row = client.order(order)
    assert (row["workable_size"], row["current_pending_replace"], row["product_details"]) == ("", None, None)
    assert row["commission_detail_total"]["total_commission"] == row["total_fees"]
    assert row["prediction_side"] == "PREDICTION_SIDE_UNKNOWN"
    assert row["displayed_order_config"] == "UNKNOWN_DISPLAYED_ORDER_CONFIG"
    assert row["cost_basis_method"] == "COST_BASIS_METHOD_UNSPECIFIED"


def test_a_list_can_be_sorted_by_the_last_change(client: CoinbaseClient) -> None:
    first = client.limit("0.9")
    client.seconds(10)
    second = client.limit("0.9")
    client.seconds(10)
    client.post("orders/batch_cancel", order_ids=[first.id])
    client.seconds(1)
    assert ids(client) == [second.id, first.id]
    assert ids(client, sort_by="LAST_UPDATE_TIME") == [first.id, second.id]
    assert client.order(first)["last_update_time"] == rfc3339(first.closed_ms or 0)


def test_orders_in_usdc_may_be_reported_under_the_book_they_share(client: CoinbaseClient) -> None:
    order = client.buy("0.001", product_id="BTC-USDC")
    assert client.order(order)["product_id"] == "BTC-USDC"
    client.switch("usdc_orders_canonical", True)
    assert client.order(order)["product_id"] == "BTC-USD"
    assert ids(client, product_ids="BTC-USD") == ids(client, product_ids="BTC-USDC") == [order.id]
    (fill,) = {fill["product_id"] for fill in client.get("orders/historical/fills", product_ids="BTC-USD")["fills"]}
    assert fill == "BTC-USD"


# ---- closed markets and preview codes ----


@pytest.mark.parametrize("word", ["INELIGIBLE_PAIR", "TRADING_DISABLED", "MISSING_PRODUCT_PRICE_BOOK"])
def test_one_market_can_refuse_in_any_listed_word(client: CoinbaseClient, word: str) -> None:
    client.switch("market_refusal.BTC-USD", word)
    market = {"market_market_ioc": {"base_size": "0.005"}}
    error = client.refusal(market)
    assert word in {error["error"], error["preview_failure_reason"].removeprefix("PREVIEW_")}
    shown = client.post("orders/preview", product_id="BTC-USD", side="BUY", order_configuration=market)
    assert shown["errs"] == [f"PREVIEW_{word}"]
    assert client.create(market, product_id="ETH-USD")["success"]


def test_a_disabled_product_may_say_so_in_another_word(client: CoinbaseClient) -> None:
    client.switch("product_flag.BTC-USD", "trading_disabled")
    market = {"market_market_ioc": {"base_size": "0.005"}}
    assert client.refusal(market)["error"] == "UNTRADABLE_PRODUCT"
    client.switch("disabled_is_trading_disabled", True)
    assert client.refusal(market)["error"] == "TRADING_DISABLED"


def test_best_bid_and_ask_may_leave_a_product_out(client: CoinbaseClient) -> None:
    client.switch("quote.BTC-USD", "left_out")
    assert client.get("best_bid_ask", product_ids="BTC-USD") == {"pricebooks": []}
    both = client.get("best_bid_ask", product_ids=["BTC-USD", "ETH-USD"])["pricebooks"]
    assert [row["product_id"] for row in both] == ["ETH-USD"]
    asked = {"product_id": "BTC-USD", "side": "BUY", "order_configuration": {"market_market_ioc": {"base_size": "1"}}}
    assert client.post("orders/preview", **asked)["errs"] == ["PREVIEW_MISSING_PRODUCT_PRICE_BOOK"]
    client.switch("quote.BTC-USD", "empty")
    (row,) = client.get("best_bid_ask", product_ids="BTC-USD")["pricebooks"]
    assert (row["bids"], row["asks"]) == ([], [])


def test_cancels_can_be_refused(client: CoinbaseClient) -> None:
    order = client.limit("0.9")
    client.switch("cancel_refused", "COMMANDER_REJECTED_CANCEL_ORDER")
    (row,) = client.post("orders/batch_cancel", order_ids=[order.id])["results"]
    assert (row["success"], row["failure_reason"], order.working) == (False, "COMMANDER_REJECTED_CANCEL_ORDER", True)
    with pytest.raises(ValueError, match="one of"):
        client.switch("cancel_refused", "NO_SUCH_WORD")


def test_the_lists_of_words_are_those_of_today() -> None:
    """About 130 preview codes, most of them with and without the prefix."""
    assert {"DUPLICATE_CLIENT_ORDER_ID", "TRADING_DISABLED", "INELIGIBLE_PAIR"} <= codes.NEW_ORDER
    assert {"PREVIEW_TRADING_DISABLED", "PREVIEW_MISSING_PRODUCT_PRICE_BOOK"} <= codes.PREVIEW
    assert not any(word.startswith("PREVIEW_") for word in codes.NEW_ORDER)


# ---- the edge ----


@pytest.mark.parametrize(
    ("style", "status", "text"), [("html", 503, b"<html>"), ("text", 503, b"go/sg/"), ("empty", 502, b"")]
)
def test_the_edge_has_several_faces(client: CoinbaseClient, style: str, status: int, text: bytes) -> None:
    client.switch("maintenance_style", style)
    answer = client.venue.wire.maintenance(None)  # type: ignore[arg-type]
    assert (answer.status, answer.body.startswith(text), bool(answer.body)) == (status, True, bool(text))


def test_a_rate_limit_may_be_a_page_of_kilobytes(client: CoinbaseClient) -> None:
    client.switch("rate_limit_style", "html")
    client.switch("private_per_second", 0)
    answer = client.send("POST", BROKERAGE + "orders", body=b"{}")
    assert (answer.status, answer.content_type.split(";")[0], len(answer.body) > 2000) == (429, "text/html", True)
