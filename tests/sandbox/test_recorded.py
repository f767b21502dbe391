"""The local Kraken's public responses have the keys and JSON types of recorded real ones."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.kraken_client import KrakenClient

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "exchanges" / "recorded" / "kraken"
CASES = {
    "http_asset_pairs.json": ("AssetPairs", {"pair": "XBTUSDT"}),
    "http_ohlc.json": ("OHLC", {"pair": "XBTUSDT", "interval": "1"}),
    "http_order_book.json": ("Depth", {"pair": "XBTUSDT", "count": "5"}),
    "http_server_time.json": ("Time", {}),
    "http_system_status.json": ("SystemStatus", {}),
    "http_ticker.json": ("Ticker", {"pair": "XBTUSDT"}),
    "http_trades.json": ("Trades", {"pair": "XBTUSDT"}),
}
OPTIONAL = {"long_position_limit", "short_position_limit", "execution_venue"}
#: Lists that had more items in 2025: another account's leverage, and fees that pairs no longer show.
CHANGED = ("leverage_buy", "leverage_sell", "fees", "fees_maker")


def shape(value: Any) -> Any:
    """Keys and types; a list of rows counts as its first row, a numeric string by its decimals."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items() if key not in OPTIONAL}
    if isinstance(value, list):
        return [shape(inner) for inner in value] if len(value) < 9 else [shape(value[0]), "…"]
    return type(value).__name__


@pytest.mark.parametrize("name", CASES)
def test_shapes_equal_the_recorded_ones(name: str) -> None:
    if not FOLDER.is_dir():
        pytest.skip(f"no recorded payloads in {FOLDER}")
    recorded = json.loads((FOLDER / name).read_text())
    method, words = CASES[name]
    answer = all_pairs().public(method, **words)
    if method == "AssetPairs":
        for part in (recorded, answer):
            for field in CHANGED:
                assert isinstance(part["result"]["XBTUSDT"].pop(field), list)
    assert shape(answer) == shape(recorded)


def test_ohlc_has_720_committed_candles_and_the_running_one() -> None:
    rows = all_pairs().public("OHLC", pair="XBTUSDT", interval="1")["result"]
    times = [row[0] for row in rows["XBTUSDT"]]
    assert len(times) == 721
    assert {b - a for a, b in pairwise(times)} == {60}
    assert rows["last"] == times[-2]


def test_ohlc_since_is_exclusive_and_the_running_candle_always_there() -> None:
    client = all_pairs()
    last = client.public("OHLC", pair="XBTUSDT", interval="5")["result"]["last"]
    times = [row[0] for row in client.public("OHLC", pair="XBTUSDT", interval="5", since=last)["result"]["XBTUSDT"]]
    assert times == [last + 300]
    later = client.public("OHLC", pair="XBTUSDT", interval="5", since=last + 10_000)["result"]["XBTUSDT"]
    assert [row[0] for row in later] == [last + 300]
    assert client.public("OHLC", pair="XBTUSDT", interval="7")["error"] == ["EGeneral:Invalid arguments:interval"]


def test_trades_page_without_gap_or_repetition() -> None:
    client = all_pairs()
    start = client.exchange.now // 1000 - 3600
    once = client.public("Trades", pair="XBTUSDT", since=start)["result"]["XBTUSDT"]
    paged, since = [], str(start)
    while True:
        client.seconds(0)
        page = client.public("Trades", pair="XBTUSDT", since=since, count=400)["result"]
        if not page["XBTUSDT"]:
            break
        paged += page["XBTUSDT"]
        since = page["last"]
    assert [row[6] for row in paged[: len(once)]] == [row[6] for row in once]
    assert len({row[6] for row in paged}) == len(paged)


def test_a_newly_listed_pair_has_few_candles_and_others_are_to_be_avoided() -> None:
    client = all_pairs()
    pairs = client.public("AssetPairs")["result"]
    assert pairs["DOTUSDT"]["status"] == "cancel_only"
    assert {"USDTZUSD", "USDCUSD", "XXBTZUSD"} <= set(pairs)
    assert len(client.public("OHLC", pair="AVAXUSDT", interval="5")["result"]["AVAXUSDT"]) < 30


def all_pairs() -> KrakenClient:
    return KrakenClient(pairs=None)
