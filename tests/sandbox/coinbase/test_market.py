"""Coinbase's market data: products and those a universe must leave out, candles with gaps, books, trades, time."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.coinbase.public import MINUTES
from tests.sandbox.coinbase.coinbase_client import BROKERAGE, START_MS, CoinbaseClient

FLAGS = ("is_disabled", "trading_disabled", "cancel_only", "limit_only", "post_only", "auction_mode", "view_only")
MINUTE = 60


def products(client: CoinbaseClient, **query: Any) -> dict[str, dict[str, Any]]:
    return {row["product_id"]: row for row in client.get("market/products", query)["products"]}


def candles(
    client: CoinbaseClient, start: int, end: int, granularity: str = "ONE_MINUTE", **more: Any
) -> list[dict[str, str]]:
    query = {"start": start, "end": end, "granularity": granularity, **more}
    rows: list[dict[str, str]] = client.get("products/BTC-USD/candles", query)["candles"]
    return rows


# ---- products ----


def test_the_default_listing(tmp_path: Path) -> None:
    client = CoinbaseClient(tmp_path, pairs=None)
    listed = products(client)
    tradable = {"BTC", "ETH", "SOL", "XRP", "DOGE", "ADA", "LTC", "LINK"}
    assert {f"{coin}-USD" for coin in tradable} | {"BTC-USDC", "ETH-USDC", "SOL-USDC"} <= set(listed)
    good = {
        name
        for name, row in listed.items()
        if row["status"] == "online" and not row["new"] and not any(row[flag] for flag in FLAGS)
    }
    assert set(listed) - good == {"DOT-USD", "AVAX-USD"}
    assert (listed["DOT-USD"]["cancel_only"], listed["AVAX-USD"]["new"]) == (True, True)


def test_a_twin_is_an_alias_with_wallets_of_its_own(client: CoinbaseClient) -> None:
    listed = products(client)
    dollar, twin = listed["BTC-USD"], listed["BTC-USDC"]
    assert (dollar["alias"], dollar["alias_to"]) == ("", ["BTC-USDC"])
    assert (twin["alias"], twin["alias_to"]) == ("BTC-USD", [])
    assert (twin["quote_currency_id"], twin["quote_display_symbol"], twin["price"]) == ("USDC", "USD", dollar["price"])


def test_a_product_says_its_increments_and_minimums(client: CoinbaseClient) -> None:
    row = client.get("market/products/BTC-USD")
    names = ("base_increment", "price_increment", "quote_increment", "quote_min_size", "base_min_size")
    assert [row[name] for name in names] == ["0.00000001", "0.01", "0.01", "1", "0.00000001"]
    assert client.get("products/BTC-USD")["product_id"] == "BTC-USD"
    status, text = client.refused("GET", "market/products/NOPE-USD")
    assert (status, json.loads(text)["message"]) == (404, "Product NOPE-USD not supported")


def test_products_are_chosen_and_counted(client: CoinbaseClient) -> None:
    assert set(products(client, product_ids=["BTC-USD", "ETH-USD"])) == {"BTC-USD", "ETH-USD"}
    assert products(client, product_type="FUTURE") == {}
    answer = client.get("market/products", limit=2, offset=1)
    assert (len(answer["products"]), answer["pagination"]["has_next"]) == (2, False)
    assert answer["num_products"] == len(products(client))
    client.switch("num_products_text", True)
    client.switch("products_without_pagination", True)
    answer = client.get("products")
    assert (answer["num_products"], "pagination" in answer) == (str(len(answer["products"])), False)


# ---- candles ----


def test_candles_come_newest_first_with_the_running_one(client: CoinbaseClient) -> None:
    now = client.clock.market_ms() // 1000
    rows = candles(client, now - 30 * MINUTE, now)
    starts = [int(row["start"]) for row in rows]
    assert starts == sorted(starts, reverse=True)
    assert starts[0] == now // MINUTE * MINUTE
    for row in rows:
        low, high = Decimal(row["low"]), Decimal(row["high"])
        assert low <= min(Decimal(row["open"]), Decimal(row["close"]))
        assert high >= max(Decimal(row["open"]), Decimal(row["close"]))
        assert Decimal(row["volume"]) > 0


def test_too_many_candles_are_refused_and_not_cut(client: CoinbaseClient) -> None:
    now = START_MS // 1000 // 300 * 300
    assert candles(client, now - 350 * 300, now, "FIVE_MINUTE")
    query = f"start={now - 351 * 300}&end={now}&granularity=FIVE_MINUTE"
    status, text = client.refused("GET", "products/BTC-USD/candles", query)
    assert (status, "number of candles requested should be less than 350 " in text) == (400, True)
    client.switch("candles_max", 349)
    query = f"start={now - 350 * 300}&end={now}&granularity=FIVE_MINUTE"
    assert client.refused("GET", "products/BTC-USD/candles", query)[0] == 400


def test_the_end_of_a_span_is_inclusive_or_not(client: CoinbaseClient) -> None:
    end = (START_MS // 1000 - 3600) // 300 * 300
    assert int(candles(client, end - 3000, end, "FIVE_MINUTE")[0]["start"]) == end
    client.switch("candles_end_inclusive", False)
    assert int(candles(client, end - 3000, end, "FIVE_MINUTE")[0]["start"]) == end - 300


def test_a_time_without_trades_has_no_candles(client: CoinbaseClient) -> None:
    now = client.clock.market_ms() // 1000 // 300 * 300
    whole = candles(client, now - 300 * 300, now, "FIVE_MINUTE")
    client.switch("quiet_percent", 30)
    left = candles(client, now - 300 * 300, now, "FIVE_MINUTE")
    assert 0.55 < len(left) / len(whole) < 0.85
    assert [row for row in whole if row in left] == left
    quiet = {int(row["start"]) for row in whole} - {int(row["start"]) for row in left}
    minutes = {int(row["start"]) // 300 * 300 for row in candles(client, now - 300 * MINUTE, now)}
    assert not quiet & minutes
    assert len(candles(client, now - 20 * 3600, now, "ONE_HOUR")) == 20


def test_a_newly_listed_product_has_few_candles(client: CoinbaseClient) -> None:
    now = START_MS // 1000
    query = {"start": now - 300 * 300, "end": now, "granularity": "FIVE_MINUTE"}
    rows = client.get("products/AVAX-USD/candles", query)["candles"]
    assert 20 <= len(rows) <= 26


@pytest.mark.parametrize("granularity", MINUTES)
def test_each_granularity_adds_up(client: CoinbaseClient, granularity: str) -> None:
    length = MINUTES[granularity] * MINUTE
    start = (START_MS // 1000 - 3 * length) // length * length
    [bar] = [row for row in candles(client, start, start, granularity) if int(row["start"]) == start]
    minutes = [row for row in candles(client, start, start + min(length, 18_000) - 1) if int(row["start"]) >= start]
    assert (bar["open"], len(minutes) <= min(length, 18_000) // 60) == (minutes[-1]["open"], True)
    if length <= 18_000:
        assert bar["close"] == minutes[0]["close"]
        assert Decimal(bar["high"]) == max(Decimal(row["high"]) for row in minutes)
        assert Decimal(bar["volume"]) == sum(Decimal(row["volume"]) for row in minutes)


def test_a_strange_granularity_is_refused(client: CoinbaseClient) -> None:
    assert client.refused("GET", "products/BTC-USD/candles", "start=1&end=2&granularity=ONE_YEAR")[0] == 400


@pytest.mark.parametrize("defect", ["nan", "zero", "negative", "duplicate", "missing", "out_of_order", None])
def test_a_fault_spoils_candles(client: CoinbaseClient, defect: str | None) -> None:
    now = client.clock.market_ms() // 1000
    good = candles(client, now - 30 * MINUTE, now)
    client.venue.faults.arm({"kind": "bad_candle", "count": 1, **({"body": defect} if defect else {})})
    assert candles(client, now - 30 * MINUTE, now) != good
    assert candles(client, now - 30 * MINUTE, now) == good


# ---- books and trades ----


def test_the_book_is_sorted_and_its_best_are_the_quote(client: CoinbaseClient) -> None:
    answer = client.get("market/product_book", product_id="BTC-USD", limit=20)
    bids, asks = ([Decimal(row["price"]) for row in answer["pricebook"][side]] for side in ("bids", "asks"))
    assert (len(bids), bids, asks) == (20, sorted(bids, reverse=True), sorted(asks))
    assert Decimal(answer["spread_absolute"]) == asks[0] - bids[0] > 0
    best = client.get("best_bid_ask", product_ids=["BTC-USD", "ETH-USD"])["pricebooks"]
    assert [row["product_id"] for row in best] == ["BTC-USD", "ETH-USD"]
    assert (Decimal(best[0]["bids"][0]["price"]), len(best[0]["asks"])) == (bids[0], 1)
    assert len(client.get("best_bid_ask")["pricebooks"]) == len(products(client))


def test_the_ticker_shows_the_newest_trades_at_most_a_hundred(client: CoinbaseClient) -> None:
    answer = client.get("products/BTC-USD/ticker", limit=500)
    times = [row["time"] for row in answer["trades"]]
    assert (len(times), times) == (100, sorted(times, reverse=True))
    assert Decimal(answer["trades"][0]["price"]) == client.last
    assert Decimal(answer["best_bid"]) < Decimal(answer["best_ask"])
    assert client.refused("GET", "products/BTC-USD/ticker", "limit=1001")[0] == 500


def test_the_side_of_a_trade_is_the_makers_or_the_takers(client: CoinbaseClient) -> None:
    makers = [row["side"] for row in client.get("products/BTC-USD/ticker", limit=20)["trades"]]
    client.switch("ticker_side_is_taker", True)
    takers = [row["side"] for row in client.get("products/BTC-USD/ticker", limit=20)["trades"]]
    assert all({maker, taker} == {"BUY", "SELL"} for maker, taker in zip(makers, takers, strict=True))


def test_time_is_the_real_one_in_texts(client: CoinbaseClient) -> None:
    client.clock.advance(3600)
    answer = client.get("time")
    assert answer["epochMillis"] == str(client.wall.ms)
    assert answer["epochSeconds"] == str(client.wall.ms // 1000)


def test_public_answers_are_a_second_old_and_private_ones_fresh(client: CoinbaseClient) -> None:
    def price(path: str) -> Decimal:
        return Decimal(client.get(f"{path}/BTC-USD/ticker", limit=1)["trades"][0]["price"])

    before = price("market/products")
    client.jump("1.1")
    assert price("products") == client.last > before
    assert price("market/products") == before
    client.seconds(1)
    assert price("market/products") > before * Decimal("1.05")


def test_a_client_can_ask_past_the_cache(client: CoinbaseClient) -> None:
    path = BROKERAGE + "market/products/BTC-USD"
    before = client.send("GET", path, token="").body
    client.jump("1.1")
    assert client.send("GET", path, token="").body == before
    client.switch("public_cache_ms", 0)
    assert client.send("GET", path, token="").body != before
