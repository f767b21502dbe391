"""Reads: wallets, orders and fills page by page, filters, fees, portfolio, limits, errors, a restart."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.coinbase.words import rfc3339
from bot.sandbox.core.journal import Journal
from bot.sandbox.core.values import Kind, Origin, Side, Ticket
from tests.sandbox.coinbase.coinbase_client import BROKERAGE, CoinbaseClient


def pages(client: CoinbaseClient, path: str, rows: str, **query: Any) -> list[list[dict[str, Any]]]:
    """All pages until there is no cursor."""
    found: list[list[dict[str, Any]]] = []
    cursor = ""
    while not found or cursor:
        answer = client.get(path, {**query, **({"cursor": cursor} if cursor else {})})
        found.append(answer[rows])
        cursor = answer["cursor"]
        assert len(found) < 50
    return found


# ---- wallets ----


def test_the_account_begins_with_dollars_and_usdc(client: CoinbaseClient) -> None:
    rows = client.get("accounts", limit=250)["accounts"]
    funded = {
        row["currency"]: row["available_balance"]["value"] for row in rows if row["available_balance"]["value"] != "0"
    }
    assert funded == {"USD": "3000", "USDC": "2000"}
    assert {row["currency"]: row["type"] for row in rows}["USD"] == "ACCOUNT_TYPE_FIAT"
    assert {row["currency"]: row["type"] for row in rows}["BTC"] == "ACCOUNT_TYPE_CRYPTO"


def test_wallets_come_in_pages(client: CoinbaseClient) -> None:
    whole = client.get("accounts", limit=250)
    assert (whole["has_next"], whole["cursor"], whole["size"]) == (False, "", len(whole["accounts"]))
    paged = pages(client, "accounts", "accounts", limit=2)
    assert [row["uuid"] for page in paged for row in page] == [row["uuid"] for row in whole["accounts"]]
    client.switch("accounts_default_limit", 3)
    assert len(client.get("accounts")["accounts"]) == 3


def test_a_wallet_is_found_by_its_uuid(client: CoinbaseClient) -> None:
    row = client.get("accounts")["accounts"][0]
    assert client.get(f"accounts/{row['uuid']}")["account"]["currency"] == row["currency"]
    assert client.refused("GET", "accounts/nobody")[0] == 404


def test_wallet_types_may_lack_their_prefix(client: CoinbaseClient) -> None:
    client.switch("account_types_unprefixed", True)
    assert {row["type"] for row in client.get("accounts")["accounts"]} == {"FIAT", "CRYPTO"}


# ---- orders ----


def test_orders_come_newest_first_in_pages_without_gaps(client: CoinbaseClient) -> None:
    made = []
    for _ in range(7):
        made.append(client.limit("0.9", size="0.0005").id)
        client.seconds(1)
    paged = pages(client, "orders/historical/batch", "orders", limit=3)
    assert [len(page) for page in paged] == [3, 3, 1]
    assert [row["order_id"] for page in paged for row in page] == made[::-1]
    client.switch("orders_default_limit", 2)
    answer = client.get("orders/historical/batch")
    assert (len(answer["orders"]), answer["has_next"]) == (2, True)


def test_orders_are_filtered(client: CoinbaseClient) -> None:
    resting, bought = client.limit("0.9", size="0.0005"), client.buy("0.001")
    other = client.buy("0.01", product_id="ETH-USD")
    client.seconds(10)
    sold = client.place({"market_market_ioc": {"base_size": "0.001"}}, "SELL")
    client.real_seconds(1)

    def found(**query: Any) -> set[str]:
        return {row["order_id"] for row in client.get("orders/historical/batch", query)["orders"]}

    everything = {resting.id, bought.id, other.id, sold.id}
    assert found() == everything
    assert found(order_status="OPEN") == {resting.id}
    assert found(order_status=["OPEN", "FILLED"]) == everything
    assert found(product_ids=["ETH-USD"]) == found(product_id="ETH-USD") == {other.id}
    assert found(product_ids=["ETH-USD", "BTC-USD"]) == everything
    assert found(order_side="SELL") == {sold.id}
    assert found(order_types="LIMIT") == found(time_in_forces="GOOD_UNTIL_CANCELLED") == {resting.id}
    assert found(order_ids=[sold.id, other.id]) == {sold.id, other.id}
    assert found(start_date=rfc3339(sold.created_ms)) == {sold.id}
    assert found(end_date=rfc3339(sold.created_ms)) == everything - {sold.id}
    assert found(product_type="FUTURE") == set()
    assert found(asset_filters="ETH") == {other.id}


def test_an_open_filter_knows_no_pending_orders(client: CoinbaseClient) -> None:
    client.switch("pending_ms", 30)
    order = client.limit("0.9")
    assert client.get("orders/historical/batch", order_status="OPEN")["orders"] == []
    assert client.get("orders/historical/batch")["orders"][0]["status"] == "PENDING"
    client.real_seconds(0.03)
    assert client.get("orders/historical/batch", order_status="OPEN")["orders"][0]["order_id"] == order.id


def test_open_may_have_to_stand_alone(client: CoinbaseClient) -> None:
    client.switch("open_filter_alone", True)
    assert client.refused("GET", "orders/historical/batch", "order_status=OPEN&order_status=FILLED")[0] == 400
    assert client.get("orders/historical/batch", order_status="OPEN")["orders"] == []


@pytest.mark.parametrize("query", ["order_status=BUSY", "limit=none", "start_date=yesterday", "cursor=%2A"])
def test_filters_that_make_no_sense_are_refused(client: CoinbaseClient, query: str) -> None:
    status, text = client.refused("GET", "orders/historical/batch", query)
    assert (status, json.loads(text)["error"]) == (400, "INVALID_ARGUMENT")


def test_what_the_owner_does_by_hand_is_there_without_a_client_id(client: CoinbaseClient) -> None:
    ticket = Ticket("main", "BTC-USD", Side.BUY, Kind.MARKET, qty=Decimal("0.001"), origin=Origin.MANUAL)
    client.exchange.place(ticket)
    client.real_seconds(1)
    row = client.get("orders/historical/batch", order_placement_source="RETAIL_SIMPLE")["orders"][0]
    assert (row["client_order_id"], row["order_placement_source"], row["status"]) == ("", "RETAIL_SIMPLE", "FILLED")
    assert row["order_configuration"] == {"market_market_ioc": {"base_size": "0.001"}}


# ---- fills ----


def test_fills_come_newest_first_in_pages_without_has_next(client: CoinbaseClient) -> None:
    for _ in range(4):
        client.buy("0.001")
        client.seconds(1)
    whole = client.get("orders/historical/fills")
    assert "has_next" not in whole
    ids = [fill["entry_id"] for fill in whole["fills"]]
    assert len(set(ids)) == len(ids) >= 4
    paged = pages(client, "orders/historical/fills", "fills", limit=2)
    assert [fill["entry_id"] for page in paged for fill in page] == ids
    times = [fill["trade_time"] for fill in whole["fills"]]
    assert times == sorted(times, reverse=True)


def test_the_last_page_of_fills_may_have_a_cursor_to_nothing(client: CoinbaseClient) -> None:
    client.buy("0.001")
    client.switch("fills_cursor_always", True)
    answer = client.get("orders/historical/fills")
    assert answer["cursor"]
    assert client.get("orders/historical/fills", cursor=answer["cursor"]) == {"fills": [], "cursor": ""}


def test_fills_are_filtered(client: CoinbaseClient) -> None:
    first = client.buy("0.001")
    client.seconds(10)
    second = client.buy("0.01", product_id="ETH-USD")

    def found(**query: Any) -> set[str]:
        return {fill["order_id"] for fill in client.get("orders/historical/fills", query)["fills"]}

    assert found() == {first.id, second.id}
    assert found(order_ids=[first.id]) == found(order_id=first.id) == {first.id}
    assert found(product_ids="ETH-USD") == {second.id}
    assert found(start_sequence_timestamp=rfc3339(second.created_ms)) == {second.id}
    assert found(end_sequence_timestamp=rfc3339(second.created_ms)) == {first.id}
    one = client.get("orders/historical/fills", order_ids=first.id)["fills"][0]
    assert client.get("orders/historical/fills", trade_ids=one["trade_id"])["fills"] == [one]


def test_fills_agree_with_their_order(client: CoinbaseClient) -> None:
    order = client.buy("0.02")
    fills = client.get("orders/historical/fills", order_ids=order.id)["fills"]
    shown = client.order(order)
    assert sum(Decimal(fill["size"]) for fill in fills) == Decimal(shown["filled_size"]) == order.filled
    assert sum(Decimal(fill["size"]) * Decimal(fill["price"]) for fill in fills) == Decimal(shown["filled_value"])
    assert sum(Decimal(fill["commission"]) for fill in fills) == Decimal(shown["total_fees"])
    assert int(shown["number_of_fills"]) == len(fills)
    assert {fill["entry_id"] for fill in fills} == set(order.fill_ids)


# ---- fees and portfolio ----


def test_the_fee_tier_is_in_the_middle_of_the_table(client: CoinbaseClient) -> None:
    client.buy("0.005")
    summary = client.get("transaction_summary", product_type="SPOT")
    tier = summary["fee_tier"]
    assert (tier["taker_fee_rate"], tier["maker_fee_rate"], tier["pricing_tier"]) == ("0.0025", "0.0015", "Advanced 4")
    assert isinstance(summary["total_volume"], float)
    assert summary["total_fees"] > 0


def test_the_portfolio_is_broken_down(client: CoinbaseClient) -> None:
    client.buy("0.005")
    uuid = client.get("key_permissions")["portfolio_uuid"]
    breakdown = client.get(f"portfolios/{uuid}")["breakdown"]
    assert {row["asset"] for row in breakdown["spot_positions"]} >= {"USD", "BTC"}
    assert Decimal(4990) < Decimal(breakdown["portfolio_balances"]["total_balance"]["value"]) < 5001
    assert client.refused("GET", "portfolios/another")[0] == 404


# ---- limits and errors ----


def test_private_calls_are_limited_by_user_on_the_market_clock(client: CoinbaseClient) -> None:
    client.switch("private_per_second", 3)
    path = BROKERAGE + "accounts"
    assert [client.send("GET", path).status for _ in range(4)] == [200, 200, 200, 429]
    assert json.loads(client.send("GET", path).body) == {
        "errors": [{"id": "rate_limit_exceeded", "message": "Too many requests"}]
    }
    client.seconds(1)
    assert client.send("GET", path).status == 200
    assert client.send("GET", BROKERAGE + "time").status == 200


@pytest.mark.parametrize(
    ("style", "status", "text"),
    [
        ("resource_exhausted", 429, '"error":"RESOURCE_EXHAUSTED"'),
        ("forbidden", 403, "Too many errors"),
        ("unauthorized", 401, "Unauthorized"),
    ],
)
def test_a_rate_limit_has_several_faces(client: CoinbaseClient, style: str, status: int, text: str) -> None:
    client.switch("rate_limit_style", style)
    client.switch("public_per_second", 1)
    client.switch("public_cache_ms", 0)
    path = BROKERAGE + "time"
    assert client.send("GET", path).status == 200
    refused = client.send("GET", path)
    assert (refused.status, text in refused.body.decode()) == (status, True)


def test_answers_may_tell_what_is_left_and_when_to_come_again(client: CoinbaseClient) -> None:
    path = BROKERAGE + "accounts"
    assert client.send("GET", path).headers == ()
    client.switch("rate_limit_headers", True)
    left = [dict(client.send("GET", path).headers)["x-ratelimit-remaining"] for _ in range(2)]
    assert left == ["28", "27"]
    client.switch("private_per_second", 1)
    client.switch("retry_after_seconds", 3)
    assert dict(client.send("GET", path).headers) == {"retry-after": "3"}
    assert dict(client.send("GET", BROKERAGE + "time", token="").headers) == {"cache-control": "public, max-age=14400"}


def test_an_unknown_path_is_not_found(client: CoinbaseClient) -> None:
    assert client.refused("GET", "nowhere")[0] == 404
    assert client.refused("POST", "accounts")[0] == 404


@pytest.mark.parametrize(
    ("text", "status", "unknown"),
    [
        (None, 500, True),
        ("INTERNAL", 500, True),
        ("UNAVAILABLE", 503, True),
        ("INVALID_ARGUMENT:wrong", 400, False),
        ("PERMISSION_DENIED", 403, False),
        ("Unauthorized", 401, False),
        ("INSUFFICIENT_FUND", 200, False),
        ('{"error":"unknown"}', 500, True),
    ],
)
def test_errors_by_fault_know_whether_the_request_may_have_been_done(
    client: CoinbaseClient, text: str | None, status: int, unknown: bool
) -> None:
    wire = client.venue.wire
    assert (wire.failure(text).status, wire.fate_unknown(text)) == (status, unknown)


def test_refusals_are_counted_by_their_code(client: CoinbaseClient) -> None:
    client.create({"market_market_ioc": {"quote_size": "5000"}})
    client.refused("GET", "orders/historical/nobody")
    client.send("GET", BROKERAGE + "accounts", token="rubbish")
    assert dict(client.venue.tally.rejected) == {"INSUFFICIENT_FUND": 1, "NOT_FOUND": 1, "Unauthorized: no token": 1}
    kinds = [row["kind"] for row in client.exchange.state.timeline.rows]
    assert kinds == ["reject"]


def test_switches_that_hold_words_refuse_others(client: CoinbaseClient) -> None:
    with pytest.raises(ValueError, match="one of"):
        client.switch("duplicate_client_id", "maybe")
    with pytest.raises(ValueError, match="no switch"):
        client.switch("nonsense", True)


# ---- a restart ----


def test_a_restart_remembers_money_orders_ids_keys_and_the_certificate(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    first = CoinbaseClient(tmp_path, journal)
    bought, resting = first.buy(client_id="mine"), first.limit("0.9")
    certificate = (tmp_path / "sandbox-coinbase-ca.pem").read_bytes()
    uuid = first.get("key_permissions")["portfolio_uuid"]
    journal.close()
    second = CoinbaseClient(tmp_path, Journal(tmp_path / "state"))
    assert second.key.key == first.key.key
    assert second.get("key_permissions")["portfolio_uuid"] == uuid
    assert second.limit("0.5", client_id="mine").id == bought.id
    assert second.wallet("BTC") == (Decimal("0.005"), 0)
    second.real_seconds(2)
    assert second.order(second.exchange.state.orders[resting.id])["status"] == "OPEN"
    assert (tmp_path / "sandbox-coinbase-ca.pem").read_bytes() == certificate
    server = (tmp_path / "sandbox-coinbase-server.pem").stat()
    assert server.st_mode & 0o077 == 0
