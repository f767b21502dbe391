"""The local OKX's responses have the keys and JSON types of recorded real ones (ours may have more keys)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.okx.okx_client import OkxClient

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "exchanges" / "recorded" / "okx"
SWAP = "BTC-USDT-SWAP"


def algo_pending(client: OkxClient) -> list[Any]:
    words = {"instId": SWAP, "tdMode": "cross", "triggerPx": client.away(-3), "orderPx": client.away(-3)}
    assert client.algo("buy", "1", "trigger", **words)["sCode"] == "0"
    return client.ask("trade/orders-algo-pending", ordType="trigger")


def positions(client: OkxClient) -> list[Any]:
    client.swap("buy", "1")
    return client.ask("account/positions")


def history(client: OkxClient) -> list[Any]:
    client.swap("buy", "1")
    return client.ask("trade/orders-history", instType="SWAP")


def pending(client: OkxClient) -> list[Any]:
    client.swap("buy", "1", client.away(-3))
    return client.ask("trade/orders-pending")


CASES: dict[str, Callable[[OkxClient], list[Any]]] = {
    "http_get_account_balance.json": lambda client: client.ask("account/balance"),
    "http_get_candlesticks.json": lambda client: client.ask("market/candles", instId="BTC-USDT"),
    "http_get_instruments_spot.json": lambda client: client.ask("public/instruments", instType="SPOT"),
    "http_get_instruments_swap.json": lambda client: client.ask("public/instruments", instType="SWAP"),
    "http_get_order_book.json": lambda client: client.ask("market/books", instId="BTC-USDT", sz=3),
    "http_get_orders_algo_pending.json": algo_pending,
    "http_get_orders_history.json": history,
    "http_get_orders_pending.json": pending,
    "http_get_positions.json": positions,
    "http_get_trade_fee_response.json": lambda client: client.ask("account/trade-fee", instType="SPOT"),
    "http_get_trades.json": lambda client: client.ask("market/trades", instId="BTC-USDT"),
}
UNUSED = {"uly", "maxSpotInUseAmt"}
"""Drops the second key, which balances have under its newer name, maxSpotInUse."""


@pytest.mark.parametrize("name", CASES)
def test_rows_have_the_recorded_keys_and_types(client: OkxClient, name: str) -> None:
    if not FOLDER.is_dir():
        pytest.skip(f"no recorded payloads in {FOLDER}")
    recorded = json.loads((FOLDER / name).read_text())["data"][0]
    _same(recorded, CASES[name](client)[0], name)


def test_rows_of_orders_have_the_recorded_keys(client: OkxClient) -> None:
    if not FOLDER.is_dir():
        pytest.skip(f"no recorded payloads in {FOLDER}")
    placed = json.loads((FOLDER / "http_place_order_response.json").read_text())
    _same(placed, client.order("buy", "100"), "order")
    refused = json.loads((FOLDER / "http_place_algo_order_rejected.json").read_text())["data"][0]
    _same(refused, client.algo("sell", "0", slTriggerPx="1", slOrdPx="-1"), "algo")


def _same(recorded: Any, ours: Any, where: str) -> None:
    assert type(ours) is type(recorded), where
    if isinstance(recorded, dict):
        for key in recorded.keys() - UNUSED:
            assert key in ours, f"{where}: {key}"
            _same(recorded[key], ours[key], f"{where}: {key}")
    elif isinstance(recorded, list) and recorded and ours:
        _same(recorded[0], ours[0], where)
