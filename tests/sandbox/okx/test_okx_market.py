"""Public data: what is listed, candles and their pages, rate limits on the market clock."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from bot.sandbox.core.venue import Request
from tests.sandbox.okx.okx_client import START_MS, OkxClient, Row

FIVE = 300_000


def public(client: OkxClient, path: str, **query: Any) -> list[Any]:
    return client.ask(path, **query)


def code_of(client: OkxClient, path: str, **query: Any) -> tuple[int, str]:
    answer = client.send(client.request("GET", path, query))
    return answer.status, json.loads(answer.body)["code"]


def test_spot_and_swaps_say_their_sizes_in_their_own_units() -> None:
    client = OkxClient(pairs=None)
    spot = {row["instId"]: row for row in public(client, "public/instruments", instType="SPOT")}
    assert {"BTC-USDT", "ETH-USDT", "LINK-USDT", "USDC-USDT"} <= spot.keys()
    btc = spot["BTC-USDT"]
    assert (btc["lotSz"], btc["minSz"], btc["tickSz"], btc["ctVal"]) == ("0.00000001", "0.00001", "0.1", "")
    swap = public(client, "public/instruments", instType="SWAP", instId="BTC-USDT-SWAP")[0]
    assert (swap["lotSz"], swap["ctVal"], swap["ctValCcy"], swap["settleCcy"]) == ("0.01", "0.01", "BTC", "USDT")
    assert swap["instIdCode"] == 10459
    assert len({row["instIdCode"] for row in spot.values()}) == len(spot)
    assert spot["DOT-USDT"]["state"] == "suspend"
    assert START_MS - int(spot["AVAX-USDT"]["listTime"]) == 2 * 3_600_000
    assert public(client, "public/instruments", instType="FUTURES") == []


def test_a_suspended_pair_has_no_ticker_in_the_list(client: OkxClient) -> None:
    names = {row["instId"] for row in public(client, "market/tickers", instType="SPOT")}
    assert "BTC-USDT" in names
    assert "DOT-USDT" not in names


def test_candles_come_newest_first_and_the_first_is_unconfirmed(client: OkxClient) -> None:
    client.seconds(61)
    rows = public(client, "market/candles", instId="BTC-USDT", bar="5m", limit=300)
    times = [int(row[0]) for row in rows]
    assert len(rows) == 300
    assert {a - b for a, b in pairwise(times)} == {FIVE}
    assert [row[8] for row in rows[:3]] == ["0", "1", "1"]
    assert times[0] == client.clock.market_ms() // FIVE * FIVE
    assert all(len(row) == 9 and all(isinstance(cell, str) for cell in row) for row in rows)


def test_pages_of_candles_exclude_their_bounds(client: OkxClient) -> None:
    rows = public(client, "market/candles", instId="BTC-USDT", bar="5m", limit=10)
    older = public(client, "market/candles", instId="BTC-USDT", bar="5m", limit=10, after=rows[-1][0])
    assert int(older[0][0]) == int(rows[-1][0]) - FIVE
    newer = public(client, "market/candles", instId="BTC-USDT", bar="5m", before=rows[3][0])
    assert newer == rows[:3]
    both = public(client, "market/candles", instId="BTC-USDT", bar="5m", before=rows[5][0], after=rows[1][0])
    assert both == rows[2:5]
    newest = public(client, "market/candles", instId="BTC-USDT", bar="5m", before=older[-1][0], limit=4)
    assert newest == rows[:4]


def test_candles_reach_1440_bars_and_the_history_further(client: OkxClient) -> None:
    old = client.clock.market_ms() - 1_600 * FIVE
    assert public(client, "market/candles", instId="BTC-USDT", bar="5m", after=old) == []
    rows = public(client, "market/history-candles", instId="BTC-USDT", bar="5m", after=old, limit=300)
    assert len(rows) == 300
    assert {row[8] for row in rows} == {"1"}


@pytest.mark.parametrize(("bar", "hour"), [("1Dutc", 0), ("1D", 16), ("12Hutc", 0), ("12H", 16), ("6H", 22), ("4H", 0)])
def test_days_open_at_the_hour_their_name_says(client: OkxClient, bar: str, hour: int) -> None:
    row = public(client, "market/candles", instId="BTC-USDT", bar=bar, limit=2)[1]
    step = 24 if bar.startswith("1D") else int(bar[0:2].rstrip("H"))
    assert int(row[0]) // 3_600_000 % step == hour % step


def test_longer_bars_are_made_of_the_shorter_ones(client: OkxClient) -> None:
    hour = public(client, "market/candles", instId="BTC-USDT", bar="1H", limit=2)[1]
    end = int(hour[0]) + 3_600_000
    parts = public(client, "market/candles", instId="BTC-USDT", bar="5m", before=int(hour[0]) - 1, after=end)
    assert len(parts) == 12
    assert hour[1] == parts[-1][1]
    assert hour[4] == parts[0][4]
    assert Decimal(hour[2]) == max(Decimal(row[2]) for row in parts)
    assert Decimal(hour[5]) == sum(Decimal(row[5]) for row in parts)


def test_volumes_of_swaps_are_contracts(client: OkxClient) -> None:
    spot = public(client, "market/candles", instId="BTC-USDT", bar="5m", limit=2)[1]
    swap = public(client, "market/candles", instId="BTC-USDT-SWAP", bar="5m", limit=2)[1]
    assert Decimal(swap[5]) == Decimal(spot[5]) * 100
    assert swap[6] == spot[5]


@pytest.mark.parametrize(
    ("words", "status", "code"),
    [
        ({"instId": "NO-SUCH"}, 200, "51001"),
        ({"instId": "BTC-USDT", "bar": "1h"}, 400, "51000"),
        ({"instId": "BTC-USDT", "bar": "5M"}, 400, "51000"),
        ({}, 400, "50014"),
    ],
)
def test_questions_that_make_no_sense(client: OkxClient, words: dict[str, str], status: int, code: str) -> None:
    assert code_of(client, "market/candles", **words) == (status, code)


@pytest.mark.parametrize("defect", ["nan", "zero", "negative", "duplicate", "missing", "out_of_order", None])
def test_bad_candles_are_bad_once_and_right_again(client: OkxClient, defect: str | None) -> None:
    good = public(client, "market/candles", instId="BTC-USDT", bar="5m")
    client.venue.faults.arm({"kind": "bad_candle", "count": 1, **({"body": defect} if defect else {})})
    assert public(client, "market/candles", instId="BTC-USDT", bar="5m") != good
    assert public(client, "market/candles", instId="BTC-USDT", bar="5m") == good


def test_the_book_stands_around_the_ticker(client: OkxClient) -> None:
    ticker = public(client, "market/ticker", instId="BTC-USDT")[0]
    book = public(client, "market/books", instId="BTC-USDT", sz=5)[0]
    assert book["asks"][0][0] == ticker["askPx"]
    assert book["bids"][0][0] == ticker["bidPx"]
    assert len(book["asks"]) == len(book["bids"]) == 5
    assert ticker["last"] in {ticker["askPx"], ticker["bidPx"]}


def test_trades_page_by_id_or_by_time(client: OkxClient) -> None:
    rows = public(client, "market/history-trades", instId="BTC-USDT", limit=5)
    older = public(client, "market/history-trades", instId="BTC-USDT", limit=5, after=rows[-1]["tradeId"])
    assert int(older[0]["tradeId"]) == int(rows[-1]["tradeId"]) - 1
    assert code_of(client, "market/history-trades", instId="BTC-USDT", type=2, before=5)[1] == "50039"


def test_limits_follow_the_market_clock(client: OkxClient) -> None:
    client.venue.switches.set("rate_limit_percent", 100)
    answers = [code_of(client, "account/balance") for _ in range(11)]
    assert answers[9:] == [(200, "0"), (429, "50011")]
    client.venue.switches.set("rate_limit_status", 200)
    assert code_of(client, "account/balance") == (200, "50011")
    client.seconds(2)
    assert code_of(client, "account/balance") == (200, "0")


def test_order_limits_are_by_instrument_and_count_each_order_of_a_batch(client: OkxClient) -> None:
    client.venue.switches.set("rate_limit_percent", 100)
    one = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "px": client.away(-4), "sz": "1"}
    codes = [client.post("trade/batch-orders", [one] * 20)["code"] for _ in range(16)]
    assert codes[14:] == ["1", "50011"]
    assert client.post("trade/order", one)["code"] == "1"
    swap = {**one, "instId": "BTC-USDT-SWAP", "tdMode": "cross"}
    assert client.post("trade/batch-orders", [swap] * 2)["code"] != "50011"


def test_maintenance_is_announced(client: OkxClient) -> None:
    assert public(client, "system/status") == []
    request = Request("GET", "/api/v5/system/status", "", {}, b"")
    row: Row = json.loads(client.venue.wire.maintenance(request).body)["data"][0]
    assert row["state"] == "ongoing"
    other = client.venue.wire.maintenance(client.request("GET", "account/balance"))
    assert (other.status, json.loads(other.body)["code"]) == (503, "50001")


def test_contracts_of_all_kinds_are_listed_and_say_so() -> None:
    client = OkxClient(pairs=1)
    rows = {row["instId"]: row for row in public(client, "public/instruments", instType="SWAP")}
    assert {name: (row["ruleType"], row["instCategory"]) for name, row in rows.items()} == {
        "BTC-USDT-SWAP": ("normal", "1"),
        "MEGA-USDT-SWAP": ("pre_market", "1"),
        "MON-USDT-SWAP": ("rebase_contract", "1"),
        "TSLA-USDT-SWAP": ("normal", "3"),
        "XAU-USDT-SWAP": ("normal", "4"),
    }
    assert {row["instCategory"] for row in public(client, "public/instruments", instType="SPOT")} == {"1"}
    assert code_of(client, "market/ticker", instId="TSLA-USDT")[1] == "51001"
    assert "TSLA" not in {row["ccy"] for row in client.ask("asset/currencies")}
    for name in rows:
        placed = client.swap("buy", "1", instId=name)
        assert placed["sCode"] == "0", placed
        assert client.show(placed["ordId"], name)["state"] == "filled"
    assert {row["instId"] for row in client.ask("account/positions")} == rows.keys()
